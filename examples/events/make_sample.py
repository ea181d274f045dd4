#!/usr/bin/env python3
"""Makes sample.jsonl: invented requests to an invented shop, with some broken lines among them.

The same seed makes the same file, byte for byte. All addresses are from ranges for documentation or
private use.
"""

import argparse
import collections
import datetime
import pathlib
import random

import broken_lines

LINES = 2_000
ADDRESSES = 300
BROKEN = [kind for kind in broken_lines.kinds for _ in range(2)]
DUPLICATE_IDS = 2  # each repeats an earlier event; not broken, but not stored twice

PRODUCTS = ["anchor", "barometer", "compass", "dinghy", "ensign", "fender", "grapnel", "halyard",
            "kedge", "lantern", "logbook", "oilskin", "paddle", "sextant", "tiller", "winch"]
SEARCHES = ["rope", "sea+boots", "søkort", "brújula", "羅針盤", "paddle+%26+oar"]
AGENTS = ["shop-app/4.2 (ios)", "shop-app/4.1 (android)", "Mozilla/5.0 (X11; Linux x86_64)", "crawler/1.0"]
ACTIONS = ["view", "view", "view", "view", "search", "search", "basket", "order"]


def make_addresses(rng):
    addresses = set()
    while len(addresses) < ADDRESSES:
        network = rng.choice(["192.0.2.{1}", "198.51.100.{1}", "203.0.113.{1}", "10.{0}.0.{1}"])
        addresses.add(network.format(rng.randrange(4), rng.randrange(1, 255)))
    return sorted(addresses)


def make_data(rng, time, ip):
    action = rng.choice(ACTIONS)
    data = {"time": time.isoformat() + "Z", "ip": ip, "action": action}
    if action == "search":
        data["query"] = rng.choice(SEARCHES)
    else:
        data["product"] = rng.choice(PRODUCTS)
    if action in ("basket", "order"):
        data["quantity"] = rng.randrange(1, 6)
    if action == "order":
        data["total"] = {"amount": rng.randrange(500, 90_000) / 100, "currency": rng.choice(["EUR", "NOK"])}
    data["status"] = rng.choices([200, 404, 500], [95, 4, 1])[0]
    data["agent"] = rng.choice(AGENTS)
    return data


def make_lines(rng):
    addresses = make_addresses(rng)
    # Every address at least once; after that a few come often, as in a real log.
    ips = addresses + rng.choices(addresses, [1 / rank for rank in range(1, ADDRESSES + 1)],
                                  k=LINES - ADDRESSES)
    rng.shuffle(ips)
    time = datetime.datetime(2024, 3, 1, 8)
    lines = []
    for number, ip in enumerate(ips, start=1):
        time += datetime.timedelta(seconds=rng.randrange(0, 30))
        event = {"id": f"shop-{number:05}", "data": make_data(rng, time, ip)}
        lines.append(broken_lines.dump(event))
    return lines


def damage(lines, rng):
    """Breaks some lines, the last one by cutting it; answers how many of each kind."""
    hit = rng.sample(range(1, LINES - 1), len(BROKEN) + DUPLICATE_IDS)
    for index, kind in zip(hit, BROKEN):
        lines[index] = broken_lines.kinds[kind](lines[index], rng)
    for index in hit[len(BROKEN):]:
        lines[index] = lines[0]
    lines[-1] = lines[-1][:len(lines[-1]) // 2]
    return collections.Counter(BROKEN + ["duplicate_id"] * DUPLICATE_IDS + ["truncated_last_line"])


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=here / "sample.jsonl")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clean", action="store_true", help="break nothing")
    arguments = parser.parse_args()

    rng = random.Random(arguments.seed)
    lines = make_lines(rng)
    text = b"\n".join(lines) + b"\n"
    counts = {}
    if not arguments.clean:
        counts = damage(lines, rng)
        text = b"\n".join(lines)  # the last line is cut, its newline gone

    arguments.output.write_bytes(text)
    whole = LINES - sum(counts.values())
    print(f"{arguments.output}: {LINES} lines, {len(text)} bytes, {ADDRESSES} addresses")
    print(f"  {whole:5} whole")
    for kind, count in sorted(counts.items()):
        print(f"  {count:5} {kind}")


if __name__ == "__main__":
    main()
