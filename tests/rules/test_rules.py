"""Every rule is provoked by what deserves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.findings import Finding
from tests.conftest import MakeAdapter
from tests.rules import (
    abilities,
    adapters,
    canary,
    comparing,
    fleet,
    forgetting,
    learning,
    merging,
    registered,
    served,
    traffic,
    watching,
)
from tests.rules.adapters import Make

PROVOKED: dict[str, Make] = {
    **adapters.PROVOKED,
    **merging.PROVOKED,
    **forgetting.PROVOKED,
    **abilities.PROVOKED,
    **traffic.PROVOKED,
    **watching.PROVOKED,
    **canary.PROVOKED,
    **comparing.PROVOKED,
    **fleet.PROVOKED,
    **served.PROVOKED,
    **learning.PROVOKED,
    **registered.PROVOKED,
}

TOLD: tuple[tuple[Callable[[Path], Any], Callable[[Path], list[Finding]]], ...] = (
    (merging.options_of, merging.findings_of),
    (forgetting.is_asked, forgetting.findings_of),
    (traffic.is_watched, traffic.findings_of),
    (fleet.is_scanned, fleet.findings_of),
    (comparing.is_compared, comparing.findings_of),
    (learning.is_run, learning.findings_of),
    (registered.is_registered, registered.findings_of),
    (served.is_served, served.findings_of),
    (canary.is_compared, canary.findings_of),
    (watching.is_watched, watching.findings_of),
    (abilities.is_measured, abilities.findings_of),
)
"""What is told of in place of an adapter: how to know it, and what rules say of it."""


def findings_of(path: Path, allow_pickle: bool = False) -> list[Finding]:
    """Findings on what lies at ``path``."""
    for is_told, findings in TOLD:
        if is_told(path):
            return findings(path)
    return adapters.findings_of(path, allow_pickle)


MODELS = {"LD505", "LD701", "LD702", "LD706"}
"""Rules that are provoked with torch, besides those about merge drift."""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=[pytest.mark.models] if code in MODELS or code.startswith("LD6") else [])
        for code in PROVOKED
    ],
)
def test_rule_fires_where_it_should(code: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The adapter made for the rule provokes it, with a message in one line and advice."""
    path = PROVOKED[code](make_adapter, tmp_path)
    found = [finding for finding in findings_of(path, allow_pickle=code == "LD505") if finding.code == code]
    assert found, f"{code} did not fire"
    for finding in found:
        assert finding.message
        assert "\n" not in finding.message
        assert finding.advice
