#!/usr/bin/env python3
"""Runs the contestants of scripts/bench.sh round-robin, prints tables of medians, and closes with
lines `ratio NAME VALUE`: weir's median rate divided by NAME's, where NAME does not say otherwise.

Every run is appended to build/bench/results.jsonl. A contestant that is not there is named and left
out; one that fails ends the whole with status 1.
"""

import argparse
import glob
import gzip
import json
import os
import platform
import subprocess
import sys
import time

from contest import DISTURBED, ROOT, Comparison, Contest, run

BUILD = os.path.join(ROOT, "build", "release")
WORK = os.path.join(ROOT, "build", "bench")
PROGRAMS = os.path.join(BUILD, "bench")
EVENTS = 200_000
LETTERS = 200_000

def figures_reported(command):
    """What a program prints: its clock starts once it is up."""
    last = json.loads(run(command).splitlines()[-1])
    return {key: last[key] for key in ("items_per_second", "processor_us_per_item") if key in last}


def to_weir(peers, suffix):
    """bare_ring is the machine's limit, not a contestant: it has a row but no ratio."""
    return [Comparison(peer, "weir is", "weir", peer, "" if peer == "bare_ring" else peer + suffix)
            for peer in peers]


def stream_contest(title, suffix, item, capacity, peers):
    options = ["--item", item, "--capacity", str(capacity)]
    programs = {"weir": "bench_pipeline", "caf_streams": "bench_caf_streams",
                "go_channels": "go_channels", "bare_ring": "bench_bare_ring"}
    commands = {name: [os.path.join(PROGRAMS, programs[name])] + options
                for name in ["weir"] + peers}
    return Contest(title, commands, figures_reported, to_weir(peers, suffix))


def stage_command(stage, items, **options):
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [os.path.join(PROGRAMS, "bench_stage"), stage, "--items", str(items)] + flags


def pool_command(items, **options):
    flags = [f"-{name}={value}" for name, value in options.items()]
    return [os.path.join(PROGRAMS, "go_pool"), f"-items={items}"] + flags


# Items without work, and with a microsecond of it: half a second or so each.
IN_HAND = {"function": (2_000_000, 300_000), "threads": (50_000, 50_000),
           "awaitable": (50_000, 50_000), "go_pool": (2_000_000, 300_000)}


def in_hand_contest():
    """Several items in hand: each of Weir's ways beside a pool of as many goroutines, in order."""
    commands, comparisons = {}, []
    for in_flight in (4, 64):
        for work in (0, 1):
            setting = f"{in_flight}_{work}us"
            peer = f"go_pool_{setting}"
            for stage in ("function", "threads", "awaitable"):
                name = f"{stage}_{setting}"
                commands[name] = stage_command(stage, IN_HAND[stage][work], in_flight=in_flight,
                                               work=work)
                comparisons.append(Comparison(name, "to go_pool", name, peer, f"{peer}_{stage}"))
            commands[peer] = pool_command(IN_HAND["go_pool"][work], goroutines=in_flight,
                                          work=work, ordered="true")
    return Contest("4 or 64 items in hand, 0 or 1 µs of work on each", commands, figures_reported,
                   comparisons)


def workers_contest(quick):
    """Workers of a stage that does nothing, beside goroutines on one channel."""
    # One worker needs more of them for a run that is longer than a tick of the clocks.
    items = {1: 20_000_000, 16: 2_000_000, 64: 2_000_000, 256: 2_000_000}
    if quick:
        items |= {64: 500_000, 256: 500_000}
    commands, comparisons = {}, []
    for workers, count in items.items():
        name, peer = f"weir_{workers}", f"go_pool_{workers}"
        commands[name] = stage_command("function", count, workers=workers)
        commands[peer] = pool_command(2_000_000, goroutines=workers)
        comparisons.append(Comparison(name, "to go_pool", name, peer, f"go_pool_workers_{workers}"))
        if workers > 1:
            comparisons += [
                Comparison(name, "to 1 worker", name, "weir_1", f"workers_{workers}_to_1"),
                Comparison(peer, "to 1 worker", peer, "go_pool_1")]
    return Contest("1 to 256 workers, or goroutines", commands, figures_reported, comparisons)


def failing_contest():
    """Items that pass beside a first one that keeps failing; and where that passes too."""
    # All of them have room in the mailbox, where the one that fails holds their places.
    commands = {stage: stage_command(stage, 30_000, in_flight=4)
                for stage in ("all_pass", "first_fails")}
    return Contest("beside an item that keeps failing, 4 items in hand", commands, figures_reported,
                   [Comparison("first_fails", "to all_pass", "first_fails", "all_pass",
                               "first_fails_to_all_pass")])


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
    return {"items_per_second": EVENTS / elapsed}


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
    return Contest(f"events into SQLite, {EVENTS:,} lines, wall clock", commands,
                   rate_by_wall_clock, to_weir(["plain_sqlite"], ""))


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


def letters_contest():
    """All items become dead letters: through a pipeline, by the store alone, and by SQLite's C API."""
    commands = {what: [os.path.join(PROGRAMS, "bench_letters"), what, "--file",
                       os.path.join(WORK, "letters.db"), "--items", str(LETTERS)]
                for what in ("pipeline", "store", "plain")}
    return Contest(f"dead letters into SQLite, {LETTERS:,} of them, 256 a transaction", commands,
                   figures_reported,
                   [Comparison(what, "to plain", what, "plain", f"letters_{what}_to_plain")
                    for what in ("pipeline", "store")])


def replay_contest():
    """Letters that are asked for, claimed and removed: one should not cost more among many."""
    commands = {f"replay_{count}": [os.path.join(PROGRAMS, "bench_letters"), "replay", "--file",
                                    os.path.join(WORK, "letters.db"), "--items", str(count)]
                for count in (8_000, 128_000)}
    return Contest("letters claimed and removed, 64 at a time", commands, figures_reported,
                   [Comparison("replay_128000", "to 8,000", "replay_128000", "replay_8000",
                               "replay_128000_to_8000")])


def circumstances():
    cpu = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = (line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
        cpu = next(names, cpu)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True).stdout.strip() or "unknown"
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit,
            "cpu": cpu, "cores": len(os.sched_getaffinity(0))}


def stream_contests(options):
    contests = [stream_contest("uint64, capacity 1024", "", "uint64", 1024,
                               ["caf_streams", "go_channels", "bare_ring"])]
    if not options.quick:
        contests += [stream_contest(f"uint64, capacity {capacity}", f"_capacity_{capacity}",
                                    "uint64", capacity, ["go_channels"]) for capacity in (64, 4096)]
        contests.append(stream_contest("event of two strings, capacity 1024", "_event", "event",
                                       1024, ["caf_streams", "go_channels"]))
    return contests


def events_contests(options):
    if os.path.exists(options.sample):
        return [events_contest(options.sample)]
    print(f"left out: events into SQLite (no {os.path.relpath(options.sample, ROOT)})")
    return []


TABLES = {
    "stream": stream_contests,
    "events": events_contests,
    "in_hand": lambda options: [in_hand_contest()],
    "workers": lambda options: [workers_contest(options.quick)],
    "failing": lambda options: [failing_contest()],
    "letters": lambda options: [letters_contest(), replay_contest()],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true",
                        help="no other capacities, no event of two strings, fewer items for"
                             " the workers")
    parser.add_argument("--only", action="append", metavar="TABLE", choices=TABLES,
                        help="only this table; may be given again: " + ", ".join(TABLES))
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

    contests = [contest for table in options.only or TABLES for contest in TABLES[table](options)]

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
