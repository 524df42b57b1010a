"""Adapters of known condition on a base of 15 million parameters: accuracies that were measured when they were made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loradiag
from tests.conftest import ROOT, SHARED

pytestmark = [pytest.mark.models, pytest.mark.shared, pytest.mark.usefixtures("one_thread")]

ZOO = SHARED / "zoo"
TASK = "anaphor_number_agreement"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base is asked once for all adapters."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(("name", "status"), [("untrained", "safe"), ("bank_forget", "forgot"), ("med_r16", "forgot")])
def test_accuracies(name: str, status: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of base and adapter on the first 400 pairs; an adapter that was never trained gives the base's answers, bit by bit."""
    if not (ZOO / "adapters" / name).is_dir():
        pytest.skip("the zoo is not part of the repository")
    monkeypatch.setenv("LORADIAG_CACHE", str(cache))
    monkeypatch.chdir(ROOT)
    truth = json.loads((ZOO / "TRUTH.json").read_text())
    report = loradiag.forgetting(
        ZOO / "base",
        ZOO / "adapters" / name,
        tasks=[f"blimp_{TASK}"],
        include_path=[SHARED / "data" / "tasks"],
        limit=400,
        fit=False,
    )
    found = report.measurements.forgetting
    assert found is not None
    (row,) = found.tasks
    assert row.base == pytest.approx(truth["base"]["blimp_first_400"][TASK])
    assert row.adapter == pytest.approx(truth[name]["blimp_first_400"][TASK])
    assert (row.n, row.chance, row.status) == (400, 0.5, status)
    assert row.identical == (name == "untrained")
    assert (row.difference == row.ci_low == row.ci_high == 0) == row.identical
