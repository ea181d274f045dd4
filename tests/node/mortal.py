"""Processes that really die, with and without a heart, and what the flight recorder makes of it.

Runs `mortal` on 10,000 numbers and lets it die of some of them: by SIGSEGV, abort(), kill -9 and exit, in a
stage, in an awaitable stage with several in flight, in the predicate of a batcher, and in a row of a batch
sink. Each case prints a line.
"""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

NUMBERS = 10_000
ATTEMPTS = 3  # the stages' default


class Violation(Exception):
    pass


def check(holds, sentence):
    if not holds:
        raise Violation(sentence)


def query(path, sql):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def wait_until(fact, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not fact():
        check(time.monotonic() < deadline, f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


class Run:
    """One run of `mortal`; all of its files are in `folder`, so that the next run there goes on from it."""

    def __init__(self, program, folder, *flags):
        self.store, self.dead_letters = folder / "store.db", folder / "dead.db"
        self.recorder, self.report_file = folder / "flight", folder / "report.json"
        self.log_file = folder / "log"
        self.report_file.unlink(missing_ok=True)
        source = folder / "numbers.txt"
        if not source.exists():
            source.write_text("".join(f"{number}\n" for number in range(1, NUMBERS + 1)))
        command = [program, "--input", source, "--store", self.store, "--dead-letters",
                   self.dead_letters, "--report", self.report_file, *flags]
        if "--no-recorder" in flags:
            command.remove("--no-recorder")
        else:
            command += ["--flight-recorder", self.recorder]
        self.began = self.log_file.stat().st_size if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def end(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Violation(f"it did not end within {seconds} s") from None

    def log(self):
        return self.log_file.read_bytes()[self.began:].decode(errors="replace")

    def deaths(self):
        return self.log().count("warning the process died")

    def report(self):
        return json.loads(self.report_file.read_text())

    def ledger(self):
        """Of the pipeline, which may be a child of a tree."""
        report = self.report()
        return report["ledger"] if "ledger" in report else report["trees"][0]["children"][0]["pipeline"]["ledger"]

    def rows(self):
        try:
            return query(self.store, "SELECT count(*) FROM numbers")[0][0]
        except sqlite3.OperationalError:
            return 0  # not yet made

    def letters(self):
        return query(self.dead_letters,
                     "SELECT stage, position, attempts, cause, payload FROM dead_letters ORDER BY 1, 2")

    def child(self):
        """Its child's pid."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (OSError, IndexError):
            raise Violation("it has no child") from None


# Slow enough to be watched, minutes for all numbers; but with few in hand, so that it drains soon.
UNHURRIED = ["--pause", "100", "--in-flight", "4", "--mailbox", "8"]


def died_of(run, program_flags, *, stage, cause, at, deaths_max):
    """Checks the end of a run that had to dead-letter the numbers `at`."""
    code = run.end()
    check(code == 0, f"ended with {code}")
    check(run.rows() == NUMBERS - len(at), f"{run.rows()} rows")
    expected = f"{cause} while in hand, {ATTEMPTS} times"
    check(run.letters() == [(stage, one, ATTEMPTS, expected, str(one)) for one in at],
          f"dead letters {run.letters()}, expected {expected} in {stage} for {at}")
    check(run.deaths() <= deaths_max, f"{run.deaths()} deaths")
    report = run.report()
    check(len(report["deaths"]) == run.deaths(), f"{report['deaths']} in the report")
    check(all(one["cause"] == cause for one in report["deaths"]), f"{report['deaths']} in the report")
    check(f"{stage}'" in report["deaths"][-1]["in_hand"], f"{report['deaths']} in the report")
    check(report["outcome"] == {"exit_code": 0, "sentence": "finished and balanced"},
          f"{report['outcome']}")
    ledger = run.ledger()
    check(ledger["dead_lettered"] <= len(at) and ledger["in_flight"] == 0, f"{ledger}")
    return f"{run.deaths()} deaths, {run.rows()} rows, {len(run.letters())} dead letters"


SEGV = "killed by SIGSEGV (signal 11)"
KILL = "killed by SIGKILL (signal 9; perhaps out of memory)"


def deadly(where, how, stage, cause, at=(5000,), *more, deaths_max=None):
    def case(program, folder):
        flags = ["--heart", "--where", where, "--how", how, *more]
        for one in at:
            flags += ["--at", one]
        with Run(program, folder, *flags) as run:
            return died_of(run, flags, stage=stage, cause=cause, at=at,
                           deaths_max=deaths_max or ATTEMPTS)
    return case


def by_hand(program, folder):
    """Without a heart: whoever starts it again."""
    flags = ["--where", "stage", "--at", "5000"]
    for life in range(ATTEMPTS):
        with Run(program, folder, *flags) as run:
            check(run.end() == -signal.SIGSEGV, f"life {life} did not die")
    with Run(program, folder, *flags) as run:
        check(run.end() == 0, "the last life did not end well")
        cause = "the process died (cause unknown)"
        check(run.letters() == [("parse", 5000, 3, f"{cause} while in hand, 3 times", "5000")],
              f"dead letters {run.letters()}")
        check(run.rows() == NUMBERS - 1, f"{run.rows()} rows")
        check([one["cause"] for one in run.report()["deaths"]] == 3 * [cause], "the report")
    with Run(program, folder, *flags) as run:  # the end of a run ends what is remembered
        check(run.end() == 0 and run.report()["deaths"] == [], "the next run remembers")
    return "dead-lettered in the life after the third death"


def innocent(program, folder):
    """Killed from outside, with many in hand: nothing is dead-lettered."""
    # After each death what was in hand runs alone: few enough for the drain, slow enough to be watched.
    flags = ["--heart", "--in-flight", "8", "--mailbox", "8", "--pause", "100", "--workers", "3"]
    with Run(program, folder, *flags) as run:
        for kill in range(ATTEMPTS - 1):
            rows = run.rows()
            wait_until(lambda: run.rows() > rows, "rows")
            os.kill(run.child(), signal.SIGKILL)
            wait_until(lambda: run.deaths() == kill + 1, "the death")
        rows = run.rows()
        wait_until(lambda: run.rows() > rows, "rows of the last child")
        run.process.terminate()
        check(run.end() == 0, "it did not drain")
        deaths = run.deaths()
    with Run(program, folder) as run:  # the rest, in no time
        check(run.end() == 0 and run.rows() == NUMBERS and run.letters() == [],
              f"{run.rows()} rows, dead letters {run.letters()}")
        return f"{deaths} deaths, {run.rows()} rows, no dead letter"


def not_recorded(program, folder):
    with Run(program, folder, "--no-recorder") as run:
        check(run.end() == 0 and run.rows() == NUMBERS, "did not end well")
        check("deaths" not in run.report(), "deaths in the report of a run without a recorder")
    return "nothing is said of deaths"


def tree_fails(program, folder):
    """A tree that fails ends the process with exit code 1, and the parent starts it again."""
    (folder / "dead.db").mkdir()
    with Run(program, folder, "--heart", "--in-tree", "--heart-intensity", "2") as run:
        check(run.end(120) == 1, "did not end with 1")
        check(run.deaths() == 3 and "ended with exit code 1" in run.log(), run.log())
        check(run.report()["trees"][0]["state"] == "failed", f"{run.report()}")
    return "restarted after exit code 1, escalated after the third"


def crash_loop(program, folder):
    with Run(program, folder, "--heart", "--where", "start", "--heart-intensity", "3") as run:
        check(run.end() == 1, "did not end with 1")
        check(run.deaths() == 4 and "escalated" in run.log() and SEGV in run.log(), run.log())
    return "escalated after the fourth death, exit code 1"


def told_to_stop(send, what, *more):
    def case(program, folder):
        with Run(program, folder, "--heart", *more, *UNHURRIED) as run:
            wait_until(lambda: run.rows() > 0, "rows")
            send(run)
            check(run.end() == 0, "did not end with 0")
            first = run.report()
            check(first["outcome"]["sentence"] == "drained and balanced", f"{first['outcome']}")
            ledger = run.ledger()
            check(ledger["acknowledged"] == run.rows() < NUMBERS, f"{run.rows()} rows")
        with Run(program, folder) as run:
            check(run.end() == 0 and run.rows() == NUMBERS, "the rest was not stored")
            check(run.report()["ledger"]["admitted"] == NUMBERS - ledger["admitted"],
                  "something was read twice")
        return what
    return case


def told_twice(program, folder):
    with Run(program, folder, "--heart", *UNHURRIED) as run:
        wait_until(lambda: run.rows() > 0, "rows")  # so that more is on its way
        run.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in run.log(), "the drain")
        run.process.send_signal(signal.SIGTERM)
        check(run.end() == 3, "did not end with 3")
    return "the second SIGTERM aborts"


def passed_on(program, folder):
    with Run(program, folder, "--heart", *UNHURRIED) as run:
        wait_until(lambda: run.rows() > 0, "rows")
        run.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "heard SIGUSR1" in run.log(), "the child's handler")
        check(run.deaths() == 0, "the child died of a signal that it handles")
        run.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: run.deaths() == 1, "the death by a signal that it does not handle")
        rows = run.rows()
        wait_until(lambda: run.rows() > rows, "rows of the next child")
        run.process.send_signal(signal.SIGQUIT)
        check(run.end() == 128 + signal.SIGQUIT, "it did not end as the child did")
    return "SIGUSR1 is the child's, SIGUSR2 kills and restarts it, SIGQUIT ends both"


def store_down(program, folder):
    """Deaths and starts that fail by turns, without a heart."""
    flags = ["--where", "stage", "--at", "5000"]
    for life in range(ATTEMPTS):
        with Run(program, folder, *flags) as run:
            check(run.end() == -signal.SIGSEGV, f"life {life} did not die")
        dead_letters = run.dead_letters.rename(folder / "aside")
        run.dead_letters.mkdir()
        with Run(program, folder, *flags) as run:
            check(run.end() == 1, "it started without its dead letters")
        run.dead_letters.rmdir()
        dead_letters.rename(run.dead_letters)
    with Run(program, folder, *flags) as run:
        check(run.end() == 0, "the last life did not end well")
        check([one[1:3] for one in run.letters()] == [(5000, 3)], f"dead letters {run.letters()}")
        check(len(run.report()["deaths"]) == ATTEMPTS, f"{run.report()['deaths']} in the report")
    return "starts that fail in between change nothing"


def orphan(program, folder):
    with Run(program, folder, "--heart", *UNHURRIED) as run:
        wait_until(lambda: run.rows() > 0, "rows")
        child = pathlib.Path(f"/proc/{run.child()}")

        def ended():
            try:
                return "(mortal) Z" in (child / "stat").read_text()
            except OSError:
                return True  # its new parent was there before us

        check((child / "comm").read_text() == "mortal\n", "the child has another name")
        check(not ended(), "the child ended by itself")
        run.process.kill()
        wait_until(ended, "the child's end")
    return "the child dies with its parent"


def in_use(program, folder):
    with Run(program, folder, "--heart", *UNHURRIED) as run:
        wait_until(lambda: run.rows() > 0, "rows")
        with Run(program, folder) as other:
            check(other.end() == 1 and "is in use by another process" in other.log(), other.log())
        run.process.terminate()
        check(run.end() == 0, "the first one was disturbed")
    return "a second process is refused"


def foreign(program, folder):
    recorder = folder / "flight"
    recorder.write_text("my diary\n")
    with Run(program, folder) as run:
        check(run.end() == 1 and "is not a flight recorder" in run.log(), run.log())
    check(recorder.read_text() == "my diary\n", "it was written over")
    recorder.write_bytes(b"weir-fly" + os.urandom(300_000))
    with Run(program, folder) as run:
        check(run.end() == 0 and "begun anew" in run.log(), run.log())
        check(recorder.stat().st_mode & 0o777 == 0o600, "others may read it")
    return "another file is refused, a damaged one begun anew"


CASES = {
    "segv_stage": deadly("stage", "segv", "parse", SEGV),
    "abort_stage": deadly("stage", "abort", "parse", "killed by SIGABRT (signal 6)"),
    "kill_stage": deadly("stage", "kill", "parse", KILL),
    "exit_stage": deadly("stage", "exit", "parse", "ended with exit code 7"),
    "segv_first_and_last": deadly("stage", "segv", "parse", SEGV, (1, NUMBERS), deaths_max=6),
    "segv_several_workers": deadly("stage", "segv", "parse", SEGV, (5000,), "--workers", "3"),
    "segv_in_flight": deadly("wait", "segv", "wait", SEGV, (5000,), "--workers", "2"),
    "kill_in_flight": deadly("wait", "kill", "wait", KILL, (5000, 5003), deaths_max=6),
    "segv_in_tree": deadly("stage", "segv", "parse", SEGV, (5000,), "--in-tree"),
    "kill_in_flight_in_tree": deadly("wait", "kill", "wait", KILL, (5000,), "--in-tree"),
    "tree_fails": tree_fails,
    "segv_predicate": deadly("predicate", "segv", "batch", SEGV),
    "segv_row": deadly("row", "segv", "store", SEGV),
    "kill_row_several_workers": deadly("row", "kill", "store", KILL, (5000,), "--workers", "3"),
    "by_hand": by_hand,
    "innocent": innocent,
    "not_recorded": not_recorded,
    "crash_loop": crash_loop,
    "sigterm": told_to_stop(lambda run: run.process.terminate(), "SIGTERM drains the child"),
    "sigterm_in_tree": told_to_stop(lambda run: run.process.terminate(), "SIGTERM drains the child's tree",
                                    "--in-tree"),
    "sigint_group": told_to_stop(lambda run: os.killpg(run.process.pid, signal.SIGINT),
                                 "SIGINT to parent and child drains, and is one signal"),
    "told_twice": told_twice,
    "passed_on": passed_on,
    "store_down": store_down,
    "orphan": orphan,
    "in_use": in_use,
    "foreign": foreign,
}


def main():
    program, *wanted = sys.argv[1:]
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # what a shell starts in the background ignores it
    failed = 0
    for name in wanted or CASES:
        with tempfile.TemporaryDirectory(prefix="weir-mortal-") as folder:
            try:
                print(f"{name}: {CASES[name](program, pathlib.Path(folder))}", flush=True)
            except Exception as why:  # one case's failure is not the others'
                failed += 1
                log = pathlib.Path(folder, "log")
                what = why if isinstance(why, Violation) else traceback.format_exc()
                print(f"{name}: FAILED: {what}\n{log.read_text() if log.exists() else ''}", flush=True)
    print(f"{len(wanted or CASES) - failed} of {len(wanted or CASES)} cases hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
