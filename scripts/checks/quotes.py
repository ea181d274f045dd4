#!/usr/bin/env python3
"""Do README.md and docs/ quote the code as it is? Prints `file:line: what is wrong`; exits 1 if anything is.
With --fix: writes the code into the quotes.

A quote lies between <!-- begin PATH --> or <!-- begin PATH [NAME] --> and <!-- end -->, in a fence of
three backticks. Without a NAME it is the whole file, else what lies between two lines `// [NAME]`.
"""
import pathlib
import re
import sys
import textwrap

QUOTE = re.compile(r"<!-- begin (?P<path>[^ \]]+)(?: \[(?P<name>\w+)\])? -->\n"
                   r"(?P<open>```\w*\n)(?P<text>.*?)(?P<close>```\n<!-- end -->)", re.DOTALL)
BEGIN = re.compile(r"<!-- begin ")
MARKER = re.compile(r"^[ \t]*// \[\w+\]\n", re.MULTILINE)


class Wrong(Exception):
    pass


def code(root, path, name):
    file = root / path
    if not file.is_file():
        raise Wrong(f"there is no {path}")
    text = file.read_text(encoding="utf-8")
    if name:
        parts = re.split(rf"^[ \t]*// \[{name}\]\n", text, flags=re.MULTILINE)
        if len(parts) != 3:
            raise Wrong(f"{path} must have two lines `// [{name}]`, not {len(parts) - 1}")
        text = parts[1]
    return textwrap.dedent(MARKER.sub("", text)).strip("\n") + "\n"


def check(root, document, fix):
    """Yields what is wrong in one document."""
    text = document.read_text(encoding="utf-8")
    name = document.relative_to(root)
    quotes = list(QUOTE.finditer(text))
    opened = {found.start() for found in BEGIN.finditer(text)}
    for start in sorted(opened - {quote.start() for quote in quotes}):
        yield f"{name}:{text.count(chr(10), 0, start) + 1}: a quote without its fence or its <!-- end -->"
    made = text
    for quote in reversed(quotes):
        where = f"{name}:{text.count(chr(10), 0, quote.start()) + 1}"
        try:
            now = code(root, quote["path"], quote["name"])
        except Wrong as wrong:
            yield f"{where}: {wrong}"
            continue
        if now != quote["text"] and not fix:
            yield f"{where}: is not what {quote['path']} says now; run scripts/checks/quotes.py --fix"
        made = made[:quote.start("text")] + now + made[quote.end("text"):]
    if fix and made != text:
        document.write_text(made, encoding="utf-8")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    documents = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    fix = "--fix" in sys.argv[1:]
    found = [wrong for document in documents for wrong in check(root, document, fix)]
    print("\n".join(found) if found else "quotes: as the code is")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
