"""SIGTERM and kill -9 at random moments, each followed by a restart to the end.

A moment is a count of calls that the API was asked, of those that an undisturbed run makes, and a little chance beyond
it: so it falls into the run, however fast the machine is.
"""

import contextlib
import pathlib
import shutil
import signal
import subprocess
import time

import tables
from programs import Api, Events, Violation, check, wait_until

PATIENCE = 120  # seconds until it is taken for stuck
A_LITTLE = 0.2  # seconds at most: about what the start takes, and the drain


class Crash:
    def __init__(self, programs, folder, source, ids, *, addresses, run_seconds):
        self.programs = programs
        self.folder = pathlib.Path(folder)
        self.source = source
        self.ids = ids
        # One call an address, so the rate decides about how long a run takes; the API itself allows more.
        self.rate = max(1, min(500, round(addresses / run_seconds)))

    def run(self, signals, rng):
        """One round a signal; answers how many failed."""
        with Api(self.programs.api, self.folder, "--rate", 10_000, "--burst", 1_000) as self.api:
            self.undisturbed()
            return sum(not self.round(number, sent, rng) for number, sent in enumerate(signals, start=1))

    def start(self, folder):
        return Events(self.programs.events, folder, self.source, enrich=self.api.lookup_url, rate=self.rate)

    def calls(self):
        return self.api.stats()["calls"]

    def undisturbed(self):
        """Learns how many calls a run makes."""
        folder = self.folder / "undisturbed"
        folder.mkdir()
        started, before = time.monotonic(), self.calls()
        with self.start(folder) as run:
            report = run.finish()
        self.calls_max = self.calls() - before
        print(f"undisturbed: {self.calls_max} calls in {time.monotonic() - started:.2f} s, for {len(self.ids)} events "
              f"at {self.rate} calls/s")
        check(report["ledger"]["admitted"] == len(self.ids), f"not all was admitted: {report['ledger']}")
        tables.check_ids(run.store, self.ids)

    def draw_moment(self, rng, share):
        """(calls, seconds after them) in the first part of the run; two in five at its edges, where the whole run starts
        and drains.
        """
        calls_max = round(self.calls_max * share)
        calls = rng.choice([0, calls_max] + 3 * [rng.randint(0, calls_max)])
        return calls, rng.uniform(0, A_LITTLE * share)

    def round(self, number, sent, rng):
        """Draws moments until the signal meets a running program. Answers whether all was well."""
        name = f"{number:3} {signal.Signals(sent).name:7}"
        share, seen = 1.0, None
        while not seen:
            calls, later = self.draw_moment(rng, share)
            moment = f"{calls} calls and {later:.3f} s"
            folder = self.folder / f"round-{number}-{calls}-{later:.6f}"
            folder.mkdir()
            try:
                seen = self.interrupt_and_restart(folder, sent, calls, later)
            except Violation as violation:
                print(f"{name} at {moment}: FAILED: {violation}; files kept in {folder}", flush=True)
                return False
            shutil.rmtree(folder)
            share *= 3 / 4  # a signal after the end proves nothing: then an earlier moment is drawn
        print(f"{name} at {moment}: {seen}", flush=True)
        return True

    def interrupt_and_restart(self, folder, sent, calls, later):
        """Answers what was seen, or None if the run was over before the moment."""
        before = self.calls()
        with self.start(folder) as first:
            def ended():
                return first.process.poll() is not None

            wait_until(lambda: ended() or self.calls() - before >= calls, PATIENCE, f"{calls} calls")
            with contextlib.suppress(subprocess.TimeoutExpired):
                first.process.wait(later)
            if ended():
                return None
            first.process.send_signal(sent)
            code = first.wait(PATIENCE)
        rows = len(tables.ids(first.store))
        if sent == signal.SIGTERM:
            admitted = self.check_drained(first, code, rows)
        else:
            # 0: it had ended just before the signal came.
            check(code in (-signal.SIGKILL, 0), f"ended with {code} after kill -9")

        with self.start(folder) as second:
            report = second.finish()
        tables.check_ids(second.store, self.ids)
        tables.check_dead_letters(second.dead_letters, [])
        again = report["ledger"]["admitted"]
        if sent == signal.SIGTERM:
            check(again == len(self.ids) - admitted,
                  f"{admitted} of {len(self.ids)} admitted before SIGTERM, {again} after it")
        return f"{rows} rows at the end of the first run, {again} admitted by the second"

    def check_drained(self, run, code, rows):
        """Answers how many were admitted."""
        if code == -signal.SIGTERM:
            check(not run.report_file.exists(), "SIGTERM killed it between its report and its exit code")
            check(rows == 0, "SIGTERM killed it instead of draining it")
            return 0  # it came before the program listened for signals
        check(code == 0, f"ended with {code} after SIGTERM, expected 0")
        ledger = run.report()["ledger"]
        check(ledger["acknowledged"] == rows, f"{rows} rows after SIGTERM, but the ledger is {ledger}")
        return ledger["admitted"]
