"""Numbers of a route, against numpy's and against a bootstrap that draws sequences one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.analyzers.merge.statistics import RESAMPLES, draw, summarise
from loradiag.models.scoring import Tokens

Array = npt.NDArray[Any]
INTERVALS = ("effect_loss", "nll_gain_retained", "ln_ppl_ratio")


def tokens(sequence: Array, nll: Array, kld: Array, seed: int = 0, nonfinite: int = 0) -> Tokens:
    """Tokens with some choice of the rest."""
    rng = np.random.default_rng(seed)
    return Tokens(sequence, nll, kld, rng.random(nll.size) < 0.9, rng.normal(0, 0.1, nll.size), nonfinite)


def some(sequences: int = 40, seed: int = 0) -> tuple[Tokens, Tokens, Tokens]:
    """A route, the reference and the base: sequences of different lengths, which differ from each other."""
    rng = np.random.default_rng(seed)
    sequence = np.repeat(np.arange(sequences), rng.integers(5, 60, sequences))
    rng.shuffle(sequence)
    size = sequence.size
    hard = rng.gamma(2.0, 1.0, sequences)[sequence]
    reference = rng.gamma(2.0, 0.5, size) + hard
    base = reference + rng.normal(1.0, 0.5, size) * hard
    route = reference + rng.normal(0.05, 0.2, size)
    return (
        tokens(sequence, route, rng.gamma(1.0, 0.02, size) * hard, seed + 1, nonfinite=3),
        tokens(sequence, reference, np.zeros(0), seed + 2),
        tokens(sequence, base, rng.gamma(1.0, 0.5, size) * hard, seed + 3),
    )


def test_point_estimates() -> None:
    """Means, percentiles and ratios of sums over all tokens."""
    route, reference, base = some()
    found = summarise(route, reference, base, 40)
    expected = {
        "kld_mean": route.kld.mean(),
        "kld_median": np.median(route.kld),
        "kld_p90": np.percentile(route.kld, 90),
        "kld_p95": np.percentile(route.kld, 95),
        "kld_p99": np.percentile(route.kld, 99),
        "kld_p999": np.percentile(route.kld, 99.9),
        "kld_max": route.kld.max(),
        "same_top1": route.same.mean(),
        "rms_delta_p": np.sqrt((route.delta_p**2).mean()),
        "effect_loss": route.kld.sum() / base.kld.sum(),
        "nll_gain_retained": (base.nll - route.nll).sum() / (base.nll - reference.nll).sum(),
        "ln_ppl_ratio": (route.nll - reference.nll).mean(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name
    assert found["nonfinite_logits"] == 3
    assert set(found) == {
        *expected,
        "nonfinite_logits",
        *(f"{name}_{end}" for name in INTERVALS for end in ("low", "high")),
    }


def drawn_one_by_one(above: Array, below: Array, sequence: Array, resamples: int = 3000) -> tuple[float, float]:
    """A cluster bootstrap: whole sequences are drawn with replacement, and all of their tokens put together."""
    rng = np.random.default_rng(99)
    groups = [np.flatnonzero(sequence == number) for number in np.unique(sequence)]
    ratios = []
    for _ in range(resamples):
        rows = np.concatenate([groups[number] for number in rng.integers(0, len(groups), len(groups))])
        ratios.append(above[rows].sum() / below[rows].sum())
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(low), float(high)


@pytest.mark.parametrize("seed", [0, 7])
def test_intervals_are_those_of_a_cluster_bootstrap(seed: int) -> None:
    """Ends within a tenth of its width; and wider than if tokens were independent."""
    route, reference, base = some(seed=seed)
    found = summarise(route, reference, base, 40)
    one = np.ones(route.nll.size)
    for name, above, below in (
        ("effect_loss", route.kld, base.kld),
        ("nll_gain_retained", base.nll - route.nll, base.nll - reference.nll),
        ("ln_ppl_ratio", route.nll - reference.nll, one),
    ):
        low, high = drawn_one_by_one(above, below, route.sequence)
        assert found[f"{name}_low"] == pytest.approx(low, abs=0.1 * (high - low)), name
        assert found[f"{name}_high"] == pytest.approx(high, abs=0.1 * (high - low)), name
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_tokens_of_one_sequence_count_as_one() -> None:
    """Repeating each token a hundred times tells nothing new: the interval is as wide as before."""
    route, reference, base = some()
    repeated = [
        Tokens(
            *(np.repeat(getattr(part, name), 100) for name in ("sequence", "nll", "kld", "same", "delta_p")),
            nonfinite=0,
        )
        for part in (route, reference, base)
    ]
    few, many = summarise(route, reference, base, 40), summarise(*repeated, 40)
    for name in INTERVALS:
        width, other = (found[f"{name}_high"] - found[f"{name}_low"] for found in (few, many))
        assert other == pytest.approx(width, rel=1e-6)


def test_more_sequences_make_narrower_intervals() -> None:
    """Four times as many, half as wide."""
    widths = []
    for sequences in (50, 200):
        found = [summarise(*some(sequences, seed), sequences) for seed in range(6)]
        widths.append(np.mean([row["effect_loss_high"] - row["effect_loss_low"] for row in found]))
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.25)


def test_intervals_cover() -> None:
    """About 95 of 100 hold the ratio of which samples are drawn. Percentile intervals over 30 clusters hold a little less."""
    rng = np.random.default_rng(5)
    held, runs = 0, 200
    for _ in range(runs):
        hard = rng.gamma(2.0, 1.0, 30)
        sequence = np.repeat(np.arange(30), 20)
        below = hard[sequence] * rng.gamma(2.0, 0.5, 600)
        above = 0.1 * hard[sequence] * rng.gamma(2.0, 0.5, 30)[sequence] * rng.gamma(2.0, 0.5, 600)
        blank = np.zeros(600)
        found = summarise(
            tokens(sequence, blank, above), tokens(sequence, blank, blank), tokens(sequence, blank, below), 30
        )
        held += found["effect_loss_low"] <= 0.1 <= found["effect_loss_high"]
    assert 0.85 * runs <= held <= 0.99 * runs


def test_one_sequence_has_no_interval() -> None:
    """Its numbers stand, without one."""
    route, reference, base = some(1)
    found = summarise(route, reference, base, 1)
    for name in INTERVALS:
        assert found[name] is not None
        assert (found[f"{name}_low"], found[f"{name}_high"]) == (None, None)


def test_an_adapter_without_effect() -> None:
    """There is no ratio to nothing, nor of what was gained when nothing was."""
    route, reference, _ = some()
    base = tokens(reference.sequence, reference.nll, np.zeros(reference.nll.size))
    found = summarise(route, reference, base, 40)
    for name in ("effect_loss", "nll_gain_retained"):
        assert (found[name], found[f"{name}_low"], found[f"{name}_high"]) == (None, None, None)
    assert found["ln_ppl_ratio_low"] < found["ln_ppl_ratio_high"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(bad: float) -> None:
    """Have no mean; percentiles are of the rest; nobody warns."""
    route, reference, base = some()
    for part, name in ((route, "kld"), (route, "nll"), (route, "delta_p"), (reference, "nll")):
        getattr(part, name)[5] = bad
    found = summarise(route, reference, base, 40)
    assert found["kld_p90"] == pytest.approx(np.percentile(np.delete(route.kld, 5), 90))
    for name in ("kld_mean", "kld_max", "rms_delta_p", "effect_loss", "nll_gain_retained", "ln_ppl_ratio"):
        assert found[name] is None, name
    for name in INTERVALS:
        assert (found[f"{name}_low"], found[f"{name}_high"]) == (None, None), name


def test_nothing_finite_at_all() -> None:
    """No percentiles either."""
    route, reference, base = some()
    route.kld[:] = np.nan
    found = summarise(route, reference, base, 40)
    assert [found[f"kld_{name}"] for name in ("mean", "median", "p90", "p95", "p99", "p999", "max")] == [None] * 7


def test_draws_are_the_same_for_all_routes() -> None:
    """Each resample draws as many sequences as there are; on average each once."""
    first, second = draw(17), draw(17)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (RESAMPLES, 17)
    np.testing.assert_array_equal(first.sum(axis=1), 17)
    np.testing.assert_allclose(first.mean(axis=0), 1, atol=0.12)
    assert first.var() == pytest.approx(16 / 17, rel=0.05)
