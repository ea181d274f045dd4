"""The rooms of the house: what each is for, what it may include; and the sources, read once.

What layering.py checks and architecture.py draws. A room is a folder and a CMake library, and may include itself and
what its line says. PUBLIC stands for the public headers, cmake/public_headers.txt.
"""
import dataclasses
import functools
import pathlib
import re

FRONT_DOOR = "weir.hpp"
PUBLIC_HEADERS = "cmake/public_headers.txt"
PUBLIC = "public headers"
EVERYTHING = "everything"


@dataclasses.dataclass(frozen=True)
class Room:
    name: str
    purpose: str
    may: tuple[str, ...]  # the rooms it may include, or PUBLIC, or EVERYTHING
    gist: str = ""        # the purpose in a few words, for the drawing

    @property
    def is_library(self) -> bool:
        return self.name not in PROGRAMS


PROGRAMS = ("examples", "bench", "tests")
_MAILBOX_TO_ACTORS = ("mailbox", "supervision", "actors")
_MAILBOX_TO_STAGES = (*_MAILBOX_TO_ACTORS, "dead_letters", "stages")
_MAILBOX_TO_NODE = (*_MAILBOX_TO_STAGES, "pipeline", "node")

# From the ground up. An arrow never points up.
ROOMS = {room.name: room for room in [
    Room("mailbox", "how items move and are accounted for: ring, credit, origin, ledger; no CAF, no I/O, no clock", (),
         "ring, credit, origin, ledger"),
    Room("supervision", "decisions as pure functions of events and time: failure, retry, restart; the flight recorder",
         ("mailbox",), "failed: what now?"),
    Room("actors", "what runs in turns: actor, runtime (the seam to CAF, Asio and the clock), supervisors",
         ("mailbox", "supervision"), "what runs in turns"),
    Room("dead_letters", "the record, the queue, the dead-letter actor, held keys, replay; knows no type of item",
         _MAILBOX_TO_ACTORS, "what could not go on"),
    Room("stages", "the worker and what it drives: the typed loops around users' functions, sources and sinks",
         (*_MAILBOX_TO_ACTORS, "dead_letters"), "loops around functions"),
    Room("pipeline", "graph, plan, flow, pipeline, running pipeline", _MAILBOX_TO_STAGES, "the graph that runs"),
    Room("node", "one running process: configuration, signals, drain, report", (*_MAILBOX_TO_STAGES, "pipeline"),
         "one running process"),
    Room("cluster", "nodes together: links, placement, the gateway in front of CAF's network", _MAILBOX_TO_NODE,
         "nodes together"),
    Room("inspect", "the API, the page, metrics and traces of a node", _MAILBOX_TO_NODE, "API, page, metrics"),
    Room("cli", "the `weir` command, and what programs share of it", (*_MAILBOX_TO_NODE, "inspect"),
         "the command, the main"),
    Room("connectors", "files, HTTP, SQLite, a folder each: written as a third party would, none knows another",
         (PUBLIC,), "files, HTTP, SQLite"),
    Room("testkit", "virtual time, seeded schedules, probes: for our tests and for users' tests", (PUBLIC,),
         "virtual time, probes"),
    Room("examples", "programs, as a user writes them", (PUBLIC,), "programs of users"),
    Room("bench", "what performance is measured with", (EVERYTHING,)),
    Room("tests", "what has to hold", (EVERYTHING,)),
]}
FRONT_DOOR_PURPOSE = "the front door: what most programs include, and a tour"
LIBRARY = [name for name, room in ROOMS.items() if room.is_library]


def room_of(path: str) -> str:
    """`actors`; of a connector `connectors/files`, of what connectors share `connectors`; weir.hpp is its own."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "connectors" and len(parts) > 2 else parts[0]


def unit_of(path: str) -> str:
    """A header with its source."""
    return path.rpartition(".")[0]


@dataclasses.dataclass(frozen=True)
class Include:
    line: int
    quote: str  # < or "
    target: str

    @property
    def ours(self) -> str | None:
        """The path in our tree, if it is one of ours."""
        return self.target.removeprefix("weir/") if self.quote == "<" and self.target.startswith("weir/") else None


@dataclasses.dataclass(frozen=True)
class Source:
    path: str
    lines: int
    includes: tuple[Include, ...]
    says_once: bool  # #pragma once

    @property
    def is_header(self) -> bool:
        return self.path.endswith(".hpp")

    @property
    def folder(self) -> str:
        """The first word of its path: `connectors`, also for a file of connectors/files."""
        return self.path.split("/")[0]


_INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_source(root: pathlib.Path, path: str) -> Source:
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    found = ((number, _INCLUDE.match(line)) for number, line in enumerate(lines, start=1))
    includes = tuple(Include(number, one[1], one[2]) for number, one in found if one)
    return Source(path, len(lines), includes, any(line.strip() == "#pragma once" for line in lines))


class House:
    """All sources under a root."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        paths = [FRONT_DOOR] if (root / FRONT_DOOR).is_file() else []
        for name in ROOMS:
            paths += sorted(str(path.relative_to(root)) for path in (root / name).rglob("*.[hc]pp"))
        self.sources = {path: read_source(root, path) for path in paths}

    @functools.cached_property
    def public(self) -> dict[str, int]:
        """Where cmake/public_headers.txt names each public header: its line."""
        return {path: number for number, path, _ in self.public_lines()}

    def public_lines(self):
        """(line, path, what it is for), as they stand in the list."""
        file = self.root / PUBLIC_HEADERS
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        for number, line in enumerate(text.splitlines(), start=1):
            path, _, purpose = line.partition("#")[0].strip().partition(" ")
            if path:
                yield number, path, purpose.strip()

    def library(self) -> list[Source]:
        """The sources of the library, weir.hpp among them; no programs."""
        return [source for source in self.sources.values() if source.folder not in PROGRAMS]
