"""A store that is locked for a long time while the source could deliver a thousand times more."""

import contextlib
import json
import os
import signal
import sqlite3
import time

import tables
from programs import Events, Violation, check, wait_until

SETTLE_SECONDS = 2  # after the lock: what fits into the mailboxes goes on until they are full
CPU_SHARE_MAX = 0.02
RSS_GROWTH_MAX = 1.10
FEW = 500  # events that bring up what there is besides what waits
STORE_CACHE_MB = 2000 * 1024 / 1e6  # SQLite's default, which a few events don't fill
BATCH = 100  # the default of --batch-size
ITEM_OVERHEAD = 256  # bytes of an event besides its text: the object, its place, the blocks of its strings
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE / 1e6


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()  # the name before it may hold blanks
    return (int(fields[11]) + int(fields[12])) / TICKS


def write_many(path, lines, count):
    """`count` events: the data of `lines` again and again, each with an id of its own."""
    data = [json.dumps(json.loads(line)["data"], ensure_ascii=False).encode() for line in lines]
    with open(path, "wb") as file:
        for number in range(count):
            file.write(b'{"id":"%s","data":%s}\n' % (id_of(number).encode(), data[number % len(data)]))


def id_of(number):
    return f"stall-{number:08}"


@contextlib.contextmanager
def locked(store):
    """Holds the store's write lock. Readers of a WAL database go on, the writer waits."""
    with contextlib.closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as database:
        wait_until(lambda: begin(database), 60, "the store's write lock")
        yield
        database.execute("ROLLBACK")


def begin(database):
    """One try; there is little time between two batches of the writer, so SQLite's own waiting misses it."""
    try:
        database.execute("BEGIN EXCLUSIVE")
        return True
    except sqlite3.OperationalError:
        return False


def idle_mb(programs, folder, lines):
    """RSS of an `events` that has stored a few events and has nothing more to do."""
    folder.mkdir()
    few = folder / "few.jsonl"
    write_many(few, lines, FEW)
    with Events(programs.events, folder, few, more=("--listen", "127.0.0.1:0")) as idle:
        wait_until(lambda: idle.process.poll() is not None or rows(idle.store) == FEW, 60, "the few events")
        mb = rss_mb(idle.process.pid)
        idle.process.send_signal(signal.SIGTERM)
        idle.finish()
    return mb


def mailboxes_mb(report, source):
    """What the mailboxes hold when they are full of the input's longest lines."""
    items = sum(stage["mailbox_capacity"] * (BATCH if stage["stage"] == "store" else 1)
                for stage in report["stages"])
    with open(source, "rb") as file:
        longest = max(map(len, file))
    return items * (longest + ITEM_OVERHEAD) / 1e6


def run(programs, folder, lines, count, seconds):
    check(seconds > SETTLE_SECONDS, f"a stall of {seconds} s is too short to see anything")
    source = folder / "many.jsonl"
    write_many(source, lines, count)
    print(f"{source}: {count} events, {source.stat().st_size / 1e6:.0f} MB")
    idle = idle_mb(programs, folder / "idle", lines)
    print(f"idle: RSS {idle:.1f} MB")

    with Events(programs.events, folder, source) as events:
        pid = events.process.pid
        wait_until(lambda: events.process.poll() is not None or rows(events.store) > count // 100,
                   60, "the first rows")
        check(events.process.poll() is None, "events ended before it could be stalled: more --lines needed")
        with locked(events.store):
            stalled_at = time.monotonic()
            print(f"locked after {rows(events.store)} rows, RSS {rss_mb(pid):.1f} MB")
            time.sleep(SETTLE_SECONDS)
            check(events.process.poll() is None, "events ended while its store was locked")
            check(rows(events.store) < count, "events was done before the lock: more --lines needed")
            rows_before, rss_before, cpu_before = rows(events.store), rss_mb(pid), cpu_seconds(pid)
            highest = watch(events, stalled_at, seconds, rss_before)
            cpu_share = (cpu_seconds(pid) - cpu_before) / (seconds - SETTLE_SECONDS)
            check(rows(events.store) == rows_before, "rows were written while the store was locked")
        print(f"released after {seconds} s: CPU {cpu_share:.2%} of a core, RSS at most {highest:.1f} MB")
        released_at = time.monotonic()
        report = events.finish(600)
        print(f"ended {time.monotonic() - released_at:.1f} s after that: {report['ledger']}")

    check(cpu_share < CPU_SHARE_MAX, f"{cpu_share:.2%} of a core while stalled, allowed {CPU_SHARE_MAX:.0%}")
    check(highest <= rss_before * RSS_GROWTH_MAX,
          f"RSS grew from {rss_before:.1f} to {highest:.1f} MB while stalled, allowed {RSS_GROWTH_MAX:.0%}")
    full = mailboxes_mb(report, source)
    print(f"idle {idle:.1f} MB, mailboxes {full:.1f} MB, RSS at most {highest:.1f} MB")
    most = (idle + STORE_CACHE_MB + full) * RSS_GROWTH_MAX
    check(highest <= most, f"RSS {highest:.1f} MB while stalled, allowed {most:.1f} MB: idle, store, mailboxes")
    tables.check_ids(events.store, [id_of(number) for number in range(count)])
    tables.check_dead_letters(events.dead_letters, [])


def rows(store):
    """Rows of the store, also while it is being made or locked."""
    try:
        return tables.query(store, "SELECT count(*) FROM events")[0][0]
    except (IndexError, Violation):
        return 0


def watch(events, stalled_at, seconds, rss_before):
    """Prints RSS over time; answers the highest."""
    highest = rss_before
    step = max(1, seconds / 12)
    next_line = 0
    while (elapsed := time.monotonic() - stalled_at) < seconds:
        check(events.process.poll() is None, "events ended while its store was locked")
        rss = rss_mb(events.process.pid)
        highest = max(highest, rss)
        if elapsed >= next_line:
            print(f"  {elapsed:5.1f} s  RSS {rss:.1f} MB", flush=True)
            next_line = elapsed + step
        time.sleep(0.1)
    return highest
