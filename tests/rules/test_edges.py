"""Where rules about spectra, scales and sizes begin to speak: just short of each threshold, and at it."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.core.findings import Severity
from tests.rules.numbers import beside, intruders, module_scale, report_of, said, scaled, spectrum

Parts = dict[str, Any]


def sized(rms: float) -> Parts:
    """Three updates of this root mean square entry, without a base."""
    return {"scale": scaled(*[module_scale(f"m{index}", update_rms=rms) for index in range(3)])}


def one(**changes: Any) -> Parts:
    """One module apart from two that draw nothing."""
    return {"scale": scaled(module_scale("m0", **changes), module_scale("m1"), module_scale("m2"))}


def all_scaled(value: float, convention: str = "alpha/r") -> Parts:
    """Three modules of this scale."""
    rows = [module_scale(f"m{index}", scale=value) for index in range(3)]
    return {"scale": scaled(*rows, convention=convention)}


FEW = {"effective_rank_10": 12}
"""Three quarters of sixteen directions."""

SILENT: dict[str, Parts] = {
    "LD201 half of the rank": {"spectrum": spectrum(effective_rank=8)},
    "LD201 of rank 3": {"spectrum": spectrum(rank=3, effective_rank=1)},
    "LD201 of nothing": {"spectrum": spectrum(effective_rank=1, spectral_norm=0.0)},
    "LD202 just as much": {"spectrum": spectrum(stable_rank=1 / 0.974)},
    "LD202 of rank 3": {"spectrum": spectrum(rank=3, stable_rank=1.0)},
    "LD203 just above half": {"spectrum": spectrum(energy_rank_99=9)},
    "LD203 of rank 7": {"spectrum": spectrum(rank=7, energy_rank_99=2)},
    "LD204 not quite flat": {"spectrum": spectrum(entropy_rank=16 * 0.9349)},
    "LD204 of rank 7": {"spectrum": spectrum(rank=7, entropy_rank=7.0)},
    "LD205 just enough": sized(1e-4),
    "LD205 just enough beside the base": {**sized(1e-5), "relative": beside(0.015)},
    "LD206 just below": {**sized(0.0999), "spectrum": spectrum(**FEW)},
    "LD206 in many directions": {**sized(0.1), "spectrum": spectrum(effective_rank_10=13)},
    "LD206 of rank 3": {**sized(0.1), "spectrum": spectrum(rank=3, effective_rank_10=1)},
    "LD206 not beside the base": {**sized(0.1), "spectrum": spectrum(**FEW), "relative": beside(1.99)},
    "LD207 just below": sized(0.0299),
    "LD207 one just below": one(update_rms=0.0999),
    "LD207 not beside the base": {**sized(0.03), "relative": beside(0.449)},
    "LD207 none beside the base": {**one(update_rms=0.1), "relative": beside(0.1, 0.1, 1.99)},
    "LD208 none": {"intruders": intruders(0, 0, 0)},
    "LD208 of no update": {"spectrum": spectrum(1), "intruders": intruders(0, 9)},
    "LD208 not counted": {"intruders": intruders(None, None)},
    "LD301 lowest": all_scaled(0.5),
    "LD301 highest": all_scaled(-4.0),
    "LD301 by √r": all_scaled(5.0, "alpha/sqrt(r)"),
    "LD301 no α": one(scale=9.0, alpha=None),
    "LD302 lowest": all_scaled(0.5 * 8**0.5, "alpha/sqrt(r)"),
    "LD302 highest": all_scaled(4 * 8**0.5, "alpha/sqrt(r)"),
    "LD302 by r": all_scaled(12.0),
    "LD303 four times": one(scale=4.0),
    "LD303 zero": one(scale=0.0),
    "LD304 near its peers": one(norm_z=9.0, norm_ratio=3.99),
    "LD304 usual for its peers": one(norm_z=-4.99, norm_ratio=0.1),
    "LD305 lowest": one(factor_ratio=1e-3),
    "LD305 highest": one(factor_ratio=30.0),
    "LD305 an embedding": one(factor_ratio=100.0, role="embedding"),
    "LD306 stored": one(scale_source="tensor"),
    "LD307 just below": {"relative": beside(0.0299)},
    "LD308 just below": {"relative": beside(0.1, swallowed=0.549)},
    "LD308 unknown": {"relative": beside(0.1, swallowed=None)},
}
"""By the code that keeps silent, and why: as far as a case may go."""

SPEAKS: dict[str, tuple[Parts, float | None]] = {
    "LD201": ({"spectrum": spectrum(effective_rank=7)}, 7 / 16),
    "LD201 of rank 4": ({"spectrum": spectrum(rank=4, effective_rank=1)}, 0.25),
    "LD202": ({"spectrum": spectrum(stable_rank=1.026)}, 1 / 1.026),
    "LD202 of rank 4": ({"spectrum": spectrum(rank=4, stable_rank=1.0)}, 1.0),
    "LD203": ({"spectrum": spectrum(energy_rank_99=8)}, 0.5),
    "LD203 of rank 8": ({"spectrum": spectrum(rank=8, energy_rank_99=4)}, 0.5),
    "LD204": ({"spectrum": spectrum(entropy_rank=16 * 0.935)}, 0.935),
    "LD204 of rank 8": ({"spectrum": spectrum(rank=8, entropy_rank=7.9)}, 7.9 / 8),
    "LD205": (sized(9.99e-5), 9.99e-5),
    "LD205 beside the base": ({"relative": beside(0.0149)}, 0.0149),
    "LD206": ({**sized(0.1), "spectrum": spectrum(**FEW)}, 0.1),
    "LD206 beside the base": ({"spectrum": spectrum(**FEW), "relative": beside(2.0)}, 2.0),
    "LD207": (sized(0.03), 0.03),
    "LD207 one": (one(update_rms=0.1), 0.1),
    "LD207 beside the base": ({"relative": beside(0.45)}, 0.45),
    "LD207 one beside the base": ({"relative": beside(0.1, 0.1, 2.0)}, 2.0),
    "LD208": ({"intruders": intruders(0, 0, 1)}, 1 / 3),
    "LD208 some not counted": ({"intruders": intruders(None, 1, 1)}, 1.0),
    "LD301 low": (all_scaled(0.499), 0.499),
    "LD301 high": (all_scaled(-4.01), -4.01),
    "LD302 low": (all_scaled(0.499 * 8**0.5, "alpha/sqrt(r)"), 0.499 * 8**0.5),
    "LD302 high": (all_scaled(4.01 * 8**0.5, "alpha/sqrt(r)"), 4.01 * 8**0.5),
    "LD303": (one(scale=-4.01), 4.01),
    "LD304 large": (one(norm_z=5.0, norm_ratio=4.0), 4.0),
    "LD304 small": (one(norm_z=-5.0, norm_ratio=0.25), 0.25),
    "LD305 low": (one(factor_ratio=9.99e-4), 9.99e-4),
    "LD305 high": (one(factor_ratio=30.1), 30.1),
    "LD306": (one(scale_source="default"), 1.0),
    "LD307": ({"relative": beside(0.03)}, 0.03),
    "LD308": ({"relative": beside(0.1, 0.1, swallowed=0.55)}, 0.55),
}
"""By the code that speaks, and of what: as little as it takes, with the number that is told."""


def test_sound_numbers_draw_nothing() -> None:
    """What the cases are made from is passed over, alone and beside a base."""
    assert report_of().findings == []
    assert report_of(relative=beside(0.02, 0.02), intruders=intruders(0, 0)).findings == []


@pytest.mark.parametrize("case", SILENT)
def test_short_of_its_threshold_a_rule_is_silent(case: str) -> None:
    """Whatever others say of it."""
    assert said(case[:5], **SILENT[case]) == []


@pytest.mark.parametrize("case", SPEAKS)
def test_at_its_threshold_a_rule_speaks(case: str) -> None:
    """Once, and tells the number that was compared."""
    parts, observed = SPEAKS[case]
    (finding,) = said(case[:5], **parts)
    assert finding.observed == pytest.approx(observed)


@pytest.mark.parametrize(("mean", "severity"), [(2.4, Severity.INFO), (2.5, Severity.WARNING)])
def test_how_many_intruders_are_a_warning(mean: float, severity: Severity) -> None:
    """By their mean over modules."""
    (finding,) = said("LD208", spectrum=spectrum(10), intruders=intruders(*[1] * 9, round(10 * mean) - 9))
    assert finding.observed == pytest.approx(mean)
    assert finding.severity is severity


@pytest.mark.parametrize(("certified", "told"), [(True, False), (False, True)])
def test_counts_that_are_not_certain_say_so(certified: bool, told: bool) -> None:
    """And those that are do not."""
    (finding,) = said("LD208", intruders=intruders(0, 1, 1, certified=certified))
    assert ("all 3 modules not certified" in finding.message) == told


@pytest.mark.parametrize(("size", "level"), [(0.349, "moderate"), (0.35, "high")])
def test_how_large_a_risk_is_high(size: float, level: str) -> None:
    """By the median update beside its weight."""
    (finding,) = said("LD307", relative=beside(size))
    assert finding.message.startswith(f"{level} risk")


@pytest.mark.parametrize(
    ("case", "missed"),
    [
        ("LD301 low", 0.5),
        ("LD301 high", 4.0),
        ("LD302 low", 0.5 * 8**0.5),
        ("LD302 high", 4 * 8**0.5),
        ("LD305 low", 1e-3),
        ("LD305 high", 30.0),
    ],
)
def test_the_end_of_a_band_that_was_missed_is_told(case: str, missed: float) -> None:
    """Not the other one."""
    (finding,) = said(case[:5], **SPEAKS[case][0])
    assert finding.threshold == pytest.approx(missed)


def test_of_several_the_worst_is_told() -> None:
    """The one farthest from its peers, and the factors farthest out of proportion, on either side."""
    rows = [module_scale("a", norm_z=9.0, norm_ratio=5.0), module_scale("b", norm_z=-9.0, norm_ratio=0.1)]
    (finding,) = said("LD304", scale=scaled(*rows, module_scale("c")))
    assert finding.observed == pytest.approx(0.1)
    rows = [module_scale("a", factor_ratio=40.0), module_scale("b", factor_ratio=1e-5)]
    (finding,) = said("LD305", scale=scaled(*rows, module_scale("c")))
    assert finding.observed == pytest.approx(1e-5)


def test_scales_are_counted_where_they_differ() -> None:
    """One value stands alone, several with how often each occurs."""
    rows = [module_scale("a", scale=8.0), module_scale("b", scale=8.0), module_scale("c", scale=0.25)]
    (finding,) = said("LD301", scale=scaled(*rows))
    assert "α/r is 8 (2×), 0.25 (1×) in all 3 modules" in finding.message
    (finding,) = said("LD301", scale=scaled(*rows[:2]))
    assert "α/r is 8 in all 2 modules" in finding.message


def test_modules_at_fault_are_named() -> None:
    """Those that are, and no other."""
    low, fine = spectrum(2, effective_rank=7), spectrum(1, name="fine", effective_rank=8)
    (finding,) = said("LD201", spectrum=type(low)(modules=[*low.modules, *fine.modules]))
    assert finding.modules == ["m0", "m1"]
    fine = spectrum(1, name="fine", stable_rank=4.0)
    (finding,) = said("LD202", spectrum=type(low)(modules=[*spectrum(2, stable_rank=1.0).modules, *fine.modules]))
    assert finding.modules == ["m0", "m1"]
    fine = spectrum(1, name="fine", energy_rank_99=9)
    (finding,) = said("LD203", spectrum=type(low)(modules=[*spectrum(2, energy_rank_99=8).modules, *fine.modules]))
    assert finding.modules == ["m0", "m1"]
    assert "9 of 16 directions hold 90% of the energy and 8 hold 99%" in finding.message
    assert "rank 9 would hold 99% in nine of ten" in finding.message
    (finding,) = said(
        "LD303", scale=scaled(module_scale("a", scale=0.2), module_scale("b"), module_scale("c", scale=2.0))
    )
    assert finding.modules == ["a", "c"]
    (finding,) = said("LD207", **one(update_rms=0.1))
    assert finding.modules == ["m0"]
