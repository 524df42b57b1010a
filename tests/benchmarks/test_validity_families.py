"""Cases of other kinds than single adapters: labels, drawn logs and answers, quantizers by plain arithmetic, what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.validity.families import rows, words
from benchmarks.validity.families.forgetting.answers import Change, both
from benchmarks.validity.families.logs.curves import STYLES, curve, noisy
from benchmarks.validity.families.merging import quantizing
from benchmarks.validity.families.merging.family import cases as merged_cases
from benchmarks.validity.families.merging.family import fate_of, losses
from benchmarks.validity.families.merging.kept import merges
from benchmarks.validity.families.table import FAMILIES, family
from benchmarks.validity.families.words import Told, expect
from benchmarks.validity.uncovered import REASONS
from loradiag.core.findings import Severity
from loradiag.rules import RULES
from tests.conftest import ROOT


def test_every_rule_has_a_rate_or_a_reason() -> None:
    """And none has both."""
    rates = json.loads((ROOT / "loradiag" / "rules" / "measured.json").read_text())["rules"]
    assert rates.keys() | REASONS.keys() == RULES.keys()
    assert not rates.keys() & REASONS.keys()


def told(label: str, should: str, may: str, fired: str) -> Told:
    """A case that two rules are held against."""
    judged = frozenset({"LD901", "LD902"})
    return Told(
        family="log",
        name=label,
        label=label,
        expected=expect(should, may),
        judged=judged,
        fired=frozenset(fired.split()),
    )


def test_what_may_fire_is_neither_right_nor_wrong() -> None:
    """Counted by hand."""
    cases = [
        told("a", "LD901", "LD902", "LD902"),
        told("b", "LD901", "", "LD901 LD902"),
        told("c", "", "", ""),
        told("d", "", "LD901", "LD901"),
    ]
    (row,) = rows.confusion(cases, ["LD901", "LD902"])  # nothing should provoke the other
    assert (row.hits, row.should, row.alarms, row.should_not) == (1, 2, 0, 1)
    assert row.missed["a"] == 1
    assert [(one.label, *map(sorted, (missed, extra))) for one, missed, extra in rows.wrong(cases)] == [
        ("a", ["LD901"], []),
        ("b", [], ["LD902"]),
    ]


@pytest.mark.parametrize("name", ["logs", "configured", "pairs", "provenance"])
def test_a_quick_run_calls_everything_what_it_is(name: str, tmp_path: Path) -> None:
    """Of the cases that a quick run makes, but for labels at which a rule is known to be wrong."""
    found = family(None, tmp_path, quick=True, name=name)
    judged = {code for one in found.told for code in one.judged}
    assert judged <= RULES.keys()
    assert len({one.label for one in found.told}) > 8
    wrong = [
        one.name
        for one, *_ in rows.wrong(found.told)
        if not (one.label.startswith(KNOWN) or one.name.startswith(KNOWN))
    ]
    assert wrong == []


KNOWN = (
    "evaluations waver",
    "a classifier",  # whose evaluations do
    "learning rate zero",
    "trained: came apart",
    "trained: rate zero",
    "sums over",
    "both hold a layer whole",
)
"""Labels, and kinds of logs, at which a rule is measured to cry wolf, or to miss: see docs/validity.md."""


def test_every_family_is_there() -> None:
    """With a function that shows it."""
    for name in FAMILIES:
        module = __import__(f"benchmarks.validity.families.{name}.family", fromlist=["shown"])
        assert callable(module.shown)


def test_drawn_losses_fall_to_where_their_style_says() -> None:
    """Before noise, at the first step and at the last, and noise is as wide as it says."""
    for style in STYLES:
        clean = curve(style)
        down = 0.12 * (style.epochs - 1)
        assert clean.train[-1] == pytest.approx(style.end - down, abs=0.01)
        assert clean.train.size == style.logs
        assert clean.held.size == style.evaluations
    (style,) = (one for one in STYLES if one.name == "a long run")
    spread = noisy(curve(style), np.random.default_rng(0)).train - curve(style).train
    assert spread.std() == pytest.approx(style.noise, rel=0.1)


@pytest.mark.parametrize("of_score", [-0.15, 0.0, 0.08])
def test_drawn_answers_lose_what_was_asked(of_score: float) -> None:
    """The mean change over many documents is that share of the accuracy, whatever flips besides."""
    before, after = both(200_000, 0.8, Change(of_score, 0.05), np.random.default_rng(1))
    assert before.mean() == pytest.approx(0.8, abs=0.005)
    assert after.mean() - before.mean() == pytest.approx(of_score * 0.8, abs=0.005)
    assert (before != after).mean() > 0.05


@pytest.mark.models
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_four_bits_are_those_of_bitsandbytes(kind: str) -> None:
    """Without double quantization, of a matrix whose rows are whole blocks; its scales are rounded on the way."""
    torch: Any = pytest.importorskip("torch")
    bnb: Any = pytest.importorskip("bitsandbytes")
    matrix = np.random.default_rng(0).normal(0, 0.05, (32, 128)).astype(np.float32)
    packed, state = bnb.functional.quantize_4bit(
        torch.from_numpy(matrix), blocksize=64, compress_statistics=False, quant_type=kind
    )
    theirs = bnb.functional.dequantize_4bit(packed, state).numpy()
    ours = getattr(quantizing, kind)(matrix)
    assert np.abs(ours - theirs).max() < 1e-6


def test_eight_bits_are_within_half_a_step() -> None:
    """Of every row the largest is 127 steps; FP8 keeps four bits of each number."""
    matrix = np.random.default_rng(0).normal(0, 0.05, (16, 64)).astype(np.float32)
    step = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (
        np.abs(quantizing.int8(matrix) - matrix) <= (0.5 + 127 / 2**11) * step
    ).all()  # bitsandbytes rounds to FP16 first


def test_kept_merges() -> None:
    """Every adapter has every route; what is called kept or lost is so on text that loradiag was not given."""
    found = list(merges())
    assert len(found) > 20
    assert all(one.outcomes.keys() == quantizing.ROUTES.keys() for one in found)
    assert all(one.report.measurements.merge is not None for one in found)
    labels = [label for label, _ in merged_cases()]
    assert {"kept", "in part lost", "lost", "update erased", "nothing to keep"} <= set(labels)
    control = [one.outcomes["fp32"] for one in found if one.effect > 1e-5]
    assert max(outcome.kld or 0.0 for outcome in control) < 1e-4  # an exact fold is the adapter, by our own arithmetic


def test_no_route_that_lost_the_adapter_passes() -> None:
    """Over all that is kept: a route that loradiag passes has kept four fifths of the gain, on other text."""
    from loradiag.api import judge

    for one in merges():
        merge = judge(one.report).measurements.merge
        assert merge is not None
        gain = one.base_loss - one.loss
        for row in merge.routes:
            outcome = one.outcomes[row.route]
            if row.status == "pass" and gain > 0.05:
                assert outcome.loss is not None, (one.name, row.route)
                assert (one.base_loss - outcome.loss) / gain > 0.8, (one.name, row.route)


def test_findings_count_from_a_warning_on() -> None:
    """A note counts only of a rule that never says more."""
    from loradiag.core.findings import Confidence, Finding, Severity

    def found(code: str, severity: Severity) -> Finding:
        return Finding(
            code=code, rule="", severity=severity, confidence=Confidence.HIGH, modules=[], message="", advice="",
            source="", fingerprint="", observed=None, threshold=None,
        )  # fmt: skip

    note, warning = Severity.INFO, Severity.WARNING
    rows_ = [found("LD912", note), found("LD901", note), found("LD904", warning), found("LD208", note)]
    assert words.counting(rows_) == {"LD912", "LD904"}


def test_no_route_that_lost_the_gain_is_excused() -> None:
    """LD604 turns milder where the gain on the text is kept, and of all merges never on a route that lost it on other text."""
    fates: dict[str, list[Severity | None]] = {}
    for one in merges():
        for route, alone, now in losses(one.report):
            assert alone in (None, Severity.ERROR)
            if alone is not None:
                fates.setdefault(fate_of(one, one.outcomes[route]), []).append(now)
    assert fates["a tenth of the gain lost, or the update"].count(Severity.ERROR) == 33
    assert Severity.WARNING not in fates["a tenth of the gain lost, or the update"]
    kept = fates["95% of the gain kept, and the update"]
    assert (len(kept), kept.count(Severity.WARNING)) == (47, 37)
