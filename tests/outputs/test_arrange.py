"""How reports are arranged: what comes first, what counts, and what each is called."""

from __future__ import annotations

import msgspec
import pytest

from loradiag.outputs import renderer
from loradiag.outputs.arrange import gates, is_series, labels, middle, tally, worst_first
from loradiag.outputs.style import Style
from tests.outputs import building, samples


def test_worst_modules_come_first() -> None:
    """Modules that findings name precede the rest, which come by distance from their peers."""
    (report,) = samples.broken()
    ranked = worst_first(report)
    assert {row.name for row in ranked[:2]} == {report.findings[0].modules[0], report.findings[1].modules[0]}
    assert ranked[2].layer == 5


def test_gates_follow_level_and_disposition() -> None:
    """Only findings at the fail level that count fail the gate."""
    (report,) = samples.broken()
    assert [gates(report, found) for found in report.findings] == [True, True, False, False]
    assert tally(report) == "2 errors, 1 warning, 1 ignored"


def test_labels_are_short_and_distinct() -> None:
    """Steps in a series, else the paths below what they have in common."""
    assert labels(samples.series()) == ["step 100", "step 200", "step 400"]
    both = [building.report(building.measured([]), path=f"/data/runs/{name}") for name in ("a/last", "b/last")]
    assert labels(both) == ["a/last", "b/last"]
    assert labels([samples.healthy()[0], both[0]]) == ["runs/adapter", "/data/runs/a/last"]


def test_medians_skip_dead_modules() -> None:
    """A module that does nothing says nothing of the others."""
    rows = [
        building.spectrum("a", "head", 1),
        building.spectrum("b", "head", 3),
        building.spectrum("c", "head", 9, size=0.0),
    ]
    assert middle(rows, "stable_rank") == pytest.approx(1.7)
    assert middle([], "stable_rank") is None


def test_checkpoints_of_two_runs_are_no_series() -> None:
    """Though no step comes twice: they are told by where they lie."""
    first, second = samples.series()[:2]
    elsewhere = msgspec.structs.replace(second.subject, path="runs/r2/checkpoint-200")
    both = [first, msgspec.structs.replace(second, subject=elsewhere)]
    assert is_series(samples.series())
    assert not is_series(both)
    assert labels(both) == ["r1/checkpoint-100", "r2/checkpoint-200"]
    assert "2 adapters: 1 failed" in renderer("text")(both, Style())
