#!/usr/bin/env python3
"""Who may include whom. Prints `file:line: what is wrong` for each breach; exits 1 if there is one.

A folder may include itself and what the table names. What a newcomer gets from weir.hpp must stay
light: neither CAF nor Asio nor JSON, nor a header that is opted into.
"""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "mailbox": set(),
    "supervision": {"mailbox"},
    "actors": {"mailbox", "supervision"},
    "node": {"mailbox", "supervision", "actors"},
    "cluster": {"mailbox", "supervision", "actors", "node"},
    "inspect": {"mailbox", "supervision", "actors", "node"},
    "connectors": {"supervision", "actors"},
    "cli": {"inspect"},
    "testkit": {"mailbox", "supervision", "actors"},
}
USES_ALL = {"examples", "bench", "tests"}
FRONT_DOOR = "weir.hpp"
# Who includes CAF: what is behind the seam, and no header.
KNOWS_CAF = re.compile(r"actors/runtime_caf\.cpp|cluster/\w*link\w*\.cpp")
HEAVY = re.compile(r"caf/|boost/|nlohmann/json\.hpp|spdlog/|CLI/|sqlite3|zlib")
OPTED_INTO = re.compile(r"actors/awaitable\.hpp|connectors/.*|testkit/.*")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes_of(file):
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1], found[2]


def breaches(root):
    sources = [FRONT_DOOR] if (root / FRONT_DOOR).exists() else []
    for folder in sorted(MAY_INCLUDE.keys() | USES_ALL):
        sources += sorted(str(path.relative_to(root)) for path in (root / folder).rglob("*.[hc]pp"))
    graph = {}
    for name in sources:
        folder = name.split("/")[0]
        is_header = name.endswith(".hpp")
        graph[name] = []
        if is_header and "#pragma once" not in (root / name).read_text(encoding="utf-8"):
            yield f"{name}:1: a header says #pragma once"
        for line, quote, target in includes_of(root / name):
            where = f"{name}:{line}"
            if quote == '"':
                if folder in USES_ALL:  # a program may quote what lies beside it
                    continue
                yield f"{where}: our headers are spelled <weir/folder/file.hpp>, not \"{target}\""
                continue
            if target.startswith("caf/") and folder not in USES_ALL and not KNOWS_CAF.fullmatch(name):
                yield f"{where}: CAF is for actors/runtime_caf.cpp; found <{target}>"
            graph[name].append((line, target))
            if not target.startswith("weir/"):
                continue
            ours = target.removeprefix("weir/")
            if not (root / ours).exists():
                yield f"{where}: there is no {ours}"
            theirs = ours.split("/")[0]
            if folder in MAY_INCLUDE and theirs not in MAY_INCLUDE[folder] | {folder}:
                allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "only itself"
                yield f"{where}: {folder}/ may include {allowed}; found <{target}>"
            if name == FRONT_DOOR and theirs in USES_ALL | {"cluster", "inspect", "cli"}:
                yield f"{where}: not for the front door: <{target}>"

    # What <weir/weir.hpp> brings along.
    seen, waiting = set(), [FRONT_DOOR] if FRONT_DOOR in graph else []
    while waiting:
        name = waiting.pop()
        if name in seen or name not in graph:
            continue
        seen.add(name)
        for line, target in graph[name]:
            ours = target.removeprefix("weir/")
            if HEAVY.match(target):
                yield f"{name}:{line}: {FRONT_DOOR} must not bring along <{target}>"
            elif target.startswith("weir/") and OPTED_INTO.fullmatch(ours):
                yield f"{name}:{line}: <{target}> is opted into; {FRONT_DOOR} must not bring it along"
            elif target.startswith("weir/"):
                waiting.append(ours)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = sorted(breaches(root))
    print("\n".join(found) if found else "layering: as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
