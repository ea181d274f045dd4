#!/usr/bin/env python3
"""expect.py FILE COMPILER ARGUMENT...: does the compiler say of FILE what FILE's first line says?

The first line is `// expects: <sentence>` (must not compile, and the output holds the sentence) or
`// compiles` (must compile: the control that shows the others fail for their own reason).
"""
import re
import subprocess
import sys


def main() -> int:
    file, *command = sys.argv[1:]
    with open(file, encoding="utf-8") as source:
        first_line = source.readline().strip()
    expected = re.fullmatch(r"// expects: (.+)", first_line)
    if not expected and first_line != "// compiles":
        print(f"{file}:1: expected '// expects: <sentence>' or '// compiles', found '{first_line}'")
        return 1

    # Not -fsyntax-only: what is asserted in a template has to be instantiated.
    ran = subprocess.run(
        [*command, "-O0", "-S", "-o", "/dev/null", "-fdiagnostics-color=never", file],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", env=None, check=False)
    errors = len(re.findall(r"\berror: ", ran.stdout))
    compiled = ran.returncode == 0
    if not expected:
        print(ran.stdout if not compiled else "compiled, as it must")
        return 0 if compiled else 1
    if compiled:
        print(f"{file} compiled; it must fail with: {expected[1]}")
        return 1
    # A note in a long message may be broken across spaces, never inside words.
    said = re.sub(r"\s+", " ", ran.stdout)
    if re.sub(r"\s+", " ", expected[1]) not in said:
        print(ran.stdout)
        print(f"{file} failed, but not with: {expected[1]}")
        return 1
    print(f"failed with our sentence ({errors} error(s)): {expected[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
