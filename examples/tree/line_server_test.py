#!/usr/bin/env python3
"""The built `line_server`, run as a whole: sessions come, go and crash; SIGTERM drains. Exit code 1 if something does
not hold."""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

TIMEOUT = 60  # seconds, until something that must come is given up


class Violation(Exception):
    """Something that must hold was seen not to hold."""


def check(holds, sentence):
    if not holds:
        raise Violation(sentence)


class Session:
    """A connection to the server."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")

    def ask(self, line):
        """The answer to one line; empty if the server has closed the connection."""
        self.socket.sendall(line.encode() + b"\n")
        return self.answer()

    def answer(self):
        try:
            return self.lines.readline().rstrip("\n")
        except ConnectionError:
            return ""


def start(program, folder, *flags):
    server = subprocess.Popen(
        [program, "--output", str(folder / "lines.txt"), "--report", str(folder / "report.json"), "--progress",
         "never", *flags],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=(folder / "log.txt").open("w"), text=True)
    first = server.stdout.readline()
    found = re.fullmatch(r"listening on port (\d+)\n", first)
    if not found:
        server.kill()
        raise Violation(f"it did not say where it listens, but {first!r}: {(folder / 'log.txt').read_text()}")
    return server, int(found[1])


def drained(server, folder):
    """Tells it to stop, and returns its report."""
    server.send_signal(signal.SIGTERM)
    out, _ = server.communicate(timeout=TIMEOUT)
    log = (folder / "log.txt").read_text()
    check(server.returncode == 0, f"it ended with {server.returncode}: {log}")
    check("tree server: ended" in out, f"the printed report has no tree: {out}")
    return json.loads((folder / "report.json").read_text()), log


def sessions_come_and_go(program, folder):
    server, port = start(program, folder)
    try:
        sessions = [Session(port) for _ in range(5)]
        stored = []
        for turn in range(20):
            for k, one in enumerate(sessions):
                if k == 2 and turn == 10:
                    check(one.ask("crash") == "", "a session that was told to crash still answers")
                if k == 2 and turn >= 10:
                    continue
                line = f"session {k}, line {turn}"
                answer = one.ask(line)
                check(answer == "ok", f"{line!r} was answered {answer!r}")
                stored.append(line)
        check(sessions[0].ask("") == "not stored: it is no line", "an empty line was taken")
        sessions[1].socket.close()
        sessions[1].lines.close()
        late = Session(port)
        check(late.ask("late") == "ok", "no session is taken any more after one has crashed")
        stored.append("late")
        report, log = drained(server, folder)
        for k in (0, 3, 4):
            check(sessions[k].answer() == "", f"session {k} was not closed by the drain")
    finally:
        server.kill()
        server.wait()

    kept = (folder / "lines.txt").read_text().splitlines()
    check(sorted(kept) == sorted(stored), f"answered 'ok': {len(stored)} lines; in the file: {len(kept)}")
    check(log.count("child failed child=server/sessions/session") == 1, f"one session has failed: {log}")
    check("the other side wants it to crash" in log, f"the log does not say why it failed: {log}")
    check(report["outcome"] == {"exit_code": 0, "sentence": "drained and balanced"}, report["outcome"])
    children = {one["path"]: one for one in report["trees"][0]["children"]}
    check(sorted(children) == ["server/lines", "server/listener", "server/sessions", "server/sessions/session"],
          f"the report has the children {sorted(children)}")
    session = children["server/sessions/session"]
    check((session["starts"], session["failures"], session["restarts"]) == (6, 1, 0), f"of the sessions: {session}")
    ledger = children["server/lines"]["pipeline"]["ledger"]
    check((ledger["admitted"], ledger["acknowledged"], ledger["dead_lettered"], ledger["in_flight"])
          == (len(stored) + 1, len(stored), 1, 0), f"the ledger: {ledger}")


def too_many_sessions(program, folder):
    server, port = start(program, folder, "--sessions-max", "1")
    try:
        first = Session(port)
        check(first.ask("one") == "ok", "the only session is not served")
        check(Session(port).answer() == "busy", "a second session was taken")
        drained(server, folder)
    finally:
        server.kill()
        server.wait()


def mistakes(program, folder):
    output = ["--output", str(folder / "lines.txt")]
    for flags, code, expected in [
            (output + ["--port", "70000"], 2, "--port"),
            ([], 2, "--output is required"),
            (["--output", "/no/such/folder/lines.txt"], 2, "--output: can't write to '/no/such/folder/lines.txt'"),
            (output + ["--sessions-max", "0"], 2, "--sessions-max"),
            (output + ["--prt", "1"], 2, "did you mean --port?")]:
        done = subprocess.run([program, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT)
        check(done.returncode == code and expected in done.stderr,
              f"{flags} ended with {done.returncode}: {done.stderr!r}")


def no_run(program, folder):
    output = ["--output", str(folder / "lines.txt")]
    for flags, expected in [(["--version"], "line_server 1.0.0 (Weir "), (["--help"], "dead-letters"),
                            ([*output, "--validate"], "are valid"), ([*output, "--draw"], 'digraph "lines"')]:
        done = subprocess.run([program, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT)
        check(done.returncode == 0 and expected in done.stdout,
              f"{flags} ended with {done.returncode}: {done.stdout!r} {done.stderr!r}")


def taken_port(program, folder):
    """A listener that can't listen escalates, and the program has failed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = subprocess.run([program, "--output", str(folder / "lines.txt"), "--port",
                               str(other.getsockname()[1])], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT)
    check(done.returncode == 1, f"ended with {done.returncode}: {done.stderr}")
    for expected in ["child failed child=server/listener", "child restarted child=server/listener",
                     "Address already in use", "a tree failed"]:
        check(expected in done.stderr, f"{expected!r} is not in the log: {done.stderr}")


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} LINE_SERVER")
    for holds in [sessions_come_and_go, too_many_sessions, mistakes, no_run, taken_port]:
        with tempfile.TemporaryDirectory() as name:
            try:
                holds(sys.argv[1], pathlib.Path(name))
            except Violation as violation:
                sys.exit(f"VIOLATION in {holds.__name__}: {violation}")
    print("line_server: as it should be")


if __name__ == "__main__":
    main()
