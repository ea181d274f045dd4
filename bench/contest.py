"""One table of scripts/bench.sh: programs that run in turn, and how their medians compare."""

import dataclasses
import os
import resource
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DISTURBED = 0.1  # share of the machine taken by others


class Others:
    """The share of the machine that other processes took meanwhile: what spoils a measurement."""

    def __init__(self):
        self.started, self.busy = time.monotonic(), self.busy_by_others()

    def share(self):
        capacity = (time.monotonic() - self.started) * os.cpu_count()
        return max(0.0, self.busy_by_others() - self.busy) / capacity

    @staticmethod
    def busy_by_others():
        with open("/proc/stat", encoding="utf-8") as stat:
            user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
        ticks = user + nice + system + irq + softirq + steal
        ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (ticks / os.sysconf("SC_CLK_TCK")
                - sum(usage.ru_utime + usage.ru_stime for usage in ours))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The median rate of `of` divided by that of `to`: a cell, and a line `ratio NAME VALUE`."""
    row: str
    column: str
    of: str
    to: str
    ratio: str = ""  # the NAME; without one there is only the cell


def written(ratio):
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


class Contest:
    """Programs doing the same work, by name. `measure` runs a command and returns its figures:
    "items_per_second", and perhaps "processor_us_per_item"."""

    def __init__(self, title, commands, measure, comparisons):
        self.title, self.measure, self.comparisons = title, measure, comparisons
        self.figures = {}
        self.disturbance = 0.0
        self.commands = {}
        for name, command in commands.items():
            if os.access(command[0], os.X_OK):
                self.commands[name] = command
                self.figures[name] = []
            else:
                program = os.path.relpath(command[0], ROOT)
                print(f"left out of “{title}”: {name} ({program} has not been built)")

    def round(self, number, patient_until):
        """Each contestant once; another one begins in every round. Until then, a run that was
        disturbed is repeated."""
        names = list(self.commands)
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            while True:
                others = Others()
                figures = self.measure(self.commands[name])
                share = others.share()
                if share <= DISTURBED or time.monotonic() > patient_until:
                    break
                time.sleep(1)
            self.figures[name].append(figures)
            self.disturbance = max(self.disturbance, share)
            yield {"contest": self.title, "name": name, "round": number, **figures,
                   "others": round(share, 3)}

    def rates(self, name):
        return [one["items_per_second"] for one in self.figures[name]]

    def ratio(self, comparison):
        """None if one of the two was left out."""
        rates = [self.rates(name) for name in (comparison.of, comparison.to)
                 if name in self.figures]
        return (statistics.median(rates[0]) / statistics.median(rates[1])
                if len(rates) == 2 else None)

    def table(self):
        columns = list(dict.fromkeys(one.column for one in self.comparisons))
        cells = {(one.row, one.column): f"{written(ratio)}x" for one in self.comparisons
                 if (ratio := self.ratio(one)) is not None}
        processor = all("processor_us_per_item" in one for runs in self.figures.values()
                        for one in runs)
        width = max([14] + [len(name) + 2 for name in self.figures])
        lines = [f"\n{self.title}",
                 f"  {'':<{width}}{'median /s':>15}{'lowest':>15}{'highest':>15}"
                 + f"{'processor µs':>15}" * processor
                 + "".join(f"{column:>{len(column) + 3}}" for column in columns)]
        for name, runs in self.figures.items():
            rates = self.rates(name)
            line = (f"  {name:<{width}}{statistics.median(rates):>15,.0f}{min(rates):>15,.0f}"
                    f"{max(rates):>15,.0f}")
            if processor:
                line += f"{statistics.median(one['processor_us_per_item'] for one in runs):>15.3f}"
            lines.append((line + "".join(f"{cells.get((name, column), ''):>{len(column) + 3}}"
                                         for column in columns)).rstrip())
        lines.append(f"  others took up to {self.disturbance:.0%} of the machine during a run")
        return "\n".join(lines)

    def ratios(self):
        return [f"ratio {one.ratio} {written(ratio)}" for one in self.comparisons
                if one.ratio and (ratio := self.ratio(one)) is not None]


def run(command):
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with status {done.returncode}:\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout
