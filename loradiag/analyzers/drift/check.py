"""The traffic of adapters beside their baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import numpy as np

from loradiag.analyzers.drift.cutting import Cut, cut
from loradiag.analyzers.drift.engines import Engine, LocalEngine
from loradiag.analyzers.drift.mapping import map_of
from loradiag.analyzers.drift.predictions import compare_answers
from loradiag.analyzers.drift.wanted import DAY, Wanted
from loradiag.analyzers.drift.windows import Surroundings, judged, measure
from loradiag.baselines.reading import Baseline
from loradiag.core.drift import BaselineFacts, Drift, DriftWindow, RequestMap
from loradiag.core.text import printable
from loradiag.statistics.checks import Indexes
from loradiag.statistics.holm import holm
from loradiag.traffic.reading import Lake

Progress = Callable[[int, int], None]

_TESTS = ("novelty", "mix", "mmd")


def check(
    lake: Lake,
    adapter: str,
    baseline: Baseline,
    others: Sequence[Baseline],
    wanted: Wanted,
    progress: Progress,
    expired: Sequence[str] = (),
    engine: Engine | None = None,
) -> Drift:
    """Measure the traffic of one adapter. p-values are not yet adjusted: see :func:`adjusted`.

    Args:
        lake: Where its requests are.
        adapter: Its name there.
        baseline: What its traffic should look like.
        others: Baselines of other adapters; those of another encoder are left out.
        wanted: What is to be checked.
        progress: Told the requests that were scored, and their number.
        expired: What has changed since the baseline was made (:func:`loradiag.baselines.reading.expired`).
        engine: Where requests are scored; in this process if None.

    Raises:
        InputError: The lake cannot be read.
    """
    encoder = baseline.manifest.encoder.sha256
    comparable = [other for other in others if other.manifest.encoder.sha256 == encoder and other.name != baseline.name]
    rows = lake.rows(adapter, encoder, since=wanted.since, until=wanted.until)
    cuts = cut(rows, wanted)
    scores = (engine or LocalEngine()).score(lake, rows, _scored(cuts, wanted), baseline, progress)
    windows, newest = _measured(Surroundings(adapter, lake, rows, scores, baseline, comparable, wanted), cuts)
    return Drift(
        adapter=adapter,
        lake=lake.name,
        window=wanted.window.word,
        floor=wanted.floor,
        tolerance=wanted.tolerance,
        baseline=facts(baseline, expired),
        windows=windows,
        predictions=compare_answers(rows, partial(lake.measure, rows), wanted),
        attribution=lake.attribution(adapter, encoder, wanted.since, wanted.until),
        flawed_files=list(lake.flawed),
        others=[other.name for other in comparable],
        map=newest,
    )


def adjusted(found: Sequence[Drift]) -> list[Drift]:
    """Give every window its p-values after Holm, over all tests of all windows of all adapters that were checked together."""
    windows = [window for drift in found for window in drift.windows]
    values = iter(holm([getattr(window, f"{test}_p") for window in windows for test in _TESTS]))

    def told(window: DriftWindow) -> DriftWindow:
        return msgspec.structs.replace(window, **{f"{test}_adjusted": next(values) for test in _TESTS})

    return [msgspec.structs.replace(drift, windows=[told(window) for window in drift.windows]) for drift in found]


def facts(baseline: Baseline, expired: Sequence[str]) -> BaselineFacts:
    """What a report says of a baseline."""
    told = baseline.manifest
    return BaselineFacts(
        path=printable(str(baseline.path)),
        adapter=told.adapter.name,
        adapter_sha256=told.adapter.sha256 or None,
        created=told.created,
        age_days=round(baseline.age_days, 2),
        data_sha256=told.data.sha256,
        references=told.calibrated.references,
        calibration=told.calibrated.calibration,
        clusters=told.calibrated.topics,
        encoder=printable(told.encoder.name),
        encoder_sha256=told.encoder.sha256,
        dimension=told.encoder.dimension,
        threshold=told.calibrated.threshold,
        novel_rate=told.calibrated.novel_rate,
        mean_nn_cosine=told.calibrated.mean_nn_cosine,
        expired=list(expired),
    )


def _scored(cuts: Sequence[Cut], wanted: Wanted) -> Indexes:
    """Positions of the requests that count in windows with enough of them, rising."""
    counted = [window.counted for window in cuts if judged(window, wanted)]
    return np.sort(np.concatenate(counted)) if counted else np.zeros(0, dtype=np.int64)


def _measured(around: Surroundings, cuts: Sequence[Cut]) -> tuple[list[DriftWindow], RequestMap | None]:
    """Every window, and the map of the newest that has enough requests."""
    measured = [measure(around, window) for window in cuts]
    newest = max((index for index, window in enumerate(cuts) if judged(window, around.wanted)), default=None)
    if newest is None or not around.wanted.points:
        return [window for window, _ in measured], None
    return [window for window, _ in measured], map_of(around, cuts[newest], measured[newest][1])


def reach(wanted: Wanted, newest: int | None) -> Wanted:
    """The same, with the time before which nothing is needed: for the answers, and for windows that are all put together.

    Where there are windows without any request between them, those that are asked for may lie further back: of these only
    what is later counts.
    """
    if wanted.since is not None or wanted.last is None or newest is None or wanted.window.kind != "time":
        return wanted
    newest = newest if wanted.until is None else min(newest, wanted.until)
    days = (wanted.recent_days + wanted.reference_days) * DAY
    windows = wanted.last * wanted.pool * wanted.window.size
    return msgspec.structs.replace(wanted, since=max(0, newest - max(days, windows)))
