"""A day and a night of watch in fast motion: 8,640 looks, ten seconds apart by the clock that the watch sees."""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from tests.watching.making import watcher, write, write_baseline

LOOKS, EVERY = 8640, 10
ARRIVALS = 4
"""Of a hundred looks, so many find new files."""


@pytest.mark.slow
def test_a_day_and_a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come and are merged, adapters come and go; the process and its state stay small, and the totals are right."""
    generator = np.random.default_rng(0)
    lake, clock = tmp_path / "lake", [time.time()]
    for name, domain in (("support", 0), ("other", 1)):
        write_baseline(tmp_path / "baselines" / name, name, domain=domain)
    lake.mkdir()
    monkeypatch.setattr(time, "time", lambda: clock[0])
    run = watcher(tmp_path)
    sent = {"support": 0, "other": 0, "nobody": 0}
    memory, sizes = [], []
    for look in range(LOOKS):
        clock[0] += EVERY
        if generator.random() < ARRIVALS / 100:
            name = ("support", "other", "nobody")[int(generator.integers(3))]
            present = name == "nobody" or (tmp_path / "baselines" / name).exists()
            count = write(lake, 8, seed=1000 + look, adapter=name, domain=1 if name == "other" else 0)
            sent[name if present else "nobody"] += count
        if look % 600 == 599:
            compact(lake, lambda *_: None)
        if look in (3000, 5000):  # one adapter is retired for a while
            source, target = tmp_path / "baselines" / "other", tmp_path / "aside"
            shutil.move(*((source, target) if look == 3000 else (target, source)))
        run.poll()
        if look % 1440 == 1439:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            sizes.append(sum(path.stat().st_size for path in tmp_path.glob("watch.sqlite*")) / 1e6)
    assert run.totals.polls == LOOKS
    assert run.totals.requests == sum(sent.values()) == sum(Lake(lake).adapters().values())
    assert run.episodes["support"].counted == sent["support"]
    assert run.totals.unwatched == sent["nobody"]
    assert memory[-1] - memory[0] < 60, memory
    assert max(sizes) < 12, sizes
    assert sum(1 for _ in lake.glob("date=*/*/*.parquet")) < 60
    print(f"memory {memory}, state {sizes}, requests {sent}")
