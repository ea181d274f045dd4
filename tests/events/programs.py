"""The programs under test, started and asked: the enrichment API and `events`."""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 30


class Violation(Exception):
    """Something that must hold was seen not to hold."""


def check(holds, sentence):
    if not holds:
        raise Violation(sentence)


def main_of(description, subject, holds):
    """The main of a test: holds(programs, folder) raises a Violation if something does not hold."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default=ROOT / "build" / "dev", help="the build folder")
    programs = Programs(parser.parse_args().build)
    programs.require(programs.events)
    with tempfile.TemporaryDirectory() as name:
        try:
            holds(programs, pathlib.Path(name))
        except Violation as violation:
            sys.exit(f"VIOLATION: {violation}")
    print(f"{subject}: as it should be")


def wait_until(fact, seconds, what):
    """Asks fact() until it is true; a Violation if it isn't within the time."""
    deadline = time.monotonic() + seconds
    while not fact():
        check(time.monotonic() < deadline, f"waited {seconds} s in vain for {what}")
        time.sleep(0.001)


class Programs:
    """Where the built programs are."""

    def __init__(self, build):
        folder = pathlib.Path(build).resolve() / "examples" / "events"
        self.events = folder / "events"
        self.api = folder / "enrichment_api" / "enrichment_api"

    def require(self, *programs):
        for program in programs:
            if not program.exists():
                sys.exit(f"{program} is not there: build it first, or name another --build")


class Api:
    """A running enrichment API on a port of its own; use it in a `with`."""

    def __init__(self, program, folder, *flags):
        self.port_file = pathlib.Path(folder) / "api.port"
        self.log = open(pathlib.Path(folder) / "api.log", "wb")
        self.port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen([program, "--port-file", self.port_file, *map(str, flags)],
                                        stdout=self.log, stderr=self.log)

    def __enter__(self):
        try:
            wait_until(lambda: self.port_file.exists() or self.process.poll() is not None,
                       START_SECONDS, "the API to listen")
            check(self.process.poll() is None, f"the API ended with {self.process.returncode}: "
                                               + pathlib.Path(self.log.name).read_text())
        except BaseException:
            self.__exit__()
            raise
        self.port = int(self.port_file.read_text())
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()

    def stop(self):
        """Answers the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    @property
    def lookup_url(self):
        return f"http://127.0.0.1:{self.port}/lookup"

    def stats(self):
        return self.request("GET", "/stats")

    def set_faults(self, **faults):
        return self.request("POST", "/faults", json.dumps(faults).encode())

    def clear_faults(self):
        return self.request("DELETE", "/faults")

    def request(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


class Events:
    """One run of `events`. All of its files are in `folder`; a second run there goes on from the first."""

    def __init__(self, program, folder, source, *, enrich="none", rate=500, more=()):
        folder = pathlib.Path(folder)
        self.store = folder / "store.db"
        self.dead_letters = folder / "dead.db"
        self.report_file = folder / "report.json"
        self.log_file = folder / "events.log"
        self.report_file.unlink(missing_ok=True)
        command = [program, "--input", source, "--enrich", enrich, "--rate", rate,
                   "--store", f"sqlite:{self.store}", "--dead-letters", self.dead_letters,
                   "--report", self.report_file, *more]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def __enter__(self):
        return self

    # Never leaves a process behind, whatever went wrong.
    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait(self, seconds):
        """Answers the exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        raise Violation(f"events did not end within {seconds} s; log: {self.log_file}")

    def finish(self, seconds=120):
        """Waits for a good end; answers the report, of which shape and ledger are checked."""
        code = self.wait(seconds)
        check(code == 0, f"events ended with {code}, expected 0; log: {self.log_file}")
        return self.report()

    def report(self, *, left_over=False):
        """The report, checked; with left_over, items may be left in flight."""
        check(self.report_file.exists(), f"there is no report {self.report_file}")
        report = json.loads(self.report_file.read_text())
        check_report(report, left_over)
        return report

    def check_said(self, *words):
        """Its log has lines with these words, in this order."""
        lines = iter(self.log_file.read_text().splitlines())
        for one in words:
            check(any(one in line for line in lines), f"the log does not say {one!r} in its order: {self.log_file}")


LEDGER = ["admitted", "replayed", "acknowledged", "filtered", "dropped", "dead_lettered", "returned", "in_flight"]
STAGE = ["stage", "processed", "failed", "restarts", "busy", "blocked", "idle", "latency_seconds",
         "backlog_max", "mailbox_capacity"]


def check_report(report, left_over=False):
    """Its shape, and that the ledger balances, with nothing in flight unless something may be left over."""
    for member in ["pipeline", "elapsed_seconds", "ledger", "stages"]:
        check(member in report, f"the report has no {member!r}")
    ledger = report["ledger"]
    for member in LEDGER:
        check(isinstance(ledger.get(member), int), f"the ledger has no whole number {member!r}: {ledger}")
    check(report["stages"], "the report has no stages")
    for stage in report["stages"]:
        for member in STAGE:
            check(member in stage, f"the report's stage {stage.get('stage')!r} has no {member!r}")
        check({"p50", "p99"} <= stage["latency_seconds"].keys(), f"no p50 and p99 in {stage}")
        check(stage["backlog_max"] <= stage["mailbox_capacity"], f"a backlog beyond the capacity: {stage}")
    left = ledger["admitted"] + ledger["replayed"]
    right = sum(ledger[member] for member in LEDGER[2:])
    check(left == right, f"the ledger does not balance: {left} came in, {right} accounted for: {ledger}")
    check(left_over or ledger["in_flight"] == 0, f"ended with items in flight: {ledger}")
