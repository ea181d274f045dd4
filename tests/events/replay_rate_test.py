#!/usr/bin/env python3
"""`--replay-rate` of the built `events`: letters whose replay was asked for go in no faster. What counts is when each of
them failed again, by the audit of the store. Exit code 1 if something does not hold.
"""

import datetime
import time

from dead_letters_test import Command
from programs import Events, check, main_of

LETTERS = 20
RATE = 10  # a second


def replayed_at(command):
    """When each letter failed again, in seconds since the epoch, ascending."""
    lines = [line for line in command.audit() if line["what"] == "failed again"]
    check(len(lines) == LETTERS, f"{len(lines)} of {LETTERS} letters have failed again")
    return sorted(datetime.datetime.fromisoformat(line["at"].replace("Z", "+00:00")).timestamp()
                  for line in lines)


def replay_rate(programs, folder):
    source = folder / "in.jsonl"
    source.write_bytes(b'{"id":\n' * LETTERS)
    with Events(programs.events, folder, source) as first:
        first.finish()
    command = Command(programs.events, first.dead_letters)
    command("replay", "--all")
    started = time.time()
    with Events(programs.events, folder, source, more=["--replay-rate", RATE]) as run:
        report = run.finish()
    check(report["ledger"]["replayed"] == LETTERS, f"not all were replayed: {report['ledger']}")
    # A busy machine only makes them later. One more may have gathered, and one window is begun.
    for count, moment in enumerate(replayed_at(command), start=1):
        allowed = 2 + RATE * (moment - started)
        check(count <= allowed, f"{count} letters were put in within {moment - started:.3f} s, at "
                                f"{RATE} a second")


if __name__ == "__main__":
    main_of(__doc__, "replay rate", replay_rate)
