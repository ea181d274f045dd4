"""SIGTERM while the store stands still: out by the deadline with the exit code that says so, and nothing lost."""

import signal
import time

import tables
from programs import Events, check, wait_until
from stall import id_of, locked, rows, write_many

LEFT_OVER = 3  # the exit code: at the deadline, something was left unacknowledged
EXIT_SECONDS = 30  # after the deadline, on a busy machine


def run(programs, folder, lines, count, deadline_seconds):
    source = folder / "many.jsonl"
    write_many(source, lines, count)

    with Events(programs.events, folder, source, more=["--drain-timeout", f"{deadline_seconds}s"]) as events:
        wait_until(lambda: events.process.poll() is not None or rows(events.store) > count // 100,
                   60, "the first rows")
        check(events.process.poll() is None, "events ended before it could be stalled: more --lines needed")
        with locked(events.store):
            before = rows(events.store)
            told_at = time.monotonic()  # before, so that it isn't noted too late
            events.process.send_signal(signal.SIGTERM)
            code = events.wait(deadline_seconds + EXIT_SECONDS)
            took = time.monotonic() - told_at
            check(rows(events.store) == before, "rows were written while the store was locked")
    check(took >= deadline_seconds, f"it ended after {took:.1f} s of {deadline_seconds}")
    check(code == LEFT_OVER, f"events ended with {code}, expected {LEFT_OVER}; log: {events.log_file}")
    print(f"told to end after {before} rows, gone after {took:.1f} s with {code}")

    with Events(programs.events, folder, source) as events:
        report = events.finish(600)
    print(f"the next run: {report['ledger']}")
    check(report["ledger"]["filtered"] == 0, f"rows were stored twice, or positions not with them: {report['ledger']}")
    tables.check_ids(events.store, [id_of(number) for number in range(count)])
    tables.check_dead_letters(events.dead_letters, [])
