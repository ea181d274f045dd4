"""SIGTERM and kill -9 at random moments, each followed by a restart to the end.

An undisturbed run is measured first, so that the moments fall into it.
"""

import pathlib
import shutil
import signal
import subprocess
import time

import tables
from programs import Api, Events, Violation, check

DRAWS_MAX = 20  # a signal after the end proves nothing: then another moment is drawn


class Crash:
    def __init__(self, programs, folder, source, ids, *, addresses, run_seconds):
        self.programs = programs
        self.folder = pathlib.Path(folder)
        self.source = source
        self.ids = ids
        # One call an address, so the rate decides how long a run takes; the API itself allows more.
        self.rate = max(1, min(500, round(addresses / run_seconds)))

    def run(self, signals, rng):
        """One round a signal; answers how many failed."""
        with Api(self.programs.api, self.folder, "--rate", 10_000, "--burst", 1_000) as api:
            self.url = api.lookup_url
            self.elapsed = self.measure()
            print(f"undisturbed: {self.elapsed:.2f} s for {len(self.ids)} events at {self.rate} calls/s")
            return sum(not self.round(number, sent, rng) for number, sent in enumerate(signals, start=1))

    def start(self, folder):
        return Events(self.programs.events, folder, self.source, enrich=self.url, rate=self.rate)

    def measure(self):
        folder = self.folder / "undisturbed"
        folder.mkdir()
        started = time.monotonic()
        with self.start(folder) as run:
            report = run.finish()
        elapsed = time.monotonic() - started
        check(report["ledger"]["admitted"] == len(self.ids), f"not all was admitted: {report['ledger']}")
        tables.check_ids(run.store, self.ids)
        return elapsed

    def draw_moment(self, rng):
        """Any moment of the run; two in five within start-up or drain, which are short."""
        edge = min(0.2, self.elapsed / 4)
        return rng.choice([rng.uniform(0, edge), rng.uniform(self.elapsed - edge, self.elapsed)]
                          + 3 * [rng.uniform(0, self.elapsed)])

    def round(self, number, sent, rng):
        """Draws moments until the signal meets a running program. Answers whether all was well."""
        name = f"{number:3} {signal.Signals(sent).name:7}"
        for draw in range(DRAWS_MAX):
            moment = self.draw_moment(rng)
            folder = self.folder / f"round-{number}-{draw}"
            folder.mkdir()
            try:
                seen = self.interrupt_and_restart(folder, sent, moment)
            except Violation as violation:
                print(f"{name} at {moment:.3f} s: FAILED: {violation}; files kept in {folder}", flush=True)
                return False
            shutil.rmtree(folder)
            if seen:
                print(f"{name} at {moment:.3f} s: {seen}", flush=True)
                return True
        print(f"{name}: FAILED: the run was over before the signal {DRAWS_MAX} times", flush=True)
        return False

    def interrupt_and_restart(self, folder, sent, moment):
        """Answers what was seen, or None if the run was over before the moment."""
        with self.start(folder) as first:
            try:
                first.process.wait(moment)
                return None
            except subprocess.TimeoutExpired:
                first.process.send_signal(sent)
            code = first.wait(60)
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
