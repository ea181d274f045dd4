"""A store that is locked for a long time while the source could deliver a thousand times more."""

import collections
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import time

import tables
from programs import Events, Violation, check, wait_until

LOOK_SECONDS = 0.1  # between two looks at the process, about
QUIET_LOOKS = 10  # in a row without a row or a byte more: then what fits into the mailboxes is there
# Of a thread, in all looks. One that does not sleep is seen running, or wanting to, in nearly each of them.
RUNNING_SHARE_MAX = 1 / 2
# Of a thread, for each look. CAF's threads look for work ten times; one that sleeps for a millisecond wakes a hundred
# times.
WAKES_MAX = 50
RSS_GROWTH_MAX = 1.10
FEW = 500  # events that bring up what there is besides what waits
STORE_CACHE_MB = 2000 * 1024 / 1e6  # SQLite's default, which a few events don't fill
BATCH = 100  # the default of --batch-size
IN_HAND = 3 * BATCH  # beyond the mailboxes: a batch that is gathered, one with the store, a few single ones
READ_AHEAD = 256 * 1024  # bytes that the source reads at once
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


class Threads:
    """What each thread of a process does, as the kernel shows it."""

    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}/task")

    def running(self):
        """Those that run, or would if they had a processor."""
        return [thread for thread, stat in self.read("stat") if stat.rpartition(")")[2].split()[0] == "R"]

    def wakes(self):
        """{thread: how often it went to sleep}"""
        return {thread: int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])
                for thread, status in self.read("status")}

    def read(self, name):
        for thread in self.folder.iterdir():
            with contextlib.suppress(OSError):  # it may end meanwhile
                yield int(thread.name), (thread / name).read_text()


def bytes_read(pid, path):
    """How far the process has read a file that it has open."""
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if fd.readlink() == path.resolve():
                return int(re.search(r"^pos:\s*(\d+)", pathlib.Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text())[1])
    raise Violation(f"{path} is not open")


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


def capacity(report):
    """How many events the mailboxes hold when they are full."""
    return sum(stage["mailbox_capacity"] * (BATCH if stage["stage"] == "store" else 1) for stage in report["stages"])


def mailboxes_mb(report, source):
    """What the mailboxes hold when they are full of the input's longest lines."""
    with open(source, "rb") as file:
        longest = max(map(len, file))
    return capacity(report) * (longest + ITEM_OVERHEAD) / 1e6


def lines_within(source, count):
    """How many lines end within the first bytes of a file."""
    with open(source, "rb") as file:
        return file.read(count).count(b"\n")


def run(programs, folder, lines, count, seconds):
    source = folder / "many.jsonl"
    write_many(source, lines, count)
    print(f"{source}: {count} events, {source.stat().st_size / 1e6:.0f} MB")
    idle = idle_mb(programs, folder / "idle", lines)
    print(f"idle: RSS {idle:.1f} MB")

    with Events(programs.events, folder, source) as events:
        wait_until(lambda: events.process.poll() is not None or rows(events.store) > count // 100,
                   60, "the first rows")
        check(events.process.poll() is None, "events ended before it could be stalled: more --lines needed")
        with locked(events.store):
            print(f"locked after {rows(events.store)} rows, RSS {rss_mb(events.process.pid):.1f} MB")
            seen = Stall(events, source)
            seen.wait_until_quiet()
            check(seen.rows < count, "events was done before the lock: more --lines needed")
            seen.watch(seconds)
        released_at = time.monotonic()
        report = events.finish(600)
        print(f"ended {time.monotonic() - released_at:.1f} s after the lock was released: {report['ledger']}")

    seen.check_asleep()
    read = lines_within(source, seen.read)
    ahead = read - lines_within(source, max(0, seen.read - READ_AHEAD))
    allowed = capacity(report) + IN_HAND + ahead
    print(f"{read - seen.rows} events read and not stored while stalled, allowed {allowed}: mailboxes for "
          f"{capacity(report)}, {IN_HAND} in hand, {ahead} read at once")
    check(read - seen.rows <= allowed, f"{read - seen.rows} events were read and not stored, allowed {allowed}")
    full = mailboxes_mb(report, source)
    print(f"idle {idle:.1f} MB, mailboxes {full:.1f} MB, RSS at most {seen.highest:.1f} MB")
    most = (idle + STORE_CACHE_MB + full) * RSS_GROWTH_MAX
    check(seen.highest <= most, f"RSS {seen.highest:.1f} MB while stalled, allowed {most:.1f} MB: idle, store, mailboxes")
    tables.check_ids(events.store, [id_of(number) for number in range(count)])
    tables.check_dead_letters(events.dead_letters, [])


def rows(store):
    """Rows of the store, also while it is being made or locked."""
    try:
        return tables.query(store, "SELECT count(*) FROM events")[0][0]
    except (IndexError, Violation):
        return 0


class Stall:
    """A process that can't go on, looked at again and again."""

    def __init__(self, events, source):
        self.events, self.source, self.pid = events, source, events.process.pid
        self.threads = Threads(self.pid)
        self.looks = 0
        self.running = collections.Counter()  # {thread: looks}
        self.wakes = {}  # {thread: times}
        self.rows = self.read = None
        self.look()

    def look(self):
        """Answers whether something has moved since the look before."""
        check(self.events.process.poll() is None, "events ended while its store was locked")
        before = self.rows, self.read
        self.rows, self.read = rows(self.events.store), bytes_read(self.pid, self.source)
        return (self.rows, self.read) != before

    def wait_until_quiet(self):
        quiet = 0

        def is_quiet():
            nonlocal quiet
            time.sleep(LOOK_SECONDS)
            quiet = 0 if self.look() else quiet + 1
            return quiet == QUIET_LOOKS

        wait_until(is_quiet, 60, "the source to stop")
        self.settled_mb = self.highest = rss_mb(self.pid)

    def watch(self, seconds):
        """Nothing moves. Prints RSS from time to time."""
        began, woken, cpu = time.monotonic(), self.threads.wakes(), cpu_seconds(self.pid)
        self.looks = round(seconds / LOOK_SECONDS)
        for number in range(self.looks):
            # By chance, and the threads first: they sleep by the same clock, and would seem to run when this does.
            time.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))
            self.running.update(self.threads.running())
            check(not self.look(), f"{self.rows} rows, {self.read} bytes read: it went on while the store was locked")
            rss = rss_mb(self.pid)
            self.highest = max(self.highest, rss)
            if number % max(10, self.looks // 12) == 0:
                print(f"  {time.monotonic() - began:5.1f} s  RSS {rss:.1f} MB", flush=True)
        self.wakes = {thread: times - woken.get(thread, 0) for thread, times in self.threads.wakes().items()}
        elapsed = time.monotonic() - began
        print(f"stalled for {elapsed:.1f} s, {self.looks} looks: CPU {(cpu_seconds(self.pid) - cpu) / elapsed:.2%} of a "
              f"core, a thread seen running {self.most_running()} times at most, awake {self.most_wakes()} times at most")

    def most_running(self):
        return max(self.running.values(), default=0)

    def most_wakes(self):
        return max(self.wakes.values())

    def check_asleep(self):
        check(self.most_running() <= self.looks * RUNNING_SHARE_MAX,
              f"a thread was running in {self.most_running()} of {self.looks} looks while stalled")
        check(self.most_wakes() <= self.looks * WAKES_MAX,
              f"a thread woke {self.most_wakes()} times in {self.looks} looks while stalled")
        check(self.highest <= self.settled_mb * RSS_GROWTH_MAX,
              f"RSS grew from {self.settled_mb:.1f} to {self.highest:.1f} MB while stalled, allowed "
              f"{RSS_GROWTH_MAX:.0%}")
