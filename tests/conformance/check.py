#!/usr/bin/env python3
"""Does docs/conformance.md name tests that exist? Prints `file:line: what is wrong`; exits 1 if anything is.

Its tables have three columns, `| Row | What it pins down | Test, or why there is none |`. The last one names
tests between backticks (`Suite.Test`, or a script by its path), or begins with one of the words in REASONS and
says why there is no test. A row stands in one table only.
"""
import pathlib
import re
import sys

REASONS = ("n/a:", "not yet:")
TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")
TEST_NAME = re.compile(r"[A-Z]\w*\.[A-Z]\w*")
SCRIPT = re.compile(r"(?:tests|scripts|bench)/[\w./-]+")
ROW = re.compile(r"^\|\s*(?P<row>[A-Z]\w*-[\w.]+)\s*\|(?P<meaning>[^|]*)\|(?P<how>[^|]*)\|\s*$")
LIKE_A_ROW = re.compile(r"^\|\s*[A-Z]\w*-")


def tests_of(root):
    """The names of all tests in the sources."""
    names = set()
    for source in sorted((root / "tests").rglob("*.[ch]pp")):
        for suite, test in TEST.findall(source.read_text(encoding="utf-8")):
            if not test.startswith("DISABLED_"):
                names.add(f"{suite}.{test}")
    return names


def problems(root, page):
    """Yields (line, what is wrong)."""
    known = tests_of(root)
    seen = {}
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not LIKE_A_ROW.match(line):
            continue
        found = ROW.match(line)
        if not found:
            yield number, "a row has three columns: row, meaning, test or reason"
            continue
        row, how = found["row"], found["how"].strip()
        if row in seen:
            yield number, f"{row} is listed in line {seen[row]} already"
        seen.setdefault(row, number)
        if not found["meaning"].strip():
            yield number, f"{row} says nothing of what it pins down"
        tests = 0
        for name in NAME.findall(how):
            if TEST_NAME.fullmatch(name):
                tests += 1
                if name not in known:
                    yield number, f"{row}: there is no test {name}"
            elif SCRIPT.match(name):
                tests += 1
                script = name.split()[0]
                if not (root / script).exists():
                    yield number, f"{row}: there is no {script}"
        reason = next((word for word in REASONS if how.startswith(word)), None)
        if reason and not how[len(reason):].strip():
            yield number, f"{row} does not say why"
        if not reason and not tests:
            yield number, f"{row} names neither a test nor a reason ({' '.join(REASONS)})"
    if not seen:
        yield 1, "there are no rows"


def count(page):
    """How many rows are held, not applicable, not yet."""
    rows = [found["how"].strip() for found in map(ROW.match, page.read_text(encoding="utf-8").splitlines())
            if found]
    reasons = [sum(how.startswith(word) for how in rows) for word in REASONS]
    return len(rows) - sum(reasons), *reasons


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    root = root if root.is_dir() else root.parents[2]
    page = root / "docs" / "conformance.md"
    wrong = [f"docs/conformance.md:{line}: {what}" for line, what in problems(root, page)]
    for one in wrong:
        print(one)
    held, unfit, later = count(page)
    print(f"rows {held + unfit + later} held {held} not-applicable {unfit} not-yet {later} wrong {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
