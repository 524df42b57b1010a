"""How soon a large team sees its dashboard, and how much memory an hour of it takes.

python benchmarks/dashboard.py DIR [--requests N] [--adapters N] [--lake LAKE] [--repeat N] [--hour]

DIR gets (or has) the lake, reports, the state of a watch and a registry: ``making_lake.py``, ``making_team.py``,
``making_watch.py``, ``making_serving.py``.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402
import contextlib  # noqa: E402
import dataclasses  # noqa: E402
import shutil  # noqa: E402
import statistics  # noqa: E402
from collections import defaultdict  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.browsing import Reader, browser  # noqa: E402
from benchmarks.dashboards import Server, dashboard, plain  # noqa: E402
from benchmarks.hour import live_an_hour  # noqa: E402
from benchmarks.making_lake import adapter_names, big_lake  # noqa: E402
from benchmarks.making_serving import make_registry, make_serving  # noqa: E402
from benchmarks.making_team import AGAIN, ASKED, MERGED, make_reports  # noqa: E402
from benchmarks.making_watch import make_watch  # noqa: E402
from benchmarks.suites import ROOT  # noqa: E402
from benchmarks.tables import markdown, met  # noqa: E402
from benchmarks.teams import Team  # noqa: E402
from loradiag.overview.days import TrafficReader  # noqa: E402

FIRST, CHANGE = 3.0, 1.0
"""Seconds that the first page, and a change of pages, may take on two cores."""

IDLE = 15.0
ASKED_FOR = 10.0

PAGES = {
    "Fleet": "",
    "Adapter": "adapter",
    "Merge": "merge",
    "Forgetting": "forgetting",
    "Traffic": "traffic",
    "Serving": "serving",
    "Alarms": "alarms",
    "Compare": "compare",
    "Registry": "registry",
}
WITH_CHOICE = ("Adapter", "Merge", "Forgetting", "Traffic")


@dataclasses.dataclass
class Steps:
    """One step, each time that it was done: seconds until the page is complete, and of the server's CPU."""

    times: list[float] = dataclasses.field(default_factory=list)
    busy: list[float] = dataclasses.field(default_factory=list)

    def take(self, server: Server, step: Callable[[], float]) -> None:
        """Do it once more."""
        before = server.busy()
        self.times.append(step())
        self.busy.append(server.busy() - before)


Found = dict[str, Steps]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make what is missing, measure, and print tables."""
    options = _parser().parse_args(arguments)
    team = _made(options)
    before = os.getloadavg()
    if options.hour:
        print(live_an_hour(team, options.loradiag, options.minutes))
    else:
        print(_measured(team, options))
    loads = ", ".join(f"{load:.1f}" for load in (before[0], os.getloadavg()[0]))
    print(f"\nload before and after: {loads}; {os.cpu_count()} cores")


def _made(options: argparse.Namespace) -> Team:
    options.folder.mkdir(parents=True, exist_ok=True)
    team = Team(options.folder, options.lake or options.folder / "lake", adapter_names(options.adapters))
    if not team.lake.is_dir():
        big_lake(team.lake, options.requests, options.adapters)
    if not team.reports.is_dir():
        make_reports(team.reports, ROOT / "fixtures", team.names)
    if not team.state.is_file():
        reader = TrafficReader(team.lake, cache=team.folder / "making")
        reader.refresh()
        make_watch(team.state, reader.table(), team.names)
    make_serving(team)
    make_registry(team)
    return team


def _measured(team: Team, options: argparse.Namespace) -> str:
    starts, control, ours = _starts(team, options)
    head = ("what", "median", "least", "slowest", "control", "least", "CPU of the server", "target")
    rows = [_row(name, found, control[_like(name)], _limit(name)) for name, found in ours.items()]
    late = [
        met(name, statistics.median(found.times), _limit(name), " s")
        for name, found in ours.items()
        if statistics.median(found.times) > _limit(name)
    ]
    return "\n\n".join([starts, markdown(head, rows), "\n".join(late) or "All targets are met."])


def _row(name: str, found: Steps, control: Steps, limit: float) -> tuple[str, ...]:
    said = [statistics.median(found.times), min(found.times), max(found.times)]
    beside = [statistics.median(control.times), min(control.times), statistics.median(found.busy)]
    return name, *(f"{value:.2f} s" for value in [*said, *beside]), f"{limit:g} s"


def _limit(name: str) -> float:
    return FIRST if _like(name) == "first page" else CHANGE


def _like(name: str) -> str:
    """What of the control something is held against."""
    if name.endswith("first page"):
        return "first page"
    return name if name == "filter" else "change"


def _starts(team: Team, options: argparse.Namespace) -> tuple[str, Found, Found]:
    """Start the servers again and again, each time with fresh readers."""
    control: Found = defaultdict(Steps)
    ours: Found = defaultdict(Steps)
    told: dict[str, list[float]] = defaultdict(list)
    cache = team.folder / "cache"
    for number in range(options.repeat):
        if number == 0:
            shutil.rmtree(cache, ignore_errors=True)
        with plain() as server:
            told["control"].append(server.started)
            _walk_plain(server, control)
        with dashboard(options.loradiag, team, cache) as server:
            told["dashboard, warm caches" if number else "dashboard, nothing cached"].append(server.started)
            told["MB after the start" if number else "MB after the first start"].append(server.memory())
            told["share of a core, nobody looks"].append(server.share(IDLE))
            _walk(server, team, ours)
            told["MB after a walk through all pages"].append(server.memory())
            told["an answer, nothing new"] += server.answers(ASKED_FOR)
            with _large_file(team):
                told["an answer, while reports about all adapters are read"] += server.answers(ASKED_FOR)
            told["MB after that"].append(server.memory())
    rows = [(name, f"{statistics.median(values):.3g}", f"{max(values):.3g}") for name, values in told.items()]
    return markdown(("until it answers, in s; and what it costs", "median", "most"), rows), control, ours


@contextlib.contextmanager
def _large_file(team: Team) -> Iterator[None]:
    """One more file of reports about all adapters, for a while."""
    like = next(team.reports.glob("*-drift-week.json"))
    own = like.with_name("again.json")
    shutil.copy(like, own.with_suffix(".part"))
    own.with_suffix(".part").rename(own)
    try:
        yield
    finally:
        own.unlink()


def _walk_plain(server: Server, found: Found) -> None:
    with browser() as opened, contextlib.closing(Reader(opened, server.url)) as reader:
        found["first page"].take(server, reader.open)
        for title, place in (("Second", "second"), ("First", "")):
            found["change"].take(server, partial(reader.turn, title, place))
        found["filter"].take(server, partial(reader.filter, "Search", "team-07"))


def _walk(server: Server, team: Team, found: Found) -> None:
    """All pages by a fresh browser, then again, other adapters, and a filter."""
    with browser() as opened, contextlib.closing(Reader(opened, server.url)) as reader:
        found["first page"].take(server, reader.open)
        for title, place in [*PAGES.items()][1:]:
            found[f"{title} for the first time"].take(server, partial(reader.turn, title, place))
        for title, place in PAGES.items():
            found[f"change to {title}"].take(server, partial(reader.turn, title, place))
        for title in WITH_CHOICE:
            reader.turn(title, PAGES[title])
            for name in _others(team.names):
                found[f"another adapter on {title}"].take(server, partial(reader.choose, "Adapter", name))
        reader.turn("Fleet", "")
        found["filter"].take(server, partial(reader.filter, "Search", "team-07"))
        if reader.complaints:
            print("the browser's console:", *set(reader.complaints), sep="\n", file=sys.stderr)
    for title, place in [*PAGES.items()][1:]:
        with browser() as opened, contextlib.closing(Reader(opened, server.url)) as reader:
            found[f"{title} as the first page"].take(server, partial(reader.open, place))


def _others(names: Sequence[str]) -> list[str]:
    """Adapters that have every kind of report."""
    return [*names[:: MERGED * ASKED * AGAIN][1:3]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--adapters", type=int, default=500)
    parser.add_argument("--lake", type=Path, help="one that is there already (default: DIR/lake)")
    parser.add_argument("--repeat", type=int, default=4, help="starts of each server; the first has nothing cached")
    parser.add_argument("--hour", action="store_true", help="instead: an hour of refreshes, in fast motion")
    parser.add_argument("--minutes", type=float, default=12.5, help="that this hour takes: a refresh a second")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program (default: {default})")
    return parser


if __name__ == "__main__":
    main()
