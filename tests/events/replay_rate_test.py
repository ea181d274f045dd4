#!/usr/bin/env python3
"""`--replay-rate` of the built `events`: letters whose replay was asked for go in no faster. Counted in the audit of the
store: how many have failed again so far after the replay was asked for. Exit code 1 if something does not hold.
"""

import datetime

from dead_letters_test import Command
from programs import Events, check, main_of

LETTERS = 20
RATE = 10  # a second


def moments(lines, what):
    """When the audit says that this happened, ascending."""
    return sorted(datetime.datetime.fromisoformat(line["at"].replace("Z", "+00:00"))
                  for line in lines if line["what"] == what)


def replay_rate(programs, folder):
    source = folder / "in.jsonl"
    source.write_bytes(b'{"id":\n' * LETTERS)
    with Events(programs.events, folder, source) as first:
        first.finish()
    command = Command(programs.events, first.dead_letters)
    command("replay", "--all")
    with Events(programs.events, folder, source, more=["--replay-rate", RATE]) as run:
        report = run.finish()
    check(report["ledger"]["replayed"] == LETTERS, f"not all were replayed: {report['ledger']}")
    audit = command.audit()
    asked_at, = moments(audit, "replay")
    failed_at = moments(audit, "failed again")
    check(len(failed_at) == LETTERS, f"{len(failed_at)} of {LETTERS} letters have failed again")
    # A busy machine only makes them later. One more may have gathered, and one window is begun.
    for count, moment in enumerate(failed_at, start=1):
        since = (moment - asked_at).total_seconds()
        check(count <= 2 + RATE * since, f"{count} letters are in, {since:.3f} s of the audit after the replay was "
                                         f"asked for, at {RATE} a second")


if __name__ == "__main__":
    main_of(__doc__, "replay rate", replay_rate)
