"""Two reports side by side: what differs is what differs, and by the number that a pocket calculator gives."""

from __future__ import annotations

import math

import msgspec
import pytest

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.outputs.differing import facts_beside, findings_beside, in_common, numbers, shift, shift_grids
from tests.outputs import forgetting_reports, merge_reports
from tests.outputs.building import finding, grid, measured, report, spectrum
from tests.outputs.samples import HOSTILE, hostile


def _report(size: float, layers: int = 3, **words: object) -> Report:
    return report(measured(grid(layers, size=size)), **words)  # type: ignore[arg-type]


def test_facts_stand_beside_each_other() -> None:
    """A fact that one alone has is a dash of the other."""
    found = {name: (a, b) for name, a, b in facts_beside(_report(1.0), _report(1.0, step=40))}
    assert found["step"] == ("–", "40")
    assert found["rank"] == ("8", "8")


def test_findings_are_told_apart_by_rule_and_route() -> None:
    """One in both though its modules differ, one in each alone; the gravest first."""
    kept, gone = finding(modules=["x"]), finding("LD203", "over-provisioned-rank", Severity.INFO)
    new = finding("LD601", "route", Severity.WARNING, route="nf4")
    a = report(measured(grid(2)), [gone, kept])
    again = [finding(modules=["y"]), finding(modules=["z"])]
    b = report(measured(grid(2)), [new, *again, finding("LD304", ignored="known")])
    assert [(row.finding.code, row.where, row.count_a, row.count_b) for row in findings_beside(a, b)] == [
        ("LD107", "both", 1, 2),
        ("LD601", "b", 0, 1),
        ("LD203", "a", 1, 0),
    ]


def test_medians_of_two_adapters() -> None:
    """Sizes differ by their difference, modules by their count."""
    found = {row.title: row for row in numbers(_report(1.0), _report(3.0, layers=2))}
    assert found["modules"].difference == -7
    # medians over layers of 1.25·size·(1 + layer): layer 1 of three, between 0 and 1 of two
    assert found["‖ΔW‖_F"].difference == pytest.approx(1.25 * 3 * 1.5 - 1.25 * 2)
    assert found["parameters"].differs is False


@pytest.mark.parametrize("make", [forgetting_reports.CASES["plain"], merge_reports.by_outputs])
def test_a_report_beside_itself_differs_in_nothing(make: object) -> None:
    """Every difference is zero, and there are some."""
    (made, *_) = make()  # type: ignore[operator]
    found = numbers(made, made)
    assert found
    assert not any(row.differs for row in found)
    assert {row.difference for row in found} <= {0.0, None}


def test_scores_differ_by_task() -> None:
    """A score that is changed is the one that differs."""
    (made, *_) = forgetting_reports.CASES["plain"]()
    assert made.measurements.forgetting is not None
    told = made.measurements.forgetting
    first = next(row for row in told.tasks if row.primary and row.asked and row.difference is not None)
    assert first.difference is not None
    moved = msgspec.structs.replace(first, difference=first.difference + 0.25)
    tasks = [moved if row is first else row for row in told.tasks]
    changed = msgspec.structs.replace(told, tasks=tasks)
    other = msgspec.structs.replace(made, measurements=msgspec.structs.replace(made.measurements, forgetting=changed))
    found = [row for row in numbers(made, other) if row.differs]
    assert {row.about for row in found} == {printable(first.task)}
    assert any(row.difference == pytest.approx(0.25) for row in found)


def test_shifts_go_by_ratio_where_values_span_decades() -> None:
    """Norms by doublings, ranks by difference; nothing of what is zero."""
    assert shift("frobenius_norm", 0.5, 4.0) == pytest.approx(math.log2(8))
    assert shift("frobenius_norm", 0.0, 4.0) is None
    assert shift("stable_rank", 2.0, 0.5) == pytest.approx(-1.5)
    assert shift("stable_rank", None, 0.5) is None


def test_maps_of_shifts_hold_cells_of_either() -> None:
    """A layer that one alone has is there without a shift."""
    (found,) = shift_grids(_report(1.0), _report(4.0, layers=4), "frobenius_norm")
    assert found.columns == (0, 1, 2, 3)
    assert found.cells["mlp.up", 1].value == pytest.approx(2.0)
    only = found.cells["mlp.up", 3]
    assert (only.a, only.value) == (None, None)
    assert only.b is not None


def test_modules_in_common_go_by_name() -> None:
    """What one alone has is left out."""
    a = report(measured([spectrum("x", "head", None, size=1.0), spectrum("y", "head", None)]))
    b = report(measured([spectrum("x", "head", None, size=2.0), spectrum("z", "head", None)]))
    assert in_common(a, b, "spectral_norm") == {"x": (1.0, 2.0)}


def test_names_of_strangers_are_safe() -> None:
    """Facts and numbers hold no control character of a hostile name."""
    (made,) = hostile()
    said = [text for row in facts_beside(made, made) for text in row]
    said += [text for row in numbers(made, made) for text in (row.about, row.title, row.said_a)]
    assert all(text == printable(text) for text in said)
    assert any("script" in text for text in said)
    assert HOSTILE not in said
