"""Traffic of known kinds, through a lake, beside a baseline: each is called what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from loradiag.analyzers.drift.check import adjusted, check, reach
from loradiag.analyzers.drift.cutting import cut
from loradiag.analyzers.drift.exemplars import groups_of, pick
from loradiag.analyzers.drift.routing import routes_of
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.baselines.reading import Baseline
from loradiag.core.drift import Drift
from loradiag.core.windows import settle
from loradiag.traffic.reading import Lake
from loradiag.traffic.vectors import write_vectors
from tests.analyzers.drift.making import DAY, ENCODER, START, TOPICS, baseline_of, requests, rows_of

from loradiag.api.judging import default_policy  # isort: skip


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """Of domain 0."""
    return baseline_of(tmp_path_factory.mktemp("baseline"))


def checked(lake: Path, baseline: Baseline, *vectors: Any, others: Any = (), **wanted: Any) -> Drift:
    """Days of requests, measured and settled by the default policy."""
    for day, made in enumerate(vectors):
        write_vectors(lake, "support", made, ENCODER, START + day * DAY)
    options = Wanted(**{"window": window_of("1d"), "last": None, **wanted})
    found = check(Lake(lake), "support", baseline, others, options, lambda *_: None)
    return settle(adjusted([found])[0], default_policy().thresholds)


def test_numbers_are_those_of_a_dense_calculation(baseline: Baseline, tmp_path: Path) -> None:
    """Share, p-value, mean cosine and topics, by plain products and scipy."""
    made = requests(150, 77)
    (window,) = checked(tmp_path / "lake", baseline, made).windows
    cosines = (made.astype(np.float64) @ baseline.index.astype(np.float64).T).max(axis=1)
    told = baseline.manifest.calibrated
    novel = cosines < told.threshold
    assert (window.n, window.requests) == (150, 150)
    assert window.novelty_share == pytest.approx(novel.mean())
    expected = stats.betabinom(150, told.rank, told.calibration - told.rank + 1).sf(novel.sum() - 1)
    assert window.novelty_p == pytest.approx(float(expected), rel=1e-6)
    assert window.mean_nn_cosine == pytest.approx(cosines.mean(), abs=1e-6)
    assert window.mix_n == int((~novel).sum())
    topics = (made[~novel].astype(np.float64) @ baseline.centres.astype(np.float64).T).argmax(axis=1)
    held = np.bincount(baseline.topics[baseline.scores >= told.threshold], minlength=told.topics)
    for row in window.topics:
        assert row.observed == pytest.approx(np.mean(topics == row.topic))
        assert row.expected == pytest.approx(held[row.topic] / held.sum())


def test_steady_novel_shifted_and_both(baseline: Baseline, tmp_path: Path) -> None:
    """Four days of four kinds: novelty and mix are told apart, whatever comes with the other."""
    few = np.full(TOPICS, 0.05)
    few[:2] = (1 - 0.05 * (TOPICS - 2)) / 2
    foreign = requests(60, 5, domain=3)
    days = [
        requests(240, 1),
        np.concatenate([requests(180, 2), foreign]),
        requests(240, 3, topics=few),
        np.concatenate([requests(180, 4, topics=few), foreign]),
    ]
    found = checked(tmp_path / "lake", baseline, *days)
    assert [window.status for window in found.windows] == ["steady", "novel", "shifted", "novel+shifted"]
    assert found.windows[1].recommended_route == "base"
    assert found.windows[0].recommended_route is None
    assert found.windows[0].start == "2026-11-01T00:00:00Z"


def test_the_wrong_adapter_is_named(baseline: Baseline, tmp_path: Path) -> None:
    """Requests of another baseline's domain belong there; those of nobody's to the base."""
    other = baseline_of(tmp_path / "b", "billing", domain=3)
    third = baseline_of(tmp_path / "c", "legal", domain=5)
    made = np.concatenate([requests(150, 2), requests(60, 5, domain=3), requests(10, 6, domain=9)])
    (window,) = checked(tmp_path / "lake", baseline, made, others=[third, other, baseline]).windows
    assert window.recommended_route == "billing"
    counts = {row.route: row.count for row in window.routes}
    assert counts["billing"] >= 55
    assert counts["base"] >= 10
    assert sum(counts.values()) == round((window.novelty_share or 0) * window.n)
    assert {row.route for row in window.exemplars} <= {"billing", "base", "legal"}


def test_exemplars_are_novel_requests_with_their_neighbours(baseline: Baseline, tmp_path: Path) -> None:
    """Each names the nearest reference, its cosine and conformal p-value; large groups come first."""
    foreign = np.concatenate([requests(40, 5, domain=3, topics=[1.0, *[0.0] * 7]), requests(6, 6, domain=9)])
    made = np.concatenate([requests(150, 2), foreign])
    (window,) = checked(tmp_path / "lake", baseline, made, exemplars=6).windows
    assert len(window.exemplars) == 6
    for row in window.exemplars:
        vector = made[int(row.request)].astype(np.float64)
        cosines = baseline.index.astype(np.float64) @ vector
        assert row.neighbour == int(baseline.index_records[cosines.argmax()])
        assert row.cosine == pytest.approx(cosines.max(), abs=1e-6)
        assert row.p == pytest.approx(
            (1 + np.sum(baseline.scores <= np.float32(row.cosine))) / (len(baseline.scores) + 1)
        )
        assert row.text is None
    assert window.exemplars[0].group == 0
    sizes = [row.group_size for row in window.exemplars if row.group == 0]
    assert sizes[0] >= 20


def test_too_few_are_put_together_or_said(baseline: Baseline, tmp_path: Path) -> None:
    """Twenty a day: three days make a window; twelve in all make none."""
    found = checked(tmp_path / "lake", baseline, *(requests(20, seed) for seed in range(3)))
    assert [(window.pooled, window.n, window.status) for window in found.windows] == [(3, 60, "steady")]
    few = checked(tmp_path / "few", baseline, requests(12, 1))
    assert [(window.n, window.status, window.novelty_share) for window in few.windows] == [(12, "insufficient", None)]


def test_holm_is_over_all_that_is_checked_together(baseline: Baseline, tmp_path: Path) -> None:
    """Adjusted p-values are those of Holm over every test of every window."""
    found = checked(tmp_path / "lake", baseline, *(requests(120, seed) for seed in range(5)))
    plain = [getattr(row, f"{test}_p") for row in found.windows for test in ("novelty", "mix", "mmd")]
    told = [getattr(row, f"{test}_adjusted") for row in found.windows for test in ("novelty", "mix", "mmd")]
    order = np.argsort(plain)
    expected = np.minimum(np.maximum.accumulate(np.sort(plain) * np.arange(15, 0, -1)), 1.0)
    assert np.array(told)[order] == pytest.approx(expected)


def test_false_alarms_keep_their_level(tmp_path: Path) -> None:
    """Of a hundred windows without drift, each against a baseline of its own, at most about five alarm."""
    alarms = 0
    for trial in range(100):
        own = baseline_of(tmp_path, held=300, seed=10 * trial)
        found = checked(tmp_path / f"{trial}", own, requests(100, 10_000 + trial))
        alarms += found.windows[0].status != "steady"
    assert alarms <= 5 + 3 * np.sqrt(100 * 0.05 * 0.95)


def test_only_what_is_needed_is_read() -> None:
    """One window of a day reads five weeks back, for the answers; a bound of the user's stays."""
    wanted = Wanted(window=window_of("1d"))
    assert reach(wanted, START + 100 * DAY).since == START + 65 * DAY
    assert reach(Wanted(window=window_of("1d"), since=5), START).since == 5
    assert reach(Wanted(window=window_of("1d"), last=None), START).since is None
    assert reach(Wanted(window=window_of("200")), START).since is None


@pytest.mark.parametrize("last", [1, 2, 3])
def test_windows_that_are_put_together_reach_as_far_back_as_they_must(last: int) -> None:
    """Three requests a day make the floor of fifty in seventeen: what is read has the same windows as all there is."""
    times = START + np.arange(300) * DAY // 3
    wanted = Wanted(window=window_of("1d"), last=last)
    every = cut(rows_of(times), wanted)
    needed = reach(wanted, int(times[-1])).since
    assert needed is not None
    some = cut(rows_of(times[times >= needed]), wanted)
    assert [(row.start, row.end, row.counted.size, row.pooled) for row in some] == [
        (row.start, row.end, row.counted.size, row.pooled) for row in every
    ]
    assert len(every) == last
    assert all(row.pooled == 17 for row in every)


def test_without_other_baselines_all_is_the_bases(baseline: Baseline) -> None:
    """And of none there is no route."""
    assert routes_of(requests(3, 1, domain=4), []) == ["base"] * 3
    assert routes_of(requests(3, 1)[:0], [baseline]) == []


def test_groups_and_picks() -> None:
    """Two bundles of directions are two groups, the larger first; picks take turns between groups."""
    made = np.concatenate(
        [requests(5, 1, domain=9, topics=[1.0, *[0.0] * 7]), requests(12, 2, domain=3, topics=[1.0, *[0.0] * 7])]
    )
    groups = groups_of(made, 0.6, 8)
    assert groups.tolist() == [1] * 5 + [0] * 12
    cosines = np.linspace(0.1, 0.5, 17, dtype=np.float32)
    chosen = pick(groups, cosines, 4)
    assert groups[chosen].tolist() == [0, 1, 0, 1]
    assert chosen.tolist() == [5, 0, 6, 1]
    assert groups_of(made[:1], 0.6, 8).tolist() == [0]
    assert set(groups_of(made, 0.999, 3).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(("apart", "most"), [(0.6, 8), (0.2, 50), (0.9, 50), (0.95, 5), (-1.0, 3), (0.999, 0)])
def test_groups_are_those_of_scikit_learn(apart: float, most: int) -> None:
    """The same requests are together as by its agglomerative clustering, cut by distance, else by number."""
    cluster = pytest.importorskip("sklearn.cluster", reason="it is the reference")
    bundles = [requests(40, 5), requests(25, 6, domain=1)]
    strays = np.random.default_rng(7).normal(size=(30, bundles[0].shape[1]))
    made = np.concatenate([*bundles, strays / np.linalg.norm(strays, axis=1, keepdims=True)]).astype(np.float16)
    wide = made.astype(np.float64)
    distances = np.clip(1 - wide @ wide.T, 0, 2)
    options = {"metric": "precomputed", "linkage": "average"}
    clustering = cluster.AgglomerativeClustering
    expected = clustering(n_clusters=None, distance_threshold=1 - apart, **options).fit_predict(distances)
    if expected.max() >= max(most, 1):
        expected = clustering(n_clusters=max(most, 1), **options).fit_predict(distances)
    found = groups_of(made, apart, most)
    assert np.array_equal(found[:, None] == found[None, :], expected[:, None] == expected[None, :])
    sizes = np.bincount(found)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
