#!/usr/bin/env python3
"""scripts/architecture.py on small trees: what it draws, and when a drawing is out of date."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "architecture.py"


class ArchitectureTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.write("docs/page.md", "")
        self.write("weir.hpp", "#include <weir/node/node.hpp>\n")
        self.write("node/node.hpp", "#include <weir/mailbox/ring.hpp>\n" * 8 + "// …\n" * 1000)
        self.write("mailbox/ring.hpp", "// …\n" * 500)
        self.write("examples/hello/hello.cpp", "#include <weir/weir.hpp>\n#include <weir/node/node.hpp>\n")
        self.assertEqual(self.run_with()[0], 0)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def append(self, path, text):
        with open(self.root / path, "a", encoding="utf-8") as file:
            file.write(text)

    def run_with(self, *flags):
        done = subprocess.run([sys.executable, PROGRAM, "--root", self.root, *flags], capture_output=True, text=True)
        return done.returncode, done.stdout

    def drawing(self):
        return (self.root / "docs/architecture.svg").read_text(encoding="utf-8")

    def test_it_draws_each_room_and_each_arrow_once(self):
        groups = list(xml.etree.ElementTree.fromstring(self.drawing()).iter("{http://www.w3.org/2000/svg}g"))
        rooms = [one.get("data-room") for one in groups if one.get("data-room")]
        self.assertEqual(rooms, ["examples", "weir.hpp", "node", "mailbox"])
        arrows = [(one.get("data-from"), one.get("data-to"), one.get("data-includes"))
                  for one in groups if one.get("data-from")]
        self.assertEqual(arrows, [("examples", "weir.hpp", "1"), ("examples", "node", "1"), ("weir.hpp", "node", "1"),
                                  ("node", "mailbox", "8")])

    def test_drawn_again_it_is_the_same(self):
        before = self.drawing()
        (self.root / "docs/architecture.svg").unlink()
        self.run_with()
        self.assertEqual(self.drawing(), before)
        self.assertEqual(self.run_with("--check"), (0, "architecture: drawn as it is\n"))

    def test_a_little_more_changes_nothing(self):
        before = self.drawing()
        self.append("node/node.hpp", "// …\n" * 150 + "#include <weir/mailbox/ring.hpp>\n")
        self.write("node/log.cpp", "")
        self.assertEqual(self.run_with("--check")[0], 0)
        self.run_with()
        self.assertEqual(self.drawing(), before)

    def test_it_says_what_is_out_of_date(self):
        self.write("inspect/api.cpp", "#include <weir/node/node.hpp>\n")
        self.write("examples/hello/hello.cpp", "#include <weir/weir.hpp>\n")
        self.append("node/node.hpp", "// …\n" * 900)
        code, said = self.run_with("--check")
        self.assertEqual((code, [line.split(": ", 1)[1].split(";")[0] for line in said.splitlines()]),
                         (1, ["inspect/ is not drawn", "the arrow from inspect to node is not drawn",
                              "the arrow from examples to node is drawn and is not there",
                              "node/ has 1900 lines in 1 units, drawn are (1000, 1)"]))
        self.assertEqual((self.run_with()[0], self.run_with("--check")[0]), (0, 0))

    def test_a_drawing_that_was_touched_is_out_of_date(self):
        self.append("docs/architecture.svg", " ")
        self.assertEqual(self.run_with("--check")[1], "docs/architecture.svg:1: is not as it would be drawn; "
                                                      "run scripts/architecture.py\n")


if __name__ == "__main__":
    unittest.main()
