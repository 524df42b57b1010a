"""How soon a lake of ten million requests is known by adapter and day: from nothing, from the cache, and as files come.

python benchmarks/days.py LAKE    (made by making_lake.py where it is missing)
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from datetime import timedelta  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.making_lake import DAY, adapter_names, big_lake  # noqa: E402
from loradiag.overview.days import TrafficReader  # noqa: E402
from loradiag.traffic.request import Request  # noqa: E402
from loradiag.traffic.rows import row_of  # noqa: E402
from loradiag.traffic.schema import partition  # noqa: E402
from loradiag.traffic.writing import write_new  # noqa: E402

NEW = 2000
"""Requests of the file that comes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Count in a process without a cache, then in another with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.cache:
        measure(options.lake, options.cache)
        return
    if not options.lake.is_dir():
        big_lake(options.lake)
    with tempfile.TemporaryDirectory() as cache:
        for title in ("nothing cached", "another process, with the cache"):
            print(f"\n# {title}\n", flush=True)
            subprocess.run([sys.executable, __file__, str(options.lake), "--cache", cache], check=True)


def measure(lake: Path, cache: Path) -> None:
    """Print how long the first look takes, one at nothing new, and one at one new file of the last day."""
    reader = TrafficReader(lake, cache=cache)
    _timed("first look", reader.refresh)
    _timed("nothing new", reader.refresh)
    newest = reader.newest
    if newest is None:
        raise SystemExit(f"{lake} has no requests with a time")
    adapter = adapter_names(1)[0]
    start = int(newest.timestamp()) * 1_000_000 // DAY * DAY
    folder = partition(lake, start, adapter)
    before = set(folder.iterdir())
    requests = (Request(id=f"new-{number}", adapter=adapter, time=start + number) for number in range(NEW))
    write_new(lake, [row_of(request, "benchmark", keep_text=False) for request in requests])
    try:
        _timed("one new file", reader.refresh)
        _timed("nothing new after it", reader.refresh)
        for span in (timedelta(1), timedelta(30)):
            _timed(f"{span.days} days of one adapter by hour", partial(reader.by_hour, adapter, newest - span, newest))
    finally:
        for path in set(folder.iterdir()) - before:
            path.unlink()
        reader.refresh()
    print(f"{'memory at most':32} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:8.0f} MB", flush=True)


def _timed(title: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    print(f"{title:32} {time.perf_counter() - began:8.3f} s", flush=True)


if __name__ == "__main__":
    main()
