"""What `events` has written: its store and its dead letters, read and compared with the input."""

import contextlib
import json
import sqlite3

from programs import check


def query(path, sql):
    """All rows; none if the file or the table was never made."""
    if not path.exists():
        return []
    # Read-only, so that looking at the files of a killed program changes nothing in them.
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        try:
            return database.execute(sql).fetchall()
        except sqlite3.Error as error:
            check("no such table" in str(error), f"{path}: {error}")
            return []


def ids(store):
    return [row[0] for row in query(store, "SELECT id FROM events")]


def dead_letters(path):
    """[(position, cause)], positions as numbers."""
    return [(int(position), cause)
            for position, cause in query(path, "SELECT position, cause FROM dead_letters")]


def check_ids(store, expected):
    """The rows are the expected ids, none twice, none missing."""
    rows = ids(store)
    twice = len(rows) - len(set(rows))
    missing = set(expected) - set(rows)
    strange = set(rows) - set(expected)
    check(not twice and not missing and not strange,
          f"{len(rows)} rows for {len(expected)} events: {twice} twice, {len(missing)} missing "
          f"{sorted(missing)[:5]}, {len(strange)} that were not in the input {sorted(strange)[:5]}")


def check_rows(store, events, enriched):
    """Also the data of every event as it came, and the facts about its own address."""
    check_ids(store, events.keys())
    for id, data, enrichment in query(store, "SELECT id, data, enrichment FROM events"):
        check(json.loads(data) == events[id], f"the data of {id} is not what came in: {data[:200]}")
        if enriched:
            check(enrichment, f"{id} was not enriched")
            key = json.loads(enrichment).get("key")
            check(key == events[id].get("ip"), f"{id} has the facts about {key!r}: {enrichment[:200]}")


def check_dead_letters(path, expected):
    """Exactly the expected line numbers, once each, every one with a cause."""
    found = dead_letters(path)
    positions = [position for position, _ in found]
    missing = sorted(set(expected) - set(positions))
    strange = sorted(set(positions) - set(expected))
    check(not missing, f"{len(missing)} damaged lines are not in the dead letters: {missing[:10]}")
    check(not strange, f"dead letters for lines that are whole: {[f for f in found if f[0] in strange][:3]}")
    check(len(positions) == len(set(positions)), f"{len(positions)} dead letters for {len(expected)} lines")
    for position, cause in found:
        check(cause and cause.strip(), f"the dead letter of line {position} names no cause")
