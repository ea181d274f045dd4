#!/usr/bin/env python3
"""Runs the built `events` again and again with one store: what was read before is left out, and nothing else.
Exit code 1 if something does not hold.
"""

import json
import os
import subprocess
import tempfile

import tables
from programs import check, check_report, main_of

# More than what the name of a file tells of its beginning.
PREAMBLE = "".join('{"id":"p%d","data":"%s"}\n' % (n, "x" * 100) for n in range(50))
BROKEN = '{"id":bad\n'


def event(id):
    return '{"id":"%s","data":1}\n' % id


class Store:
    """A store and its dead letters, for as many runs as one likes."""

    def __init__(self, programs, folder):
        self.program = programs.events
        self.folder = folder
        self.folder.mkdir()

    def run(self, source, given=None, **how):
        """One run to its good end; answers what it has admitted and how many letters there are now."""
        report = self.folder / "report.json"
        done = subprocess.run([self.program, "--input", source, "--store", f"sqlite:{self.folder}/store.db",
                               "--dead-letters", f"{self.folder}/dead.db", "--report", report, "--progress", "never"],
                              input=given if given is None else given.encode(), capture_output=True, check=False,
                              timeout=60, **({} if given is not None else {"stdin": subprocess.DEVNULL}), **how)
        check(done.returncode == 0, f"{source} ended with {done.returncode}: {done.stderr.decode()}")
        told = json.loads(report.read_text())
        check_report(told)
        return told["ledger"]["admitted"], len(tables.dead_letters(self.folder / "dead.db"))

    def expect(self, ids):
        found = sorted(tables.ids(self.folder / "store.db"))
        check(found == sorted(ids), f"the rows are {found}, expected {sorted(ids)}")


def streams(programs, folder):
    """What can't be read twice begins at its beginning, and its broken lines are letters of their own."""
    store = Store(programs, folder / "streams")
    for n, source in enumerate(["/dev/stdin", "-", "/dev/stdin"], start=1):
        seen = store.run(source, event(f"a{n}") + BROKEN + event(f"b{n}"))
        check(seen == (3, n), f"{source}, run {n}: {seen}")
    for n in [4, 5]:
        read, write = os.pipe()
        os.write(write, (event(f"a{n}") + BROKEN + event(f"b{n}")).encode())
        os.close(write)
        seen = store.run(f"/dev/fd/{read}", pass_fds=[read])
        os.close(read)
        check(seen == (3, n), f"a pipe, run {n}: {seen}")
    for n in [6, 7]:
        with tempfile.TemporaryFile(dir=folder) as removed:  # as of a here-document
            removed.write((event("a6") + BROKEN + event("b6")).encode())
            removed.seek(0)
            seen = store.run(f"/dev/fd/{removed.fileno()}", pass_fds=[removed.fileno()])
        check(seen == (3, n), f"a removed file, run {n}: {seen}")
    store.expect([f"{letter}{n}" for letter in "ab" for n in range(1, 7)])


def another_rest(programs, folder):
    """A file that is made anew with the same beginning is another one."""
    store = Store(programs, folder / "another_rest")
    source = folder / "day.jsonl"
    for day in ["mon", "tue", "wed"]:
        source.write_text(PREAMBLE + event(day) + BROKEN)
        store.run(source)
        check(store.run(source)[0] == 0, f"{day} was read twice")
    store.expect([f"p{n}" for n in range(50)] + ["mon", "tue", "wed"])
    letters = len(tables.dead_letters(store.folder / "dead.db"))
    check(letters == 3, f"{letters} letters, expected one a day")


def half_a_line(programs, folder):
    """A last line that is completed later is read again."""
    for name, begin in [("short", ""), ("long", PREAMBLE)]:
        store = Store(programs, folder / f"half_{name}")
        source = folder / f"half_{name}.jsonl"
        source.write_text(begin + BROKEN + '{"id":"late","da')
        check(store.run(source)[1] == 2, "half a line is no letter")
        check(store.run(source) == (0, 2), "half a line was read twice")
        with open(source, "a", encoding="utf-8") as more:
            more.write('ta":1}\n' + event("next"))
        seen = store.run(source)
        check(seen == (2, 2), f"after it was completed: {seen}")
        check(store.run(source) == (0, 2), "the completed line was read twice")
        check({"late", "next"} <= set(tables.ids(store.folder / "store.db")), "the completed line is not stored")


def spellings(programs, folder):
    """A path may be spelled in many ways."""
    store = Store(programs, folder / "spellings")
    source = folder / "in.jsonl"
    source.write_text(event("one") + BROKEN)
    (folder / "link.jsonl").symlink_to(source)
    check(store.run(source) == (2, 1), "the first run")
    for spelled in ["in.jsonl", "./in.jsonl", f"../{folder.name}/in.jsonl", "link.jsonl"]:
        seen = store.run(spelled, cwd=folder)
        check(seen == (0, 1), f"{spelled}: {seen}")


def again(programs, folder):
    for holds in [streams, another_rest, half_a_line, spellings]:
        holds(programs, folder)


if __name__ == "__main__":
    main_of(__doc__, "again", again)
