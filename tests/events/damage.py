#!/usr/bin/env python3
"""Damages lines of a file of events, and writes down which, how, and what must become of them.

Expected of a damaged line is one of
  dead_letter  a row in dead_letters whose position is the line's number
  filtered     neither a row nor a dead letter (a repeated id)
  stored       as if nothing had happened (a byte order mark at the very start of the file)
"""

import argparse
import collections
import gzip
import json
import pathlib
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "events"))

import broken_lines  # noqa: E402

HUGE = 50_000_000  # bytes

# Beside these, every kind of broken_lines. The first two happen once at most.
SPECIAL = ["truncated_last_line", "huge_line", "duplicate_id", "byte_order_mark_at_start"]
ALL_KINDS = list(broken_lines.kinds) + SPECIAL
DEAD_LETTER_KINDS = list(broken_lines.kinds) + ["truncated_last_line", "huge_line"]


def read_lines(path):
    data = pathlib.Path(path).read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return data.removesuffix(b"\n").split(b"\n")


def damage(lines, count, kinds, rng):
    """Changes `lines` in place; answers [{"line", "kind", "expected"}] by line number."""
    report = {}  # by index

    def note(index, kind, expected="dead_letter"):
        report[index] = {"line": index + 1, "kind": kind, "expected": expected}

    if count > len(lines) - 2:
        raise ValueError(f"can't damage {count} of {len(lines)} lines and leave the first and the last")
    # The first and the last line keep to the kinds that need them.
    hit = rng.sample(range(1, len(lines) - 1), count)
    if hit and "truncated_last_line" in kinds:
        hit.pop()
        lines[-1] = lines[-1][:len(lines[-1]) // 2]
        note(len(lines) - 1, "truncated_last_line")
    if hit and "byte_order_mark_at_start" in kinds:
        hit.pop()
        lines[0] = broken_lines.BOM + lines[0]
        note(0, "byte_order_mark_at_start", "stored")
    if hit and "huge_line" in kinds:
        index = hit.pop()
        lines[index] = broken_lines.with_data(lines[index], b'"' + b"x" * HUGE + b'"')
        note(index, "huge_line")

    ordinary = [kind for kind in kinds if kind in broken_lines.kinds or kind == "duplicate_id"]
    if hit and not ordinary:
        raise ValueError(f"{len(hit)} more lines to damage, but no kind that can happen more than once")
    broken = report.keys() | set(hit)
    for number, index in enumerate(hit):
        kind = ordinary[number % len(ordinary)]
        if kind == "duplicate_id":
            original = rng.choice([0] + [i for i in range(1, index) if i not in broken])
            lines[index] = lines[original].removeprefix(broken_lines.BOM)
            note(index, kind, "filtered")
        else:
            lines[index] = broken_lines.kinds[kind](lines[index], rng)
            note(index, kind)
    return [report[index] for index in sorted(report)]


def write_lines(path, lines, report):
    """A truncated last line also loses its newline."""
    truncated = any(entry["kind"] == "truncated_last_line" for entry in report)
    pathlib.Path(path).write_bytes(b"\n".join(lines) + (b"" if truncated else b"\n"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("input", help="JSON lines, plain or gzip")
    parser.add_argument("output")
    parser.add_argument("--lines", type=int, default=200, help="how many to damage (default 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", help="where to write [{line, kind, expected}] as JSON")
    parser.add_argument("--kinds", default=",".join(DEAD_LETTER_KINDS),
                        help="comma separated, in turn; known: " + ", ".join(ALL_KINDS)
                        + "\n(default: those that become dead letters)")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    for kind in kinds:
        if kind not in ALL_KINDS:
            parser.error(f"--kinds: there is no kind {kind!r}; known: {', '.join(ALL_KINDS)}")

    lines = read_lines(arguments.input)
    try:
        report = damage(lines, arguments.lines, kinds, random.Random(arguments.seed))
    except ValueError as error:
        parser.error(str(error))
    write_lines(arguments.output, lines, report)
    if arguments.report:
        pathlib.Path(arguments.report).write_text(json.dumps(report, indent=1) + "\n")
    counts = collections.Counter(entry["kind"] for entry in report)
    print(f"{arguments.output}: {len(lines)} lines, {len(report)} damaged, seed {arguments.seed}")
    for kind, number in sorted(counts.items()):
        print(f"  {number:5} {kind}")


if __name__ == "__main__":
    main()
