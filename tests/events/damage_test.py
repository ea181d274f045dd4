#!/usr/bin/env python3
"""Tests of what makes bad input: every line that shall be dead is dead, and no other is touched."""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import damage
from programs import ROOT

broken_lines = damage.broken_lines
MAKE_SAMPLE = ROOT / "examples" / "events" / "make_sample.py"


def is_event(line):
    """A strict reading of {"id": string, "data": any JSON}, apart from size and depth."""
    def without_repetition(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key comes twice")
        return dict(pairs)

    try:
        event = json.loads(line.decode(), object_pairs_hook=without_repetition)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and isinstance(event.get("id"), str) and "data" in event


def make_lines(count):
    return [broken_lines.dump({"id": f"id-{i}", "data": {"ip": "192.0.2.1", "note": "søk"}})
            for i in range(count)]


class Kinds(unittest.TestCase):
    def test_each_makes_a_line_that_is_no_event(self):
        for kind, break_line in broken_lines.kinds.items():
            for seed in range(100):
                broken = break_line(make_lines(1)[0], random.Random(seed))
                self.assertFalse(is_event(broken), f"{kind}: {broken[:200]}")
                self.assertNotIn(b"\n", broken)


class Damage(unittest.TestCase):
    def damaged(self, kinds, count=50, seed=1):
        lines = make_lines(400)
        return lines, damage.damage(lines, count, kinds, random.Random(seed))

    def test_hits_as_many_lines_as_asked_for_and_no_other(self):
        for seed in range(5):
            lines, report = self.damaged(damage.ALL_KINDS, seed=seed)
            changed = {i + 1 for i, line in enumerate(make_lines(400)) if line != lines[i]}
            self.assertEqual({entry["line"] for entry in report}, changed)
            self.assertEqual(len(report), 50)

    def test_dead_letters_are_no_events_and_the_others_are(self):
        lines, report = self.damaged(damage.ALL_KINDS)
        for entry in report:
            line = lines[entry["line"] - 1]
            if entry["kind"] == "huge_line":
                self.assertEqual(len(line) // 1_000_000, 50)
            elif entry["expected"] == "dead_letter":
                self.assertFalse(is_event(line), entry)
            else:
                self.assertTrue(is_event(line.removeprefix(broken_lines.BOM)), entry)

    def test_a_repeated_id_repeats_one_that_is_stored(self):
        lines, report = self.damaged(damage.ALL_KINDS, seed=3)
        dead = {entry["line"] for entry in report if entry["expected"] != "stored"}
        for entry in report:
            if entry["kind"] == "duplicate_id":
                id = json.loads(lines[entry["line"] - 1])["id"]
                original = int(id.removeprefix("id-")) + 1
                self.assertLess(original, entry["line"])
                self.assertNotIn(original, dead)

    def test_the_same_seed_does_the_same(self):
        self.assertEqual(self.damaged(damage.DEAD_LETTER_KINDS), self.damaged(damage.DEAD_LETTER_KINDS))
        self.assertNotEqual(self.damaged(["nul_byte"], seed=1), self.damaged(["nul_byte"], seed=2))


class Sample(unittest.TestCase):
    def make(self, *flags):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder) / "sample.jsonl"
            subprocess.run([sys.executable, MAKE_SAMPLE, "--output", output, *flags], check=True,
                           stdout=subprocess.DEVNULL)
            return output.read_bytes()

    def test_in_the_repository_is_what_the_script_makes(self):
        self.assertEqual(self.make(), (ROOT / "examples" / "events" / "sample.jsonl").read_bytes())

    def test_has_broken_lines_in_it_unless_asked_not_to(self):
        lines = self.make().split(b"\n")
        self.assertEqual((len(lines), sum(not is_event(line) for line in lines)), (2000, 19))
        clean = self.make("--clean").removesuffix(b"\n").split(b"\n")
        self.assertEqual((len(clean), sum(not is_event(line) for line in clean)), (2000, 0))


if __name__ == "__main__":
    unittest.main()
