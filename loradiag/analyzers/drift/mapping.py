"""A window's requests and the baseline's references on one plane, for the eye."""

from __future__ import annotations

import msgspec
import numpy as np

from loradiag.analyzers.drift.cutting import Cut
from loradiag.analyzers.drift.scoring import vectors_of
from loradiag.analyzers.drift.windows import Kinds, Surroundings, is_novel, stamp
from loradiag.baselines.topics import assign
from loradiag.core.drift import MapPoint, MapTopic, RequestMap
from loradiag.core.text import shorten
from loradiag.statistics.checks import Floats, Indexes
from loradiag.statistics.plane import Plane, plane_of

_FITTED = 1000
"""Requests, and references, that the plane is found of: more of them move it by less than can be seen."""

_KEPT = 200
"""Novel requests that are drawn even where their share is small."""

_DIGITS = 4
_TEXT = 280


class _Draw(msgspec.Struct, frozen=True):
    """What was drawn: rows of the index and positions of requests, to find the plane of and to show on it; all rising."""

    fitted_references: Indexes
    fitted_requests: Indexes
    references: Indexes
    requests: Indexes


def map_of(around: Surroundings, window: Cut, kinds: Kinds) -> RequestMap | None:
    """Draw the map of a window.

    Args:
        around: The lake, the baseline, and what is wanted.
        window: One with enough requests, which were scored.
        kinds: Its novel requests in their groups.

    Returns:
        None where there is no plane: of one request, or of vectors that are all the same.
    """
    if window.counted.size < 2:
        return None
    novel = window.counted[is_novel(around, window.counted)]
    draw = _drawn(around, window.counted, novel, kinds.positions)
    wanted = np.union1d(draw.fitted_requests, draw.requests)
    vectors = vectors_of(around.lake, around.rows, wanted)
    index = around.baseline.index
    plane = plane_of(index[draw.fitted_references], vectors[np.searchsorted(wanted, draw.fitted_requests)])
    if plane is None:
        return None
    placed = plane.at(vectors[np.searchsorted(wanted, draw.requests)])
    return RequestMap(
        start=stamp(window.start),
        end=stamp(window.end),
        method=_method(draw, len(index), window.counted.size),
        explained=plane.explained,
        references=_references(around, draw.references, plane),
        requests=_requests(around, draw.requests, placed, kinds),
        topics=[
            MapTopic(topic=topic, x=x, y=y) for topic, (x, y) in enumerate(_told(plane.at(around.baseline.centres)))
        ],
        reference_total=len(index),
        request_total=window.counted.size,
        novel_total=novel.size,
    )


def _drawn(around: Surroundings, counted: Indexes, novel: Indexes, grouped: Indexes) -> _Draw:
    """The draws; those that the plane is found of know nothing of novelty, so that it is the plane of all requests."""
    generator, points = np.random.default_rng(around.wanted.seed), around.wanted.points
    references = generator.permutation(len(around.baseline.index))
    requests = generator.permutation(counted)
    strange = generator.permutation(grouped)[: max(round(points * novel.size / counted.size), _KEPT)][:points]
    known = requests[~is_novel(around, requests)][: points - strange.size]
    return _Draw(
        np.sort(references[:_FITTED]),
        np.sort(requests[:_FITTED]),
        np.sort(references[:points]),
        np.sort(np.concatenate([strange, known])),
    )


def _method(draw: _Draw, references: int, requests: int) -> str:
    def of(count: int, total: int, noun: str) -> str:
        return f"all {total:,} {noun}" if count == total else f"{count:,} of {total:,} {noun} drawn at random"

    return (
        f"the first two principal components of {of(draw.fitted_references.size, references, 'references')} and "
        f"{of(draw.fitted_requests.size, requests, 'requests')}, each group weighted to count the same, about the mean of "
        "both groups' means, in float64"
    )


def _references(around: Surroundings, rows: Indexes, plane: Plane) -> list[MapPoint]:
    baseline = around.baseline
    vectors = baseline.index[rows]
    texts = baseline.texts(rows) if around.wanted.show_text else [None] * rows.size
    topics = assign(vectors, baseline.centres)
    return [
        MapPoint(x=x, y=y, topic=int(topic), record=int(baseline.index_records[row]), text=_short(text))
        for (x, y), topic, row, text in zip(_told(plane.at(vectors)), topics, rows, texts, strict=True)
    ]


def _requests(around: Surroundings, positions: Indexes, placed: Floats, kinds: Kinds) -> list[MapPoint]:
    scores, novel = around.scores, is_novel(around, positions)
    groups = dict(zip(kinds.positions.tolist(), kinds.groups.tolist(), strict=True))
    details = around.lake.details(around.rows, positions)
    return [
        MapPoint(
            x=x,
            y=y,
            topic=int(scores.topic[position]),
            cosine=round(float(scores.cosine[position]), _DIGITS),
            novel=bool(novel[index]),
            group=groups.get(position),
            request=details[index].request_id,
            time=stamp(int(around.rows.time[position])),
            text=_short(details[index].prompt) if around.wanted.show_text else None,
        )
        for index, ((x, y), position) in enumerate(zip(_told(placed), positions.tolist(), strict=True))
    ]


def _told(placed: Floats) -> list[tuple[float, float]]:
    """Coordinates as a report has them; a nought is added so that none is −0."""
    return [(x, y) for x, y in (np.round(placed, _DIGITS) + 0.0).tolist()]


def _short(text: str | None) -> str | None:
    return None if text is None else shorten(text, _TEXT)
