"""One window measured: novelty, the mix of topics among what is known, and what the novel requests are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.analyzers.drift.cutting import Cut
from loradiag.analyzers.drift.exemplars import MOST, groups_of, kinship, pick
from loradiag.analyzers.drift.routing import routes_of, shares
from loradiag.analyzers.drift.scoring import Scores, vectors_of
from loradiag.analyzers.drift.wanted import Wanted
from loradiag.baselines.reading import Baseline
from loradiag.core.drift import DriftWindow, Exemplar, RouteShare, TopicShare
from loradiag.core.times import written_at
from loradiag.statistics.checks import Indexes
from loradiag.statistics.mix import Mix, compare_mix
from loradiag.statistics.mmd import Discrepancy, compare_samples, tolerated_change
from loradiag.statistics.shares import share_interval
from loradiag.statistics.tails import beyond_p, conformal_p
from loradiag.traffic.reading import Lake, Rows

_SAMPLE = 1000
"""Requests, and references, of which MMD compares every pair."""

_LEAST_KNOWN = 20
"""Requests that are not novel, below which their mix is not looked at."""

_ROUTED = 2000
"""Novel requests that are held against the other baselines."""


class Surroundings(msgspec.Struct, frozen=True):
    """What windows are measured with: the lake, the adapter's requests and their scores, the baselines, and what is wanted."""

    adapter: str
    lake: Lake
    rows: Rows
    scores: Scores
    baseline: Baseline
    others: Sequence[Baseline]
    wanted: Wanted


class Kinds(msgspec.Struct, frozen=True):
    """Novel requests of a window, or a draw of them: their positions, rising, and the group of each [n]."""

    positions: Indexes
    groups: Indexes


_NONE = Kinds(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def stamp(moment: int | None) -> str | None:
    """Microseconds as reports write a time."""
    if moment is None or moment < 0:
        return None
    return written_at(moment / 1e6)


def judged(window: Cut, wanted: Wanted) -> bool:
    """Whether a window has as many requests as it needs."""
    return window.counted.size >= max(wanted.floor, 1)


def is_novel(around: Surroundings, positions: Indexes) -> npt.NDArray[np.bool_]:
    """Which of some requests are unlike any of the baseline."""
    return around.scores.cosine[positions] < around.baseline.manifest.calibrated.threshold


def measure(around: Surroundings, window: Cut) -> tuple[DriftWindow, Kinds]:
    """Measure one window, and put its novel requests into groups; one with fewer requests than the floor is only counted."""
    base = DriftWindow(
        adapter=around.adapter,
        start=stamp(window.start),
        end=stamp(window.end),
        requests=window.logged,
        n=window.counted.size,
        pooled=window.pooled,
    )
    if not judged(window, around.wanted):
        return msgspec.structs.replace(base, status="insufficient"), _NONE
    cosines = around.scores.cosine[window.counted]
    novel = is_novel(around, window.counted)
    found, kinds = _novel(around, window.counted[novel])
    measured = msgspec.structs.replace(
        base,
        mean_nn_cosine=float(cosines.mean(dtype=np.float64)),
        **_novelty(around, int(novel.sum()), window.counted.size),
        **_mix(around, window.counted[~novel]),
        **found,
    )
    return measured, kinds


def _novelty(around: Surroundings, count: int, n: int) -> dict[str, Any]:
    calibrated = around.baseline.manifest.calibrated
    low, high = share_interval(count, n)
    return {
        "novelty_share": count / n,
        "novelty_low": low,
        "novelty_high": high,
        "novelty_p": beyond_p(count, n, calibrated.rank, calibrated.calibration),
    }


def _mix(around: Surroundings, known: Indexes) -> dict[str, Any]:
    """Topics of the requests that are not novel, beside those of held-out references that are not: apart from novelty."""
    calibrated = around.baseline.manifest.calibrated
    held = np.flatnonzero(around.baseline.scores >= calibrated.threshold)
    if known.size < _LEAST_KNOWN or held.size < _LEAST_KNOWN:
        return {"mix_n": known.size}
    counts = np.bincount(around.scores.topic[known], minlength=calibrated.topics)
    reference = np.bincount(around.baseline.topics[held], minlength=calibrated.topics)
    mix = compare_mix(counts, reference, around.wanted.tolerance)
    apart = _discrepancy(around, known, held)
    return {
        "mix_n": known.size,
        "mix_effect": mix.effect,
        "mix_p": mix.p,
        "mmd_effect": apart.effect,
        "mmd_p": apart.p,
        "topics": _topics(around, counts, reference, mix),
    }


def _discrepancy(around: Surroundings, known: Indexes, held: Indexes) -> Discrepancy:
    calibrated, wanted = around.baseline.manifest.calibrated, around.wanted
    generator = np.random.default_rng(wanted.seed)
    sample = np.sort(generator.permutation(known)[:_SAMPLE])
    reference = np.sort(generator.permutation(held)[:_SAMPLE])
    return compare_samples(
        vectors_of(around.lake, around.rows, sample).astype(np.float32),
        np.asarray(around.baseline.calibration[reference], dtype=np.float32),
        calibrated.gamma,
        tolerated=tolerated_change(calibrated.closeness, wanted.tolerance, calibrated.topics),
        permutations=wanted.permutations,
        seed=wanted.seed,
    )


def _topics(around: Surroundings, counts: Indexes, reference: Indexes, mix: Mix) -> list[TopicShare]:
    """The topics that changed most, those that grew and shrank together."""
    order = np.argsort(-np.abs(mix.residuals), kind="stable")[: around.wanted.topics]
    rows = around.baseline.examples[order]
    texts = around.baseline.texts(rows) if around.wanted.show_text else [None] * len(rows)
    return [
        TopicShare(
            topic=int(topic),
            expected=float(reference[topic] / reference.sum()),
            observed=float(counts[topic] / counts.sum()),
            residual=float(mix.residuals[topic]),
            example=int(around.baseline.index_records[row]),
            text=text,
        )
        for topic, row, text in zip(order, rows, texts, strict=True)
    ]


def _novel(around: Surroundings, novel: Indexes) -> tuple[dict[str, Any], Kinds]:
    """Where novel requests belong, some to look at, and the groups that they were chosen from."""
    if not novel.size:
        return {}, _NONE
    generator = np.random.default_rng(around.wanted.seed)
    sample = np.sort(generator.permutation(novel)[:_ROUTED])
    vectors = vectors_of(around.lake, around.rows, sample)
    routes = routes_of(vectors, around.others)
    few = np.sort(generator.permutation(sample.size)[:MOST])
    groups = groups_of(vectors[few], kinship(around.baseline), around.wanted.exemplars)
    chosen = pick(groups, around.scores.cosine[sample[few]], around.wanted.exemplars)
    found = {
        "routes": _in_proportion(shares(routes), novel.size),
        "exemplars": _exemplars(around, sample[few], groups, chosen, [routes[index] for index in few]),
    }
    return found, Kinds(sample[few], groups)


def _in_proportion(found: list[RouteShare], total: int) -> list[RouteShare]:
    """Counts of all novel requests where only a sample of them was routed."""
    return [msgspec.structs.replace(row, count=round(row.share * total)) for row in found]


def _exemplars(
    around: Surroundings, positions: Indexes, groups: Indexes, chosen: Indexes, routes: list[str]
) -> list[Exemplar]:
    rows, scores, baseline = around.rows, around.scores, around.baseline
    sizes = np.bincount(groups)
    shown = positions[chosen]
    neighbours = scores.neighbour[shown].astype(np.int64)
    p = conformal_p(scores.cosine[shown].astype(np.float64), baseline.scores.astype(np.float64))
    details = around.lake.details(rows, shown)
    texts = baseline.texts(neighbours) if around.wanted.show_text else [None] * len(shown)
    return [
        Exemplar(
            request=detail.request_id,
            time=stamp(int(rows.time[position])),
            cosine=float(scores.cosine[position]),
            p=float(p[index]),
            topic=int(scores.topic[position]),
            neighbour=int(baseline.index_records[neighbours[index]]),
            group=int(groups[chosen[index]]),
            group_size=int(sizes[groups[chosen[index]]]),
            route=routes[int(chosen[index])] if around.others else None,
            text=detail.prompt if around.wanted.show_text else None,
            neighbour_text=texts[index],
        )
        for index, (position, detail) in enumerate(zip(shown, details, strict=True))
    ]
