"""What is no drift, with room for what calibration cannot know."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from loradiag.watching.references import reference_of
from tests.analyzers.drift.making import baseline_of


def of(scores, topics, *, chance: float = 1e-3, topics_n: int = 8, tolerance: float = 0.2):
    """The reference of some held-out part, at the usual rank."""
    made = baseline_of(Path("nowhere")).manifest.calibrated
    import msgspec

    told = msgspec.structs.replace(
        made, calibration=len(scores), rank=25, threshold=float(np.sort(scores)[24]), topics=topics_n
    )
    return reference_of(told, scores, topics, least_share=0.08, tolerance=tolerance, chance=chance)


def test_the_share_has_room_for_the_luck_of_calibration() -> None:
    """In 2,000 calibrations of 500, the true share below the threshold exceeds what is tolerated about as often as agreed."""
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(2000):
        threshold = np.sort(generator.random(500))[24]
        wrong += threshold > stats.beta.isf(0.01, 25, 476)
    assert wrong / 2000 == pytest.approx(0.01, abs=0.008)
    found = of(np.linspace(0.5, 1, 500), np.zeros(500, dtype=int), chance=0.02)
    assert found.share == pytest.approx(max(0.08, stats.beta.isf(0.01, 25, 476)))
    assert found.matters == 0.08
    assert (
        of(np.linspace(0.5, 1, 20_000), np.zeros(20_000, dtype=int)).share == 0.08
    )  # rank 25 of so many: no room needed


def test_the_mix_has_room_for_the_sampling_error_of_references() -> None:
    """Cohen's w of held-out shares beside the true ones exceeds what is added about as often as agreed."""
    generator = np.random.default_rng(1)
    true = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])
    added = math.sqrt(stats.chi2.isf(0.01, 7) / 476)
    off = []
    for _ in range(2000):
        shares = generator.multinomial(476, true) / 476
        off.append(math.sqrt(np.sum((shares - true) ** 2 / shares)))
    assert np.mean(np.array(off) > added) < 0.03
    scores = np.r_[np.zeros(25), np.ones(475)] + np.linspace(0, 0.1, 500)
    topics = np.repeat(np.arange(8), 63)[:500]
    assert of(scores, topics, chance=0.02).change == pytest.approx(0.2 + added)


def test_rare_topics_are_put_together() -> None:
    """Those with fewer than ten held-out references, with the next one where they are fewer than ten together."""
    counts = [200, 150, 90, 40, 6, 5, 4, 5]
    topics = np.repeat(np.arange(8), counts)
    scores = np.linspace(0.5, 1, 500)
    np.random.default_rng(2).shuffle(topics)
    found = of(scores, topics)
    known = np.bincount(topics[scores >= np.sort(scores)[24]], minlength=8)
    rare = known < 10
    assert found.groups == [0 if small else 1 + int((~rare[:place]).sum()) for place, small in enumerate(rare)]
    assert found.mix == pytest.approx([known[rare].sum() / known.sum(), *(known[~rare] / known.sum())])
    one = of(scores, np.r_[np.zeros(498, dtype=int), 1, 2], topics_n=3)
    assert one.groups == [0, 0, 0]
    assert one.mix == []  # one group says nothing


def test_too_few_references_say_nothing_of_the_mix() -> None:
    """Fewer than twenty that are not novel."""
    found = of(np.linspace(0, 1, 40), np.arange(40) % 8)
    assert found.mix == []
    assert found.change == 0.0
