"""A real local Ray beside the local engine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.analyzers.drift import ray_engine
from loradiag.analyzers.drift.check import check
from loradiag.analyzers.drift.engines import ENGINES, LocalEngine, engine_of
from loradiag.analyzers.drift.scoring import Scores
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.baselines.reading import Baseline, open_baseline
from loradiag.core.errors import InputError, UsageError
from loradiag.storage.cluster import begin
from loradiag.traffic.reading import Lake
from tests.analyzers.drift.making import ENCODER
from tests.watching.making import write, write_baseline

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore"),  # Ray's own: sockets that it leaves to its end
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, and a lake of several files a day."""
    folder = tmp_path_factory.mktemp("ray")
    write_baseline(folder / "baseline")
    for day in range(3):
        for part in range(3):
            write(folder / "lake", 120, seed=10 * day + part, day=day, domain=3 if (day, part) == (2, 2) else 0)
    return folder


@pytest.fixture(scope="module")
def engine() -> Iterator[ray_engine.RayEngine]:
    """Two workers on this machine."""
    pytest.importorskip("ray.data", reason="Ray is not installed")
    with engine_of("ray", workers=2) as found:
        yield found  # type: ignore[misc]


def scored(engine: Any, lake: Lake, baseline: Baseline) -> tuple[Scores, list[tuple[int, int]]]:
    """Every second request, and what was told of progress."""
    rows = lake.rows("support", ENCODER)
    told: list[tuple[int, int]] = []
    positions = np.arange(0, rows.key.size, 2)
    return engine.score(lake, rows, positions, baseline, lambda *done: told.append(done)), told


def same(one: Scores, other: Scores) -> bool:
    """Whether they agree to the last bit, where nothing was looked at too."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "cosine")
        for name in Scores.__struct_fields__
    )


def test_two_workers_give_the_numbers_of_the_local_engine(
    place: Path, engine: ray_engine.RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, with files in parts, in whatever order they are done."""
    monkeypatch.setattr(ray_engine, "_ROWS", 25)
    lake, baseline = Lake(place / "lake"), open_baseline(place / "baseline")
    expected, _ = scored(LocalEngine(), lake, baseline)
    found, told = scored(engine, lake, baseline)
    assert same(expected, found)
    assert np.isfinite(found.cosine).sum() == 540
    assert told[-1] == (540, 540)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_map_is_the_same(place: Path, engine: ray_engine.RayEngine) -> None:
    """Requests are scored elsewhere, and the map is drawn here."""
    lake, baseline = Lake(place / "lake"), open_baseline(place / "baseline")
    wanted = Wanted(window=window_of("all"))
    found, expected = (
        check(lake, "support", baseline, (), wanted, lambda *_: None, engine=one).map for one in (engine, LocalEngine())
    )
    assert found is not None
    assert found.novel_total >= 100
    assert found == expected


def test_a_worker_that_dies_costs_only_time(
    place: Path, engine: ray_engine.RayEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed in the middle of its work, its file is given to another."""
    mark = str(tmp_path / "died")

    class Dying(ray_engine.Scorer):
        """Ends its process at the first file."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
            if not os.path.exists(mark):
                with open(mark, "w") as file:
                    file.write("x")
                os._exit(1)
            return super().__call__(batch)

    monkeypatch.setattr(ray_engine, "Scorer", Dying)
    lake, baseline = Lake(place / "lake"), open_baseline(place / "baseline")
    found, _ = scored(engine, lake, baseline)
    assert os.path.exists(mark)
    assert same(scored(LocalEngine(), lake, baseline)[0], found)


def test_what_workers_cannot_read_is_named(place: Path, engine: ray_engine.RayEngine, tmp_path: Path) -> None:
    """A file that is gone: as the local engine says it, with the remedy for a cluster."""
    write(tmp_path / "lake", 50)
    lake, baseline = Lake(tmp_path / "lake"), open_baseline(place / "baseline")
    rows = lake.rows("support", ENCODER)
    file = next((tmp_path / "lake").glob("date=*/*/*.parquet"))
    file.unlink()
    with pytest.raises(InputError, match="every worker finds the lake") as raised:
        engine.score(lake, rows, np.arange(50), baseline, lambda *_: None)
    assert file.name in str(raised.value)


def test_nothing_to_score_needs_no_worker(place: Path, engine: ray_engine.RayEngine) -> None:
    """An empty window."""
    lake, baseline = Lake(place / "lake"), open_baseline(place / "baseline")
    rows = lake.rows("support", ENCODER)
    found = engine.score(lake, rows, np.zeros(0, dtype=np.int64), baseline, lambda *_: None)
    assert np.isnan(found.cosine).all()


def test_engines_are_listed_and_others_refused() -> None:
    """Without importing any."""
    assert list(ENGINES) == ["local", "ray"]
    with pytest.raises(UsageError, match="there are local, ray"):
        engine_of("spark")


def test_a_worker_of_another_machine_copies_what_it_needs(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a URL, where neither lake nor baseline lies where the work was handed out: the file in hand, and the baseline."""
    lake, baseline = Lake(place / "lake"), open_baseline(place / "baseline")
    rows = lake.rows("support", ENCODER)
    own = np.flatnonzero(rows.file == rows.file[0])
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path))
    origins = {"/elsewhere/lake": f"file://{place}/lake", "/elsewhere/baseline": f"file://{place}/baseline"}
    file = lake.files[int(rows.file[0])].path.relative_to(place)
    work = {"number": [3], "file": [f"/elsewhere/{file}"], "rows": [rows.row[own].tobytes()]}
    answer = ray_engine.Scorer("/elsewhere/baseline", origins)(work)
    expected = LocalEngine().score(lake, rows, own, baseline, lambda *_: None)
    assert answer["error"] == [""]
    assert np.array_equal(np.frombuffer(answer["cosine"][0], np.float32), expected.cosine[own])
    assert np.array_equal(np.frombuffer(answer["neighbour"][0], np.int32), expected.neighbour[own])
    assert len(list((tmp_path / "remote").rglob("*.parquet"))) == 1
    lost = ray_engine.Scorer("/elsewhere/baseline", {})(work)
    assert "elsewhere" in lost["error"][0] or "missing" in lost["error"][0] or "no baseline" in lost["error"][0], lost[
        "error"
    ]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "ray://[::1]:1/", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_said_at_once(engine: ray_engine.RayEngine, address: str) -> None:
    """Ray itself goes on trying for many minutes."""
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"--ray-address .*no cluster there"):
        begin(engine._ray, address, None)
    assert time.monotonic() - began < 10
