"""SIGTERM while the store stands still: the process ends by itself once its deadline has come, says so and what is left
over, and nothing is lost.
"""

import signal
import time

import tables
from programs import Events, check, wait_until
from stall import id_of, locked, rows, write_many

LEFT_OVER = 3  # the exit code: at the deadline, something was left unacknowledged
PATIENCE = 120  # seconds until it is taken for stuck


def run(programs, folder, lines, count, deadline_seconds):
    source = folder / "many.jsonl"
    write_many(source, lines, count)

    with Events(programs.events, folder, source, more=["--drain-timeout", f"{deadline_seconds}s"]) as events:
        wait_until(lambda: events.process.poll() is not None or rows(events.store) > count // 100,
                   60, "the first rows")
        check(events.process.poll() is None, "events ended before it could be stalled: more --lines needed")
        with locked(events.store):
            before = rows(events.store)
            told_at = time.monotonic()
            events.process.send_signal(signal.SIGTERM)
            code = events.wait(PATIENCE)
            took = time.monotonic() - told_at
            check(rows(events.store) == before, "rows were written while the store was locked")
    check(code == LEFT_OVER, f"events ended with {code}, expected {LEFT_OVER}; log: {events.log_file}")
    ledger = events.report(left_over=True)["ledger"]
    left = ledger["in_flight"]
    milliseconds = f"drain_timeout_ms={deadline_seconds * 1000}"
    events.check_said(
        f"draining signal=SIGTERM {milliseconds}", f"the drain took too long: aborting {milliseconds}",
        f"aborted ({left} in flight were not acknowledged: the source delivers them again)")
    check(left > 0, f"nothing was left over, with a store that was locked: {ledger}")
    check(ledger["acknowledged"] == before, f"{before} rows are stored, but the ledger is {ledger}")
    print(f"told to end after {before} rows, gone after {took:.1f} s with {code}, {left} left over")

    with Events(programs.events, folder, source) as events:
        ledger = events.finish(600)["ledger"]
    print(f"the next run: {ledger}")
    check(ledger["admitted"] == count - before, f"{before} of {count} were stored, and then came {ledger}")
    check(ledger["filtered"] == 0, f"rows were stored twice, or positions not with them: {ledger}")
    tables.check_ids(events.store, [id_of(number) for number in range(count)])
    tables.check_dead_letters(events.dead_letters, [])
