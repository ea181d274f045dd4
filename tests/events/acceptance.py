#!/usr/bin/env python3
"""Runs the built `events` with the bundled API and checks what must hold. Exit code 1 if it doesn't.

  clean    every event is stored, nothing else, and the API's limit is kept
  damaged  damaged lines are in the dead letters, with line and cause; everything else is stored
  crash    SIGTERM and kill -9 at random moments lose nothing and repeat nothing
  stall    a locked store stops the source: nothing more is read, memory stays, threads sleep; it goes on afterwards
  deadline SIGTERM while the store is locked: out once the deadline has come, not with 0, and nothing is lost

What they check are counts, orders and states. Times are printed only.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import crash
import damage
import deadline
import stall
import tables
from programs import ROOT, Api, Events, Programs, Violation, check

REAL_FILE = ROOT.parent / "shared" / "data" / "access-events.jsonl.gz"
RATE, BURST = 500, 50


def find_input(arguments, folder):
    """The file to read, and its lines."""
    path = arguments.input
    if path is None and REAL_FILE.exists():
        path = REAL_FILE
    elif path is None:
        print(f"{REAL_FILE} is not there: a generated file instead")
        path = folder / "generated.jsonl"
        make = ROOT / "examples" / "events" / "make_sample.py"
        subprocess.run([sys.executable, make, "--clean", "--output", path], check=True,
                       stdout=subprocess.DEVNULL)
    lines = damage.read_lines(path)
    print(f"input: {path}, {len(lines)} lines")
    return path, lines


def events_of(lines):
    """{id: data} of whole lines."""
    events = [json.loads(line) for line in lines]
    return {event["id"]: event["data"] for event in events}


def addresses_of(events):
    return {data["ip"] for data in events.values()}


def run_once(programs, folder, source):
    """Answers the run, its report and the API's statistics."""
    with Api(programs.api, folder, "--rate", RATE, "--burst", BURST) as api:
        with Events(programs.events, folder, source, enrich=api.lookup_url, rate=RATE) as run:
            report = run.finish()
        stats = api.stats()
    print(f"ledger: {report['ledger']}")
    print(f"elapsed: {report['elapsed_seconds']:.2f} s; API: {stats}")
    peak = stats["peak_calls_per_second"]
    check(peak <= RATE + BURST, f"{peak} calls in a second, allowed {RATE} and a burst of {BURST}")
    return run, report, stats


def clean(arguments, programs, folder):
    source, lines = find_input(arguments, folder)
    events = events_of(lines)
    run, report, stats = run_once(programs, folder, source)
    tables.check_rows(run.store, events, enriched=True)
    tables.check_dead_letters(run.dead_letters, [])
    check(report["ledger"]["admitted"] == len(lines), f"not every line was admitted: {report['ledger']}")
    check(stats["distinct_keys"] == len(addresses_of(events)),
          f"{stats['distinct_keys']} keys asked for, {len(addresses_of(events))} addresses in the input")
    print(f"seen: {len(events)} rows, no dead letter, at most {stats['peak_calls_per_second']} calls "
          "in a second, exit 0")


def damaged(arguments, programs, folder):
    _, lines = find_input(arguments, folder)
    originals = list(lines)
    kinds = damage.ALL_KINDS if arguments.all_kinds else damage.DEAD_LETTER_KINDS
    print(f"seed {arguments.seed}")
    entries = damage.damage(lines, arguments.lines, kinds, random.Random(arguments.seed))
    source = folder / "damaged.jsonl"
    damage.write_lines(source, lines, entries)

    numbers = {what: [entry["line"] for entry in entries if entry["expected"] == what]
               for what in ["dead_letter", "filtered", "stored"]}
    gone = set(numbers["dead_letter"] + numbers["filtered"])
    whole = [line for number, line in enumerate(originals, start=1) if number not in gone]

    run, report, _ = run_once(programs, folder, source)
    tables.check_rows(run.store, events_of(whole), enriched=True)
    tables.check_dead_letters(run.dead_letters, numbers["dead_letter"])
    ledger = report["ledger"]
    check(ledger["filtered"] == len(numbers["filtered"]), f"repeated ids are not filtered: {ledger}")
    check(ledger["dead_lettered"] == len(numbers["dead_letter"]), f"not what is in the file: {ledger}")
    causes = dict(tables.dead_letters(run.dead_letters))
    shown = {entry["kind"]: entry["line"] for entry in entries if entry["expected"] == "dead_letter"}
    for kind, line in sorted(shown.items()):
        print(f"  line {line:5} {kind:20} {causes[line][:120]}")
    print(f"seen: {len(whole)} rows + {len(causes)} dead letters + {len(numbers['filtered'])} filtered "
          f"= {len(lines)} lines, exit 0")


def crashes(arguments, programs, folder):
    _, lines = find_input(arguments, folder)
    lines = lines[:arguments.events]
    source = folder / "input.jsonl"
    source.write_bytes(b"\n".join(lines) + b"\n")
    events = events_of(lines)
    rng = random.Random(arguments.seed)
    signals = [signal.SIGTERM] * arguments.term + [signal.SIGKILL] * arguments.kill
    rng.shuffle(signals)
    print(f"seed {arguments.seed}")
    failed = crash.Crash(programs, folder, source, list(events), addresses=len(addresses_of(events)),
                         run_seconds=arguments.run_seconds).run(signals, rng)
    check(failed == 0, f"{failed} of {len(signals)} rounds failed, seed {arguments.seed}")
    print(f"seen: {arguments.term} x SIGTERM and {arguments.kill} x SIGKILL: each time the same "
          f"{len(events)} rows, none twice, none missing")


def stalled(arguments, programs, folder):
    _, lines = find_input(arguments, folder)
    stall.run(programs, folder, lines, arguments.lines, arguments.seconds)
    print(f"seen: {arguments.seconds} s without a store, and all {arguments.lines} rows afterwards")


def out_by_the_deadline(arguments, programs, folder):
    _, lines = find_input(arguments, folder)
    deadline.run(programs, folder, lines, arguments.lines, arguments.seconds)
    print(f"seen: out once the deadline of {arguments.seconds} s had come, and all {arguments.lines} rows in the next run, none twice")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--build", default=ROOT / "build" / "release", help="default: build/release")
    common.add_argument("--input", type=pathlib.Path, help="JSON lines, none of them broken")
    common.add_argument("--keep", action="store_true", help="keep the files also when all was well")
    scenarios = parser.add_subparsers(dest="scenario", required=True)

    scenarios.add_parser("clean", parents=[common]).set_defaults(run=clean)

    scenario = scenarios.add_parser("damaged", parents=[common])
    scenario.add_argument("--lines", type=int, default=200, help="how many to damage")
    scenario.add_argument("--seed", type=int, default=1)
    scenario.add_argument("--all-kinds", action="store_true", help="also those that are not dead letters")
    scenario.set_defaults(run=damaged)

    scenario = scenarios.add_parser("crash", parents=[common])
    scenario.add_argument("--term", type=int, default=5, help="how many times SIGTERM")
    scenario.add_argument("--kill", type=int, default=5, help="how many times kill -9")
    scenario.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    scenario.add_argument("--events", type=int, help="only so many lines of the input")
    scenario.add_argument("--run-seconds", type=float, default=3.5,
                          help="how long an undisturbed run shall take, about")
    scenario.set_defaults(run=crashes)

    scenario = scenarios.add_parser("stall", parents=[common])
    scenario.add_argument("--seconds", type=int, default=60)
    scenario.add_argument("--lines", type=int, default=1_000_000)
    scenario.set_defaults(run=stalled)

    scenario = scenarios.add_parser("deadline", parents=[common])
    scenario.add_argument("--seconds", type=int, default=2, help="the deadline")
    scenario.add_argument("--lines", type=int, default=200_000)
    scenario.set_defaults(run=out_by_the_deadline)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    programs = Programs(arguments.build)
    programs.require(programs.events, programs.api)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-acceptance-"))
    try:
        arguments.run(arguments, programs, folder)
    except Violation as violation:
        sys.exit(f"FAILED: {violation}\nfiles: {folder}")
    if arguments.keep:
        print(f"files: {folder}")
    else:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
