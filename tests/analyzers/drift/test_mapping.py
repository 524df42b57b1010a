"""The map of a window's requests, against a weighted PCA by numpy over the same draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from loradiag.analyzers.drift import mapping
from loradiag.analyzers.drift.check import check
from loradiag.analyzers.drift.wanted import Wanted, window_of
from loradiag.baselines.reading import Baseline, open_baseline
from loradiag.core.drift import Drift, MapPoint, RequestMap
from loradiag.traffic.reading import Lake
from loradiag.traffic.vectors import write_vectors
from tests.analyzers.drift.making import DAY, ENCODER, START, baseline_of, requests
from tests.watching.making import write, write_baseline


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """Of domain 0."""
    return baseline_of(tmp_path_factory.mktemp("baseline"))


def checked(lake: Path, baseline: Baseline, *vectors: Any, **wanted: Any) -> Drift:
    """Days of requests, measured."""
    for day, made in enumerate(vectors):
        write_vectors(lake, "support", made, ENCODER, START + day * DAY)
    options = Wanted(**{"window": window_of("1d"), "last": None, **wanted})
    return check(Lake(lake), "support", baseline, (), options, lambda *_: None)


def mapped(*args: Any, **options: Any) -> RequestMap:
    """The map of such days."""
    found = checked(*args, **options).map
    assert found is not None
    return found


def places(points: list[MapPoint]) -> Any:
    """Their coordinates [n, 2]."""
    return np.array([(point.x, point.y) for point in points])


def numbers(points: list[MapPoint]) -> list[int]:
    """Which requests were drawn: the lake has them by their numbers."""
    return [int(point.request or "") for point in points]


def test_is_the_weighted_pca_of_all(baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing needs to be drawn, coordinates, centres and share are those of numpy's SVD."""
    monkeypatch.setattr(mapping, "_FITTED", 5000)
    made = np.concatenate([requests(150, 2), requests(60, 5, domain=3)])
    found = mapped(tmp_path / "lake", baseline, made, points=5000)
    first, second = baseline.index.astype(np.float64), made.astype(np.float64)
    middle = (first.mean(axis=0) + second.mean(axis=0)) / 2
    rows = np.concatenate([(first - middle) / np.sqrt(len(first)), (second - middle) / np.sqrt(len(second))])
    _, sigma, right = np.linalg.svd(rows, full_matrices=False)
    assert found.explained == pytest.approx((sigma[:2] ** 2).sum() / (sigma**2).sum(), rel=1e-9)
    axes = right[:2] * np.sign(right[[0, 1], np.abs(right[:2]).argmax(axis=1)])[:, None]
    order = numbers(found.requests)
    assert sorted(order) == list(range(210))
    assert places(found.requests) == pytest.approx((second[order] - middle) @ axes.T, abs=6e-5)
    records = np.array([point.record for point in found.references])
    assert records.tolist() == list(range(1, 2001))
    assert places(found.references) == pytest.approx((first - middle) @ axes.T, abs=6e-5)
    centres = (baseline.centres.astype(np.float64) - middle) @ axes.T
    assert [topic.topic for topic in found.topics] == list(range(len(baseline.centres)))
    assert places(found.topics) == pytest.approx(centres, abs=6e-5)  # type: ignore[arg-type]
    assert "of all 2,000 references and all 210 requests, each group weighted to count the same" in found.method
    assert (found.reference_total, found.request_total) == (2000, 210)
    assert (found.start, found.end) == ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


def test_points_say_what_scoring_found(baseline: Baseline, tmp_path: Path) -> None:
    """Cosine, topic, and whether it is novel, by plain products; groups are those of exemplars."""
    made = np.concatenate([requests(150, 2), requests(40, 5, domain=3), requests(9, 6, domain=9)])
    drift = checked(tmp_path / "lake", baseline, made)
    found = drift.map
    assert found is not None
    for point in found.requests:
        vector = made[int(point.request or "")].astype(np.float64)
        cosine = float((baseline.index.astype(np.float64) @ vector).max())
        assert point.cosine == pytest.approx(cosine, abs=6e-5)
        assert point.novel == (cosine < baseline.manifest.calibrated.threshold)
        assert point.topic == int((baseline.centres.astype(np.float64) @ vector).argmax())
        assert (point.group is not None) == point.novel
        assert point.time is not None
        assert (point.record, point.text) == (None, None)
    groups = {point.request: point.group for point in found.requests}
    assert drift.windows[0].exemplars
    for exemplar in drift.windows[0].exemplars:
        assert groups[exemplar.request] == exemplar.group
    vectors = baseline.index.astype(np.float64)
    for point in found.references[:50]:
        row = int(np.flatnonzero(baseline.index_records == point.record)[0])
        assert point.topic == int((baseline.centres.astype(np.float64) @ vectors[row]).argmax())
        assert (point.cosine, point.novel, point.group, point.request, point.time) == (None, False, None, None, None)


def test_what_is_foreign_lies_apart(baseline: Baseline, tmp_path: Path) -> None:
    """A sixth of the requests is of another domain: on the plane its nearest reference is far, for nearly all of them."""
    made = np.concatenate([requests(250, 2), requests(50, 5, domain=3)])
    found = mapped(tmp_path / "lake", baseline, made)
    references = places(found.references)

    def nearest(points: list[MapPoint]) -> Any:
        return np.linalg.norm(places(points)[:, None] - references[None], axis=2).min(axis=1)

    novel = nearest([point for point in found.requests if point.novel])
    known = nearest([point for point in found.requests if not point.novel])
    assert np.median(novel) > 3 * np.median(known)


def test_few_novel_requests_are_all_kept(baseline: Baseline, tmp_path: Path) -> None:
    """Of 1,500 requests 600 are drawn, but every novel one; the totals say of how many."""
    made = np.concatenate([requests(1460, 2), requests(40, 5, domain=3)])
    found = mapped(tmp_path / "lake", baseline, made)
    strange = set(range(1460, 1500))
    drawn = {int(point.request or "") for point in found.requests if point.novel}
    assert strange <= drawn
    assert len(drawn) == found.novel_total < 200
    assert (len(found.requests), len(set(numbers(found.requests)))) == (600, 600)
    assert (len(found.references), found.reference_total, found.request_total) == (600, 2000, 1500)
    assert "1,000 of 2,000 references drawn at random and 1,000 of 1,500 requests drawn at random" in found.method


@pytest.mark.parametrize(("foreign", "least"), [(300, 200), (900, 300)])
def test_many_novel_requests_are_drawn_as_is_their_share(
    foreign: int, least: int, baseline: Baseline, tmp_path: Path
) -> None:
    """At least two hundred; each has its group."""
    made = np.concatenate([requests(1800 - foreign, 2), requests(foreign, 5, domain=3)])
    found = mapped(tmp_path / "lake", baseline, made)
    novel = [point for point in found.requests if point.novel]
    assert len(novel) == max(200, round(600 * found.novel_total / 1800))
    assert len(novel) >= least
    assert len(found.requests) == 600
    assert all(point.group is not None for point in novel)


def test_is_the_same_again_and_another_with_another_seed(baseline: Baseline, tmp_path: Path) -> None:
    """Byte for byte, from a lake that is read again."""
    made = np.concatenate([requests(1200, 2), requests(100, 5, domain=3)])
    one = mapped(tmp_path / "lake", baseline, made)
    again, other = mapped(tmp_path / "lake", baseline), mapped(tmp_path / "lake", baseline, seed=1)
    assert msgspec.json.encode(one) == msgspec.json.encode(again)
    assert set(numbers(one.requests)) != set(numbers(other.requests))
    assert one.explained == pytest.approx(other.explained, abs=0.03)


def test_is_of_the_newest_window_with_enough(baseline: Baseline, tmp_path: Path) -> None:
    """A day of twelve after one of eighty: they are put together where they may be, else the day before is drawn."""
    days = requests(80, 1), requests(12, 2)
    drawn = mapped(tmp_path / "lake", baseline, *days, pool=1)
    assert (drawn.start, drawn.request_total) == ("2026-11-01T00:00:00Z", 80)
    assert checked(tmp_path / "few", baseline, requests(12, 1)).map is None
    assert checked(tmp_path / "lake", baseline, points=0).map is None
    assert checked(tmp_path / "lake", baseline, window=window_of("1"), floor=1).map is None


def test_vectors_that_are_all_one_have_no_map(baseline: Baseline, tmp_path: Path) -> None:
    """Requests and references at one point: there is no plane."""
    same = np.repeat(baseline.index[:1], 60, axis=0)
    alike = msgspec.structs.replace(baseline, index=np.repeat(baseline.index[:1], 2000, axis=0))
    assert checked(tmp_path / "lake", alike, same).map is None


def test_coordinates_are_short_and_none_is_minus_nought(baseline: Baseline, tmp_path: Path) -> None:
    """Four decimals, also as JSON, where points leave out what does not apply."""
    found = mapped(tmp_path / "lake", baseline, requests(300, 2))
    every = [*found.references, *found.requests, *found.topics]
    for value in [value for point in every for value in (point.x, point.y)]:
        assert round(value, 4) == value
        assert str(value) != "-0.0"
    assert set(msgspec.to_builtins(found.references[0])) == {"x", "y", "topic", "record"}
    back = msgspec.json.decode(msgspec.json.encode(found), type=RequestMap)
    assert back == found
    assert len(msgspec.json.encode(found)) < 120_000


def test_texts_only_where_they_are_wanted(tmp_path: Path) -> None:
    """And then in a few hundred characters; a baseline that keeps none has none to show."""
    folder = write_baseline(tmp_path / "baseline")
    texts = [f"request {number}: {'words ' * 100}" for number in range(60)]
    write(tmp_path / "lake", 60, seed=1, prompt=texts)
    without = mapped(tmp_path / "lake", open_baseline(folder))
    assert {point.text for point in [*without.requests, *without.references]} == {None}
    shown = mapped(tmp_path / "lake", open_baseline(folder), show_text=True)
    assert {point.text for point in shown.references} == {None}
    told = {point.request: point.text or "" for point in shown.requests}
    assert told["support-1-0-7"].startswith("request 7: words")
    assert max(len(text) for text in told.values()) <= 280
