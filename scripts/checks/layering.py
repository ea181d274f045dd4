#!/usr/bin/env python3
"""Who may include whom. Prints `file:line: what is wrong` for each breach; exits 1 if there is one.

  layering.py [ROOT]         checks the tree
  layering.py --fix [ROOT]   writes the table of rooms into CONTRIBUTING.md first

The rooms and their arrows are in rooms.py, the public headers in cmake/public_headers.txt. Beyond them:

- A unit is a header with its source. No circle of units: a reader can begin at the bottom. Nothing is exempted.
- No room is larger than a quarter of the library; of the connectors, each is a room.
- What weir.hpp brings along stays light: no CAF, Asio or JSON, no header that is opted into.
- CAF is behind actors/runtime* and one file of cluster/; other third parties are kept out of our headers.
- A room is a CMake library and links to what it may include.
"""
import collections
import pathlib
import re
import sys

from rooms import (EVERYTHING, FRONT_DOOR, FRONT_DOOR_PURPOSE, LIBRARY, PROGRAMS, PUBLIC, PUBLIC_HEADERS, ROOMS, House,
                   room_of, unit_of)

LARGEST_SHARE = 1 / 4

# Not brought along by weir.hpp, however indirectly.
HEAVY = re.compile(r"caf/|boost/|nlohmann/json\.hpp|spdlog/|CLI/|sqlite3|zlib|curl/")
OPTED_INTO = re.compile(r"(connectors|testkit|cluster|inspect)/.*|stages/(awaitable|json)\.hpp")

CAF_HOME = re.compile(r"actors/runtime_caf\.cpp")
CAF_FILES_OF_CLUSTER = 1
# Rooms that stand on the standard library and the system alone, and what third parties are called.
PURE = {"mailbox", "supervision"}
THIRD_PARTY = re.compile(r"(caf|boost|curl|nlohmann|spdlog|fmt|CLI|openssl|librdkafka|prometheus|opentelemetry)/"
                         r"|(sqlite3|zlib|libpq-fe)\.h")
STANDARD = re.compile(r"[a-z_0-9]+")
# A source may use any third party. A header shows it to whoever includes it, so only these do, and only these parties.
SHOWN = re.compile(r"boost/|nlohmann/json_fwd\.hpp|caf/")
SHOWN_BY = re.compile(r"actors/(rate_limiter|runtime\w*|sleep)\.hpp|stages/(awaitable|json)\.hpp"
                      r"|(connectors/\w+|cluster|inspect)/\w+\.hpp")
# libcurl is known to what drives it, which no public header includes.
CURL_SHOWN_BY = re.compile(r"connectors/http/transfers?\.hpp")


def listed(words):
    return ", ".join(words) or "only itself"


def check_form(house):
    for source in house.sources.values():
        if source.is_header and not source.says_once:
            yield f"{source.path}:1: a header says #pragma once"
        for one in source.includes:
            # A program may quote what lies beside it.
            if one.quote == '"' and source.folder not in PROGRAMS:
                yield (f"{source.path}:{one.line}: our headers are spelled <weir/folder/file.hpp>, "
                       f"not \"{one.target}\"")
            if one.ours and not (house.root / one.ours).exists():
                yield f"{source.path}:{one.line}: there is no {one.ours}"


def check_folders(house):
    """Nothing of ours lies where no rule holds."""
    for path in sorted(house.root.glob("*/")):
        if path.name in ROOMS or path.name.startswith(".") or path.name == "build" or not path.is_dir():
            continue
        for stray in sorted(path.rglob("*.[hc]pp")):
            yield f"{stray.relative_to(house.root)}:1: {path.name}/ is no room: see scripts/checks/rooms.py"


def check_public_headers(house):
    seen = set()
    for line, path, purpose in house.public_lines():
        where = f"{PUBLIC_HEADERS}:{line}"
        if not (house.root / path).is_file():
            yield f"{where}: there is no {path}"
        if path in seen:
            yield f"{where}: {path} is there already"
        if not purpose:
            yield f"{where}: what is {path} for?"
        if path != FRONT_DOOR and path.split("/")[0] not in LIBRARY:
            yield f"{where}: {path} is in no room of the library"
        seen.add(path)
    if FRONT_DOOR in house.sources and FRONT_DOOR not in seen:
        yield f"{PUBLIC_HEADERS}:1: {FRONT_DOOR} is public"


def why_not(house, source, target):
    """Why a source may not include that file of ours; None if it may."""
    ours, theirs = room_of(source.path), room_of(target)
    folder, their_folder = source.folder, target.split("/")[0]
    if ours == theirs:
        return None
    if folder == FRONT_DOOR:
        if target not in house.public:
            return f"{FRONT_DOOR} may include public headers only ({PUBLIC_HEADERS})"
        return "not for the front door, which stays light" if OPTED_INTO.fullmatch(target) else None
    may = ROOMS[folder].may
    if EVERYTHING in may:
        return None
    if folder == "connectors" and theirs == "connectors" and target.endswith(".hpp"):
        return None  # what connectors share
    if folder == their_folder == "connectors" and theirs == source.path.removesuffix(".hpp"):
        return None  # connectors/files.hpp brings in what connectors/files/ has for users
    if folder == their_folder == "connectors":
        return f"{ours}/ may not know another connector" if "/" in ours else "what is shared may not know a connector"
    if PUBLIC not in may:
        return None if their_folder in may else f"{folder}/ may include {listed(may)}"
    if target not in house.public:
        return f"{ours}/ may include public headers only ({PUBLIC_HEADERS})"
    return f"{ours}/ may not need the testkit" if (folder, their_folder) == ("connectors", "testkit") else None


def check_arrows(house):
    for source in house.sources.values():
        for one in source.includes:
            why = why_not(house, source, one.ours) if one.ours else None
            if why:
                yield f"{source.path}:{one.line}: {why}; found <{one.target}>"


def foreign_includes(house):
    for source in house.library():
        for one in source.includes:
            if one.quote == "<" and not one.ours:
                yield source, one, f"{source.path}:{one.line}"


def check_caf(house):
    in_cluster = sorted({source.path for source, one, _ in foreign_includes(house)
                         if source.folder == "cluster" and one.target.startswith("caf/")})
    allowed = in_cluster[:CAF_FILES_OF_CLUSTER]
    for source, one, where in foreign_includes(house):
        if one.target.startswith("caf/") and not CAF_HOME.fullmatch(source.path) and source.path not in allowed:
            yield (f"{where}: CAF is for actors/runtime_caf.cpp and one file of cluster/"
                   f"{''.join(f' ({file})' for file in allowed)}; found <{one.target}>")


def check_third_parties(house):
    for source, one, where in foreign_includes(house):
        found = f"found <{one.target}>"
        if source.folder == "mailbox" and not STANDARD.fullmatch(one.target):
            yield f"{where}: mailbox/ stands on the standard library alone; {found}"
        elif not THIRD_PARTY.match(one.target) or source.path == FRONT_DOOR:
            continue
        elif source.folder in PURE:
            yield f"{where}: {source.folder}/ stands on the standard library and the system alone; {found}"
        elif source.is_header and one.target.startswith("curl/"):
            if not CURL_SHOWN_BY.fullmatch(source.path):
                yield f"{where}: libcurl is for connectors/http/transfer.hpp and transfers.hpp; {found}"
        elif source.is_header and not (SHOWN.match(one.target) and SHOWN_BY.fullmatch(source.path)):
            yield f"{where}: not in this header, which shows it to whoever includes it; {found}"


def check_front_door(house):
    """What <weir/weir.hpp> brings along, and by which way."""
    came_from = {FRONT_DOOR: None}
    waiting = collections.deque([FRONT_DOOR] if FRONT_DOOR in house.sources else [])
    while waiting:
        path = waiting.popleft()
        for one in house.sources[path].includes:
            ours = one.ours
            if HEAVY.match(one.target) or (ours and path != FRONT_DOOR and OPTED_INTO.fullmatch(ours)):
                way, step = [], path
                while step:
                    way.append(step)
                    step = came_from[step]
                yield (f"{path}:{one.line}: {FRONT_DOOR} must not bring along <{one.target}>; "
                       f"it comes by {' > '.join(reversed(way))}")
            elif ours in house.sources and ours not in came_from:
                came_from[ours] = path
                waiting.append(ours)


def unit_graph(house):
    """{unit: {unit it includes: "file:line" of one such include}}"""
    graph = {}
    for source in house.library():
        unit = graph.setdefault(unit_of(source.path), {})
        for one in source.includes:
            if one.ours in house.sources and unit_of(one.ours) != unit_of(source.path):
                unit.setdefault(unit_of(one.ours), f"{source.path}:{one.line}")
    return graph


def circles(graph):
    """Strongly connected components of more than one node (Kosaraju: by the order in which a search leaves nodes)."""
    def reached(start, edges, seen):
        """What a search from there reaches, in the order in which it is left."""
        left, stack = [], [(start, iter(edges(start)))]
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            following = next((one for one in rest if one not in seen), None)
            if following is None:
                left.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(edges(following))))
        return left

    backwards = {node: [] for node in graph}
    for node in sorted(graph):
        for target in sorted(graph[node]):
            backwards[target].append(node)
    seen, order = set(), []
    for node in sorted(graph):
        if node not in seen:
            order += reached(node, lambda one: sorted(graph[one]), seen)
    seen = set()
    for node in reversed(order):
        if node not in seen:
            component = reached(node, lambda one: backwards[one], seen)
            if len(component) > 1:
                yield sorted(component)


def way_round(graph, component, start):
    """The shortest circle through start within a component."""
    came_from, waiting = {start: None}, collections.deque([start])
    while True:  # there is one, so the search ends
        node = waiting.popleft()
        for target in sorted(graph[node].keys() & set(component)):
            if target == start:
                way = []
                while node:
                    way.append(node)
                    node = came_from[node]
                return way[::-1]
            if target not in came_from:
                came_from[target] = node
                waiting.append(target)


def check_circles(house):
    graph = unit_graph(house)
    for component in circles(graph):
        way = min((way_round(graph, component, start) for start in component), key=len)
        steps = [f"{unit} > {after} ({graph[unit][after]})" for unit, after in zip(way, way[1:] + way[:1])]
        yield (f"{graph[way[0]][way[1]]}: a circle of {len(component)} units: {', '.join(component)}; "
               f"the shortest way round: {'; '.join(steps)}")


def sizes(house):
    """{room: lines}, of the connectors each for itself."""
    lines = collections.Counter()
    for source in house.library():
        if source.path != FRONT_DOOR:
            lines[room_of(source.path)] += source.lines
    return lines


def check_sizes(house):
    lines = sizes(house)
    for room, count in sorted(lines.items()):
        if count > lines.total() * LARGEST_SHARE:
            yield (f"{room}/CMakeLists.txt:1: {room}/ has {count} of the library's {lines.total()} lines, "
                   f"{count / lines.total():.0%}; a room has at most {LARGEST_SHARE:.0%}")


COMMAND = re.compile(r"weir_library\s*\(\s*(\w+)")
TARGET = re.compile(r"\bweir::(\w+)")


def cmake_lines(house, folder):
    """(file, line, its text without the comment), of every CMakeLists.txt in a folder."""
    for file in sorted((house.root / folder).rglob("CMakeLists.txt")):
        name = file.relative_to(house.root)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            yield str(name), number, line.partition("#")[0]


def room_of_library(name):
    """weir_connectors_files is the library of connectors/files, weir_node that of node."""
    short = name.removeprefix("weir_")
    return short.replace("connectors_", "connectors/", 1) if short.startswith("connectors_") else short


def check_libraries(house):
    """A room is a library, named after it, and links to rooms that it may include."""
    for name in LIBRARY:
        if not any(source.folder == name for source in house.library()):
            continue  # a room that is still to be built
        made = {room_of_library(found) for _, _, text in cmake_lines(house, name) for found in COMMAND.findall(text)}
        # What connectors share may be headers alone, which need no library.
        wanted = {room_of(source.path) for source in house.library()
                  if source.folder == name and not (room_of(source.path) == "connectors" and source.is_header)}
        for room in sorted(wanted - made):
            yield f"{room}/CMakeLists.txt:1: no weir_library(weir_{room.replace('/', '_')}) is made here"
        may = set(ROOMS[name].may)
        if PUBLIC in may:
            may = {path.split("/")[0] for path in house.public} - {FRONT_DOOR, "connectors", "testkit"}
        for file, line, text in cmake_lines(house, name):
            ours = room_of(file)
            for target in TARGET.findall(text):
                theirs = room_of_library("weir_" + target)
                if theirs not in may | {ours, name}:
                    yield f"{file}:{line}: {ours}/ may not link to what it may not include; found weir::{target}"


TABLE = re.compile(r"<!-- rooms -->\n(.*?)<!-- end -->", re.DOTALL)


def may_include(room):
    """In words: `mailbox/` to `stages/`, `inspect/`."""
    if PUBLIC in room.may or EVERYTHING in room.may:
        return listed(room.may)
    in_a_row = [name for name, wanted in zip(room.may, ROOMS) if name == wanted]
    if len(in_a_row) < 3:
        in_a_row = []
    words = [f"`{in_a_row[0]}/` to `{in_a_row[-1]}/`"] if in_a_row else []
    return ", ".join(words + [f"`{name}/`" for name in room.may[len(in_a_row):]]) or "the standard library"


def table_of_rooms(house):
    """The rooms that there are, as Markdown."""
    folders = {source.folder for source in house.sources.values()}
    rows = ["| Folder | What it is | May include |", "|---|---|---|",
            f"| `{FRONT_DOOR}` | {FRONT_DOOR_PURPOSE} | public headers, none that is heavy or opted into |"]
    rows += [f"| `{room.name}/` | {room.purpose} | {may_include(room)} |"
             for room in ROOMS.values() if room.name in folders]
    return "\n".join(rows) + "\n"


def check_table(house, fix=False):
    file = house.root / "CONTRIBUTING.md"
    if not file.is_file():
        return
    text, table = file.read_text(encoding="utf-8"), table_of_rooms(house)
    found = TABLE.search(text)
    if not found:
        yield f"{file.name}:1: there is no table of rooms, between <!-- rooms --> and <!-- end -->"
    elif found[1] != table and fix:
        file.write_text(text[:found.start(1)] + table + text[found.end(1):], encoding="utf-8")
    elif found[1] != table:
        line = text.count("\n", 0, found.start()) + 1
        yield f"{file.name}:{line}: is not what scripts/checks/rooms.py says; run scripts/checks/layering.py --fix"


def by_place(breach):
    """A breach sorts by its file and then by its line, as a number."""
    file, line, _ = breach.split(":", 2)
    return file, int(line), breach


def breaches(root, fix=False):
    house = House(root)
    yield from check_table(house, fix)
    for check in [check_form, check_folders, check_public_headers, check_arrows, check_caf,
                  check_third_parties, check_front_door, check_circles, check_sizes, check_libraries]:
        yield from check(house)


def main():
    arguments = sys.argv[1:]
    fix = "--fix" in arguments
    roots = [one for one in arguments if one != "--fix"]
    root = pathlib.Path(roots[0] if roots else pathlib.Path(__file__).parents[2]).resolve()
    found = sorted(set(breaches(root, fix)), key=by_place)
    print("\n".join(found) if found else "layering: as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
