#!/usr/bin/env python3
"""Runs the contestants of scripts/bench.sh round-robin, prints a table of medians, and closes with
lines `ratio NAME VALUE`: weir's median rate divided by NAME's.

Every run is appended to build/bench/results.jsonl. A contestant that is not there is named and left
out; one that fails ends the whole with status 1.
"""

import argparse
import glob
import gzip
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
WORK = os.path.join(ROOT, "build", "bench")
EVENTS = 200_000
DISTURBED = 0.1  # share of the machine taken by others


class Others:
    """The share of the machine that other processes took meanwhile: what spoils a measurement."""

    def __init__(self):
        self.started, self.busy = time.monotonic(), self.busy_by_others()

    def share(self):
        capacity = (time.monotonic() - self.started) * os.cpu_count()
        return max(0.0, self.busy_by_others() - self.busy) / capacity

    @staticmethod
    def busy_by_others():
        with open("/proc/stat", encoding="utf-8") as stat:
            user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
        ticks = user + nice + system + irq + softirq + steal
        ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (ticks / os.sysconf("SC_CLK_TCK")
                - sum(usage.ru_utime + usage.ru_stime for usage in ours))


class Contest:
    """One table: programs doing the same work. `suffix` tells its ratios from those of others."""

    def __init__(self, title, suffix, commands, measure):
        self.title, self.suffix, self.measure = title, suffix, measure
        self.rates = {}
        self.disturbance = 0.0
        self.commands = {}
        for name, command in commands.items():
            if os.access(command[0], os.X_OK):
                self.commands[name] = command
                self.rates[name] = []
            else:
                program = os.path.relpath(command[0], ROOT)
                print(f"left out of “{title}”: {name} ({program} has not been built)")

    def round(self, number, patient_until):
        """Each contestant once; another one begins in every round. Until then, a run that was
        disturbed is repeated."""
        names = list(self.commands)
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            while True:
                others = Others()
                rate = self.measure(self.commands[name])
                share = others.share()
                if share <= DISTURBED or time.monotonic() > patient_until:
                    break
                time.sleep(1)
            self.rates[name].append(rate)
            self.disturbance = max(self.disturbance, share)
            yield {"contest": self.title, "name": name, "round": number, "items_per_second": rate,
                   "others": round(share, 3)}

    def median(self, name):
        return statistics.median(self.rates[name])

    def table(self):
        weir = self.median("weir") if "weir" in self.rates else None
        lines = [f"\n{self.title}",
                 f"  {'':<14}{'median /s':>15}{'lowest':>15}{'highest':>15}{'weir is':>10}"]
        for name, rates in self.rates.items():
            times = f"{weir / self.median(name):.2f}x" if weir and name != "weir" else ""
            lines.append(f"  {name:<14}{self.median(name):>15,.0f}{min(rates):>15,.0f}"
                         f"{max(rates):>15,.0f}{times:>10}")
        lines.append(f"  others took up to {self.disturbance:.0%} of the machine during a run")
        return "\n".join(lines)

    def ratios(self):
        """bare_ring is the machine's limit, not a contestant: it has a row but no ratio."""
        if "weir" not in self.rates:
            return []
        return [f"ratio {name}{self.suffix} {self.median('weir') / self.median(name):.2f}"
                for name in self.rates if name not in ("weir", "bare_ring")]


def run(command):
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with status {done.returncode}:\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout


def rate_reported(command):
    """The rate a stream program prints: its clock starts once the program is up."""
    return json.loads(run(command).splitlines()[-1])["items_per_second"]


def stream_contest(title, suffix, item, capacity, peers):
    options = ["--item", item, "--capacity", str(capacity)]
    programs = {"weir": "bench_pipeline", "caf_streams": "bench_caf_streams",
                "go_channels": "go_channels", "bare_ring": "bench_bare_ring"}
    commands = {name: [os.path.join(BUILD, "bench", programs[name])] + options
                for name in ["weir"] + peers}
    return Contest(title, suffix, commands, rate_reported)


def rate_by_wall_clock(command):
    """Lines a second from the start of the process to its end, into a fresh database."""
    for path in glob.glob(os.path.join(WORK, "run.*")):
        os.remove(path)
    started = time.monotonic()
    run(command)
    elapsed = time.monotonic() - started
    rows = int(run(["sqlite3", os.path.join(WORK, "run.db"), "SELECT count(*) FROM events"]))
    if rows != EVENTS:
        sys.exit(f"bench: {os.path.basename(command[0])} stored {rows} events, expected {EVENTS}")
    return EVENTS / elapsed


def events_contest(sample):
    source = repeat_sample(sample)
    store = os.path.join(WORK, "run.db")
    commands = {
        "weir": [os.path.join(BUILD, "examples", "events", "events"), "--input", source,
                 "--enrich", "none", "--store", f"sqlite:{store}",
                 "--dead-letters", os.path.join(WORK, "run.dead.db"),
                 "--report", os.path.join(WORK, "run.report.json")],
        "plain_sqlite": [os.path.join(BUILD, "bench", "bench_plain_sqlite"),
                         "--input", source, "--store", store],
    }
    return Contest(f"events into SQLite, {EVENTS:,} lines, wall clock", "", commands,
                   rate_by_wall_clock)


def repeat_sample(sample):
    """Repeats the sample's sound events up to EVENTS lines, each with an id of its own."""
    with open(sample, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    data = []
    with (gzip.open if packed else open)(sample, "rb") as lines:
        for line in lines:
            try:
                event = json.loads(line.decode())
                if isinstance(event["id"], str):
                    data.append(json.dumps(event["data"], ensure_ascii=False, allow_nan=False,
                                           separators=(",", ":")).encode())
            except (ValueError, KeyError, TypeError, RecursionError):
                pass  # the sample has broken lines in it, on purpose
    if not data:
        sys.exit(f"bench: {sample} holds no event")
    target = os.path.join(WORK, "events.jsonl")
    with open(target, "wb") as out:
        for number in range(EVENTS):
            out.write(b'{"id":"bench-%08d","data":%b}\n' % (number, data[number % len(data)]))
    return target


def circumstances():
    cpu = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = (line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
        cpu = next(names, cpu)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True).stdout.strip() or "unknown"
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit,
            "cpu": cpu, "cores": len(os.sched_getaffinity(0))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="only what the ratios are asked of")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patient", type=float, default=0, metavar="MINUTES",
                        help="for so long, repeat runs that other processes disturbed")
    parser.add_argument("--sample",
                        default=os.path.join(ROOT, "examples", "events", "sample.jsonl"),
                        help="JSON lines the events input is repeated from")
    options = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)

    here = circumstances()
    print(f"{here['cpu']}, {here['cores']} cores; medians of {options.rounds}, round-robin")

    contests = [stream_contest("uint64, capacity 1024", "", "uint64", 1024,
                               ["caf_streams", "go_channels", "bare_ring"])]
    if not options.quick:
        contests += [stream_contest(f"uint64, capacity {capacity}", f"_capacity_{capacity}",
                                    "uint64", capacity, ["go_channels"]) for capacity in (64, 4096)]
        contests.append(stream_contest("event of two strings, capacity 1024", "_event", "event",
                                       1024, ["caf_streams", "go_channels"]))
    if os.path.exists(options.sample):
        contests.append(events_contest(options.sample))
    else:
        print(f"left out: events into SQLite (no {os.path.relpath(options.sample, ROOT)})")

    patient_until = time.monotonic() + 60 * options.patient
    with open(os.path.join(WORK, "results.jsonl"), "a", encoding="utf-8") as results:
        for number in range(options.rounds):
            for contest in contests:
                for result in contest.round(number, patient_until):
                    print(json.dumps({**here, **result}), file=results, flush=True)

    for contest in contests:
        print(contest.table())
    if any(contest.disturbance > DISTURBED for contest in contests):
        print("\nThe machine was not quiet: do not rely on these figures.")
    ratios = [line for contest in contests for line in contest.ratios()]
    print("\n" + "\n".join(ratios or ["weir's own programs have not been built: no ratios"]))
    return 0 if ratios else 1


if __name__ == "__main__":
    sys.exit(main())
