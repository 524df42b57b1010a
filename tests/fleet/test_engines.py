"""Engines: every item once, in any order; a worker that dies costs the item that killed it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loradiag.core.errors import UsageError
from loradiag.fleet.engines import ENGINES, Engine, engine_of
from loradiag.fleet.local_engine import LocalEngine
from tests.conftest import ROOT
from tests.fleet.making import deadly, double, threads_of, write_fleet


def test_every_item_once() -> None:
    """In processes, and in this one where they are few."""
    for count in (0, 1, 3, 40):
        assert sorted(LocalEngine(2).run(double, range(count))) == [(place, 2 * place) for place in range(count)]


def test_a_dead_worker_costs_its_own_item_alone() -> None:
    """Killed as a lack of memory kills: the others are done, those under way beside it too."""
    found = dict(LocalEngine(2).run(deadly, range(24)))
    assert found == {place: None if place % 7 == 3 else 2 * place for place in range(24)}


def test_a_death_while_nobody_asks_costs_nothing_more() -> None:
    """The reader of results is slow, so that the pool is broken before it is given its next item: that one is done too."""
    found = {}
    for place, result in LocalEngine(1).run(deadly, range(16)):
        found[place] = result
        if len(found) == 1:
            time.sleep(1)
    assert found == {place: None if place % 7 == 3 else 2 * place for place in range(16)}


UNGUARDED = """
from loradiag.fleet.local_engine import LocalEngine
from tests.fleet.making import double
print(sorted(LocalEngine(2).run(double, range(12))) == [(number, 2 * number) for number in range(12)])
"""
SCAN = """
import sys
import loradiag
fleet = loradiag.scan_fleet([sys.argv[1]], workers=2).measurements.fleet
print(len(fleet.adapters), [row.problem for row in fleet.adapters if row.problem])
"""


def said(*words: object, script: str | None = None, cache: Path) -> str:
    """What a Python says that runs a script, which is given on standard input or named; nothing on stderr."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LORADIAG_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=environment,
        input=script,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_script_from_standard_input(tmp_path: Path) -> None:
    """It lies in no file that workers could run again, and has a fleet measured in processes all the same."""
    fleet = write_fleet(tmp_path / "fleet", 6)
    assert said("-", fleet, script=SCAN, cache=tmp_path / "cache") == "6 []\n"


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    """Workers do not run it again, so that nothing in it begins anew in each of them."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    assert said(tmp_path / "script.py", cache=tmp_path / "cache") == "True\n"


def test_workers_keep_to_one_thread() -> None:
    """So that those of one do not wait for those of another."""
    assert {threads for _, threads in LocalEngine(2).run(threads_of, range(12))} == {1}


def test_results_may_be_left_early() -> None:
    """Nothing hangs where the reader stops."""
    results = LocalEngine(2).run(double, range(200))
    assert next(results)[1] % 2 == 0
    results.close()  # type: ignore[attr-defined]


def test_unknown_engines_are_named() -> None:
    """With those that there are."""
    with pytest.raises(UsageError, match="there are local, ray"):
        engine_of("spark")
    assert list(ENGINES) == ["local", "ray"]


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[Engine]:
    """A local Ray of two workers."""
    pytest.importorskip("ray", reason="Ray is not installed")
    with engine_of("ray", workers=2) as engine:
        yield engine


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_ray_does_the_same(ray_engine: Engine) -> None:
    """Every item once, on one thread each."""
    assert {threads for _, threads in ray_engine.run(threads_of, range(4))} == {1}
    assert sorted(ray_engine.run(double, range(25))) == [(place, 2 * place) for place in range(25)]


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_dead_worker_of_ray_costs_its_own_item_alone(ray_engine: Engine) -> None:
    """It is tried once more, and then given up."""
    found = dict(ray_engine.run(deadly, range(10)))
    assert found == {place: None if place == 3 else 2 * place for place in range(10)}
