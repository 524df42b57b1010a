"""Judging what a file says, whoever wrote it."""

from __future__ import annotations

import gzip
import json

import pytest

from loradiag.api.judging import judge
from loradiag.core.errors import InputError
from loradiag.core.report import decode
from tests.conftest import FIXTURES


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
