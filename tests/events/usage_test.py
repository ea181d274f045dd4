#!/usr/bin/env python3
"""What the built `events` refuses before anything runs. Exit code 1 if something does not hold."""

import contextlib
import sqlite3
import subprocess

from programs import check, main_of


def refused(programs, folder, *flags):
    """Answers the exit code and what it says on standard error."""
    done = subprocess.run([programs.events, "--store", f"sqlite:{folder}/store.db", "--dead-letters",
                           f"{folder}/dead.db", *flags], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=60)
    return done.returncode, done.stderr.decode()


def mistakes(programs, folder):
    http = ["--enrich", "http://127.0.0.1:1/"]
    for flags, expected in [
            (["--batch-size", "2000"], "--batch-size 2000 is larger than --mailbox 1024"),
            (["--mailbox", "10"], "--batch-size 100 is larger than --mailbox 10"),
            (["--mailbox", "10", "--batch-size", "5", *http], "--in-flight 50 is larger than --mailbox 10"),
            (["--mailbox", "1", "--batch-size", "1", "--listen", "127.0.0.1:0"],
             "--mailbox must be at least 2 with --input and --listen"),
            (["--drain-timeout", "3000000h"], "from 0ms to 8760h"),
            (["--cache-lifetime", "9000h"], "from 0ms to 8760h"),
            (["--replay-rate", "-1"], "--replay-rate"),
            (["--replay-rate", "1.5"], "--replay-rate"),
            (["--replay-rate", "fast"], "--replay-rate"),
            (["--replay-rate", "4294967296"], "--replay-rate")]:
        code, said = refused(programs, folder, "--input", "-", *flags)
        check(code == 2, f"{flags} ended with {code}: {said}")
        check(said.count(expected) == 1, f"{flags}: expected once {expected!r}, found {said!r}")


def locked_store(programs, folder):
    """Where the input goes on can't be read: then it must not begin again."""
    with contextlib.closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as store:
        store.execute("CREATE TABLE weir_positions(pipeline TEXT, partition TEXT, position INTEGER)")
        store.execute("BEGIN EXCLUSIVE")
        (folder / "in.jsonl").write_text('{"id": "a"}\n')
        code, said = refused(programs, folder, "--input", str(folder / "in.jsonl"))
    check(code == 1 and "database is locked" in said, f"ended with {code}: {said!r}")


def usage(programs, folder):
    mistakes(programs, folder)
    locked_store(programs, folder)


if __name__ == "__main__":
    main_of(__doc__, "usage", usage)
