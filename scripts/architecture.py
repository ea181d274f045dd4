#!/usr/bin/env python3
"""Draws the rooms and who includes whom into docs/architecture.svg.

  architecture.py           draws it
  architecture.py --check   exits 1, and says why, if it does not show what is

The rooms stand on a stair, the lowest at the bottom. What a room includes hangs on a line below it, so no arrow points
up. What third parties and users see stands on the left, and includes public headers only.

A figure that was drawn stays as long as it is about right: so the drawing changes when the house does, not with each
line.
"""
import argparse
import collections
import dataclasses
import pathlib
import re
import sys
from xml.sax.saxutils import escape

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "checks"))

from rooms import FRONT_DOOR, FRONT_DOOR_PURPOSE, ROOMS, House, unit_of  # noqa: E402

DRAWING = "docs/architecture.svg"

# From the top; an arrow between two of a list goes downwards.
STAIR = ["cli", "inspect", "cluster", "node", "pipeline", "stages", "dead_letters", "actors", "supervision", "mailbox"]
OUTSIDE = ["examples", "testkit", "connectors", FRONT_DOOR]


def about(was, now, least):
    """Whether a figure may stay as it was drawn."""
    return abs(was - now) <= max(least, now / 5)


@dataclasses.dataclass
class Figures:
    """What is drawn: {room: (lines, units)}, {(from, to): includes}."""
    rooms: dict
    arrows: dict

    @classmethod
    def of(cls, house):
        lines, units = collections.Counter(), collections.defaultdict(set)
        arrows = collections.Counter()
        for source in house.sources.values():
            ours = source.folder
            if ours not in STAIR + OUTSIDE:
                continue
            lines[ours] += source.lines
            units[ours].add(unit_of(source.path))
            for one in source.includes:
                theirs = one.ours.split("/")[0] if one.ours else ours
                if theirs != ours and goes_down(ours, theirs):
                    arrows[ours, theirs] += 1
        return cls({room: (max(100, round(lines[room], -2)), len(units[room])) for room in lines}, dict(arrows))

    @classmethod
    def drawn(cls, text):
        rooms = re.findall(r'data-room="([^"]+)" data-lines="(\d+)" data-units="(\d+)"', text)
        arrows = re.findall(r'data-from="([^"]+)" data-to="([^"]+)" data-includes="(\d+)"', text)
        return cls({room: (int(lines), int(units)) for room, lines, units in rooms},
                   {(ours, theirs): int(count) for ours, theirs, count in arrows})

    def kept(self, was):
        """These figures, or those that were drawn where they are still about right."""
        rooms, arrows = dict(self.rooms), dict(self.arrows)
        for room, (lines, units) in was.rooms.items():
            if room in rooms and about(lines, rooms[room][0], 200) and about(units, rooms[room][1], 2):
                rooms[room] = lines, units
        for arrow, count in was.arrows.items():
            if arrow in arrows and about(count, arrows[arrow], 3):
                arrows[arrow] = count
        return Figures(rooms, arrows)

    def differences(self, was):
        """What these have and the drawn ones don't, in words."""
        for mine, theirs, words in [(self, was, "is not drawn"), (was, self, "is drawn and is not there")]:
            yield from (f"{room}/ {words}" for room in mine.rooms if room not in theirs.rooms)
            yield from (f"the arrow from {a} to {b} {words}" for a, b in mine.arrows if (a, b) not in theirs.arrows)
        for room, (lines, units) in self.rooms.items():
            if room in was.rooms and was.rooms[room] != (lines, units):
                yield f"{room}/ has {lines} lines in {units} units, drawn are {was.rooms[room]}"
        for (a, b), count in self.arrows.items():
            if was.arrows.get((a, b), count) != count:
                yield f"{a} includes {b} {count} times, drawn is {was.arrows[a, b]}"


def goes_down(ours, theirs):
    """Whether an arrow has a place in the drawing. Those that go up are layering.py's business."""
    order = OUTSIDE + STAIR
    return theirs in order and order.index(ours) < order.index(theirs)


# --- drawing -------------------------------------------------------------------------------------

MARGIN = 32
BOX_WIDTH, BOX_HEIGHT = 178, 60
STEP, PITCH = 102, 88           # from one room of the stair to the next: to the left, down
OUTSIDE_X, OUTSIDE_PITCH = 78, 76
HEAD = 96                       # above the first box
HOOK = 124                      # from a box's left edge to the line that hangs from it; beyond the box below
LANE = 24                       # between two lines side by side
BEND = 9                        # radius of a corner
NOTES_WIDTH = 490
TIP = 7                         # length of an arrow's head

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.title { font-size: 21px; font-weight: 600; } .name { font-size: 15px; font-weight: 600; }
.note, .gist, .size { font-size: 11.5px; } .count { font-size: 11px; text-anchor: middle; }
.name, .gist, .size { text-anchor: middle; }
.line { fill: none; stroke-width: 2; } .box, .pill { stroke-width: 1.2; }
"""
# What each class is painted with in the light and in the dark.
PAINT = {
    ".paper": ("fill: #ffffff", "fill: #0d1117"),
    ".title, .name": ("fill: #1f2328", "fill: #f0f3f6"),
    ".gist, .note": ("fill: #4d565f", "fill: #b1bac4"),
    ".size, .count": ("fill: #59636e", "fill: #9ea7b3"),
    ".stair .box": ("fill: #e4effb; stroke: #5b93cf", "fill: #14273d; stroke: #4a83c0"),
    ".outside .box": ("fill: #fbefdc; stroke: #c9974a", "fill: #33260f; stroke: #b3853e"),
    ".door .box": ("fill: #e3f3e6; stroke: #58a06a", "fill: #13301b; stroke: #4d9560"),
    ".stair .line, .stair .pill": ("stroke: #5b93cf", "stroke: #4a83c0"),
    ".outside .line, .outside .pill": ("stroke: #c9974a", "stroke: #b3853e"),
    ".door .line, .door .pill": ("stroke: #58a06a", "stroke: #4d9560"),
    ".pill": ("fill: #ffffff", "fill: #0d1117"),
    ".stair .tip": ("fill: #5b93cf", "fill: #4a83c0"),
    ".outside .tip": ("fill: #c9974a", "fill: #b3853e"),
    ".door .tip": ("fill: #58a06a", "fill: #4d9560"),
}


def style():
    light = "\n".join(f"{what} {{ {one} }}" for what, (one, _) in PAINT.items())
    dark = "\n".join(f"  {what} {{ {one} }}" for what, (_, one) in PAINT.items())
    return f"<style>{STYLE}{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n</style>"


def kind(room):
    return "door" if room == FRONT_DOOR else "outside" if room in OUTSIDE else "stair"


class Drawing:
    def __init__(self, figures):
        self.figures = figures
        self.stair = [room for room in STAIR if room in figures.rooms]
        self.outside = [room for room in OUTSIDE if room in figures.rooms]
        top = HEAD + max(0, len(self.outside) - 1) * OUTSIDE_PITCH + 50
        # The lines from outside pass on the left of all that they lead to.
        self.lanes_x = OUTSIDE_X + BOX_WIDTH + 26
        lowest = [room for room in self.stair if any((one, room) in figures.arrows for one in self.outside)][-1:]
        steps = len(self.stair) - 1 - self.stair.index(lowest[0]) if lowest else 0
        left = max(MARGIN, self.lanes_x + len(self.outside) * LANE + 30 - STEP * steps)
        self.corner = {room: (left + (len(self.stair) - 1 - number) * STEP, top + number * PITCH)
                       for number, room in enumerate(self.stair)}
        self.corner |= {room: (OUTSIDE_X, HEAD + number * OUTSIDE_PITCH) for number, room in enumerate(self.outside)}
        self.notes_x = self.lanes_x + len(OUTSIDE) * LANE + 44
        self.width = max(self.notes_x + NOTES_WIDTH, *(x + BOX_WIDTH for x, _ in self.corner.values())) + MARGIN
        self.height = max(y for _, y in self.corner.values()) + BOX_HEIGHT + MARGIN

    def box(self, room):
        x, y = self.corner[room]
        lines, units = self.figures.rooms[room]
        purpose = FRONT_DOOR_PURPOSE if room == FRONT_DOOR else ROOMS[room].purpose
        gist = "what most programs include" if room == FRONT_DOOR else ROOMS[room].gist
        size = "a tour in its comment" if room == FRONT_DOOR else f"{lines:,} lines in {units} unit{'s' * (units != 1)}"
        middle = x + BOX_WIDTH / 2
        return (f'<g class="{kind(room)}" data-room="{room}" data-lines="{lines}" data-units="{units}">'
                f'<title>{escape(purpose)}</title>'
                f'<rect class="box" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>'
                f'<text class="name" x="{middle:g}" y="{y + 20}">{room}</text>'
                f'<text class="gist" x="{middle:g}" y="{y + 36}">{escape(gist)}</text>'
                f'<text class="size" x="{middle:g}" y="{y + 52}">{size}</text></g>')

    def lane(self, ours, theirs):
        """x of the line that leads down, and whether the arrow then comes to theirs from its left."""
        if ours in self.stair:
            return self.corner[ours][0] + HOOK, False
        number = self.outside.index(ours)
        if theirs in self.outside:
            return OUTSIDE_X - 18 - 18 * number, True
        return self.lanes_x + LANE * (len(self.outside) - 1 - number), True

    def arrow(self, ours, theirs, count):
        lane, from_left = self.lane(ours, theirs)
        x, y = self.corner[theirs]
        end_y = y + BOX_HEIGHT / 2
        end_x, side = (x, 1) if from_left else (x + BOX_WIDTH, -1)
        if ours in self.stair:
            path = f"M{lane:g} {self.corner[ours][1] + BOX_HEIGHT}"
        else:
            start_y = self.corner[ours][1] + BOX_HEIGHT / 2
            start_x, out = (OUTSIDE_X, -1) if lane < OUTSIDE_X else (OUTSIDE_X + BOX_WIDTH, 1)
            path = f"M{start_x} {start_y:g}H{lane - out * BEND:g}q{out * BEND} 0 {out * BEND} {BEND}"
        path += f"V{end_y - BEND:g}q0 {BEND} {side * BEND} {BEND}H{end_x - side * TIP:g}"
        tip = f"M{end_x} {end_y:g}l{-side * (TIP + 2)} -4.5v9z"
        pill_y = end_y - BEND - 12
        pill = 9 + 6.5 * len(str(count))
        return (f'<g class="{kind(ours)}" data-from="{ours}" data-to="{theirs}" data-includes="{count}">'
                f'<title>{ours} includes {theirs} {count} times</title>'
                f'<path class="line" d="{path}"/><path class="tip" d="{tip}"/>',
                f'<g class="{kind(ours)}"><rect class="pill" x="{lane - pill / 2:g}" y="{pill_y - 8:g}" '
                f'width="{pill:g}" height="16" rx="8"/>'
                f'<text class="count" x="{lane:g}" y="{pill_y + 4:g}">{count}</text></g>')

    def text(self):
        arrows = [self.arrow(ours, theirs, self.figures.arrows[ours, theirs])
                  for ours in self.outside + self.stair for theirs in self.outside + self.stair
                  if (ours, theirs) in self.figures.arrows]
        notes = ["An arrow leads from who includes to what is included; the number says how often.",
                 "A line that hangs from a room leads to what it includes: always further down.",
                 "On the left: what users and third parties write. It includes public headers only."]
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" aria-labelledby="title">',
            '<title id="title">The rooms of Weir, and who includes whom</title>',
            style(),
            f'<rect class="paper" width="{self.width}" height="{self.height}" rx="10"/>',
            f'<text class="title" x="{OUTSIDE_X}" y="54">The rooms of Weir</text>',
            *(f'<text class="note" x="{self.notes_x}" y="{HEAD + 8 + 18 * number}">{line}</text>'
              for number, line in enumerate(notes)),
            *(f"{line}</g>" for line, _ in arrows),
            *(pill for _, pill in arrows),
            *(self.box(room) for room in self.outside + self.stair),
            "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1])
    arguments = parser.parse_args()
    file = arguments.root / DRAWING
    was_text = file.read_text(encoding="utf-8") if file.is_file() else ""
    was = Figures.drawn(was_text)
    figures = Figures.of(House(arguments.root)).kept(was)
    text = Drawing(figures).text()
    if text == was_text:
        print("architecture: drawn as it is")
        return 0
    if not arguments.check:
        file.write_text(text, encoding="utf-8")
        print(f"architecture: {file}")
        return 0
    for difference in list(figures.differences(was)) or ["is not as it would be drawn"]:
        print(f"{DRAWING}:1: {difference}; run scripts/architecture.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
