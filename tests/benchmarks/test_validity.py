"""The validity bench: labels speak of rules that exist, planted defects are what they are called, nothing sound is failed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity import confusion as tables
from benchmarks.validity.curves import area
from benchmarks.validity.expected import BESIDE, DESCRIBE, LABELS
from benchmarks.validity.labelled import cases
from benchmarks.validity.measure import trials
from benchmarks.validity.planting import Parent, collapsed
from benchmarks.validity.run import outcome, told
from loradiag.rules import RULES
from loradiag.rules.documentation import as_text
from loradiag.rules.measured import measured
from tests.conftest import FIXTURES, ROOT

HEALTHY = FIXTURES / "adapters" / "healthy"


def test_labels_name_rules_that_exist() -> None:
    """Every code of every label, and every code with a measured rate."""
    said = {code for label in LABELS.values() for code in label.should | label.may} | BESIDE | DESCRIBE
    rates = json.loads((ROOT / "loradiag" / "rules" / "measured.json").read_text())["rules"]
    assert said | rates.keys() <= set(RULES)


def test_rates_are_shown_with_the_rule() -> None:
    """A rule with a rate says it; one without says nothing."""
    from loradiag.rules import find_rule

    rate = measured("LD107")
    assert rate is not None
    assert rate in as_text(find_rule("LD107"))
    assert measured("LD506") is None
    assert "MEASURED" not in as_text(find_rule("LD506"))


@pytest.mark.parametrize(("count", "total"), [(0, 12), (12, 12), (3, 40)])
def test_intervals_are_exact(count: int, total: int) -> None:
    """Against scipy's own."""
    theirs = stats.binomtest(count, total).proportion_ci(0.95, "exact")
    assert tables.interval(count, total) == pytest.approx((theirs.low, theirs.high))


def test_an_area_is_the_share_of_pairs_in_order() -> None:
    """Every pair counted by hand, ties half."""
    rng = np.random.default_rng(3)
    values, labels = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in values[labels] for b in values[~labels]]
    assert area(values, labels) == pytest.approx(np.mean(pairs))


def test_a_planted_collapse_has_the_spectrum_that_was_asked_for() -> None:
    """Dense singular values: the tail is a hundredth of the first, the norm is that of before."""
    parent = Parent("healthy", HEALTHY, None)
    arrays = collapsed(parent, 0.01, 1.0)
    a, b = parent.pairs()[0]
    before = np.linalg.svd(parent.arrays[b].astype(float) @ parent.arrays[a], compute_uv=False)
    after = np.linalg.svd(arrays[b].astype(float) @ arrays[a], compute_uv=False)[:8]
    assert after[1:] == pytest.approx(np.full(7, 0.01 * after[0]), rel=1e-3)
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=1e-5)


def test_planted_cases_get_what_they_deserve(tmp_path: Path) -> None:
    """Of the quick run's planted cases none is missed, and none is failed for another reason."""
    planted = [case for case in cases(None, tmp_path, quick=True) if case.group == "planted" and case.base is None]
    assert len({case.label for case in planted}) > 12
    for case in planted:
        found = outcome(case).codes()
        assert case.expected.should <= found, case.name
        assert not found - case.expected.should - case.expected.may - DESCRIBE, case.name


def test_trained_ones_by_what_came_of_them() -> None:
    """Over 206 trained adapters no sound one is failed; rules about sizes miss a tenth at most, and only LD207 cries wolf."""
    outcomes = [told(case, report) for case, report in trials()]
    assert len(outcomes) == 206
    assert {one.severity for each in outcomes if each.sound for one in each.fired} <= {"info", "warning"}
    for row in tables.confusion(outcomes, ["LD205", "LD206", "LD207"]):
        if not row.alone:
            assert row.should >= 34
            assert row.hits >= 0.9 * row.should
            assert row.alarms <= (6 if row.code == "LD207" else 0)  # what is half its weights and forgot nothing
