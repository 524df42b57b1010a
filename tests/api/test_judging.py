"""Judging what a file says, whoever wrote it, by the policy that is found."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from loradiag.api.judging import default_policy, judge, read_policy
from loradiag.core.errors import InputError
from loradiag.core.measurements import Measurements
from loradiag.core.report import decode
from tests.conftest import FIXTURES
from tests.rules.traffic import answers, found, report_of


def test_measurements_that_contradict_each_other_are_refused_in_one_line() -> None:
    """An interval whose ends are in the wrong order is valid by its types, and none that a measurement has."""
    document = json.loads(gzip.decompress((FIXTURES / "reports" / "forgetting.json.gz").read_bytes()))
    report = document["reports"][0] if "reports" in document else document
    for task in report["measurements"]["forgetting"]["tasks"]:
        task |= {"bound_low": 0.5, "bound_high": 0.25, "identical": False}
    (read,) = decode(json.dumps(report).encode())
    with pytest.raises(InputError, match="contradict each other") as caught:
        judge(read)
    assert "\n" not in str(caught.value)


def test_what_moved_without_a_number_is_refused_too() -> None:
    """A measure may lack what it was compared with, and one that is said to have changed may not."""
    row = answers("perplexity", change=0.09, ci_low=0.02, ci_high=0.16, reference=None)
    report = report_of(found())
    drift = found(predictions=[row])
    with pytest.raises(InputError, match="contradict each other"):
        judge(msgspec.structs.replace(report, measurements=Measurements(drift=drift)))


def test_where_no_file_can_be_looked_for_there_is_no_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below paths that the system refuses, as it does those of a folder that may not be entered."""
    monkeypatch.chdir(tmp_path)
    name = "d" * 200
    try:
        for _ in range(25):  # longer than a path may be
            os.mkdir(name)
            os.chdir(name)
        assert read_policy() == default_policy()
    finally:
        os.chdir(tmp_path)
        shutil.rmtree(tmp_path / name)
