"""What the traffic of an adapter looks like beside its baseline. Part of the wire format, as :mod:`loradiag.core.measurements`.

Times are in UTC, as ``2026-11-02T00:00:00Z``. Shares are between 0 and 1. A request counts once however often its text was
sent, and a conversation once however long it was: ``n`` is what is left of ``requests`` then.
"""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

WindowStatus = Literal["steady", "novel", "shifted", "novel+shifted", "insufficient", "unjudged"]
"""``novel``: requests unlike any of the baseline; ``shifted``: known topics in other shares; ``insufficient``: too few."""

PredictionStatus = Literal["steady", "moved", "undecided", "unjudged"]

BASE_ROUTE = "base"
"""The route of requests that no baseline takes for its own: the base model, without an adapter."""


class BaselineFacts(Measure, kw_only=True, frozen=True):
    """The baseline that traffic was held against.

    ``threshold``: the cosine below which a request is called novel: of held-out references a share of ``novel_rate`` lies
    below it. ``expired`` says what has changed since it was made, in words: of the adapter, the encoder or the data.
    """

    path: str
    adapter: str
    adapter_sha256: str | None
    created: str
    age_days: float
    data_sha256: str
    references: int
    calibration: int
    clusters: int
    encoder: str
    encoder_sha256: str
    dimension: int
    threshold: float
    novel_rate: float
    mean_nn_cosine: float
    expired: list[str] = []


class TopicShare(Measure, kw_only=True, frozen=True):
    """A cluster of the baseline: its share of held-out references and of the window's requests that are not novel.

    ``residual``: the signed square root of its part of χ², positive where there is more of it than expected. ``example``:
    the record of the training data nearest to its centre, by number, and ``text`` if the baseline keeps texts.
    """

    topic: int
    expected: float
    observed: float
    residual: float
    example: int
    text: str | None = None


class Exemplar(Measure, kw_only=True, frozen=True):
    """A novel request: how near the nearest reference is, and which one, by its record in the training data.

    ``p``: its conformal p-value, the share of held-out references that are as far or farther. ``group``: novel requests of
    one number are like each other; ``group_size`` counts them. Texts are None unless lake or baseline keep them and the user
    wants them in the report.
    """

    request: str
    time: str | None
    cosine: float
    p: float
    topic: int
    neighbour: int
    group: int
    group_size: int
    route: str | None = None
    text: str | None = None
    neighbour_text: str | None = None


class RouteShare(Measure, kw_only=True, frozen=True):
    """Where the novel requests of a window belong: the baseline that takes them for its own, or the ``base``."""

    route: str
    count: int
    share: float


class DriftWindow(Measure, kw_only=True, frozen=True):
    """One window of one adapter's requests.

    ``requests``: logged; ``n``: that count (see above) and have an embedding. ``pooled``: neighbouring windows that were put
    together to reach the floor, 1 for none.

    ``novelty_share``: of n, below the baseline's threshold; ``novelty_low`` and ``novelty_high``: its 95% interval;
    ``novelty_p``: exact one-sided p-value against the held-out references. ``mix_n``: requests that are not novel;
    ``mix_effect``: Cohen's w of their topics beside the references', corrected for what chance alone gives; ``mix_p``: χ²
    of a change beyond the tolerance; ``mmd_effect`` and ``mmd_p``: squared maximum mean discrepancy, unbiased, of the same
    requests, and whether it exceeds what the tolerance allows, by permutation. ``*_adjusted``: after Holm over all tests of
    all windows, and of all adapters, that were checked together.

    ``mean_nn_cosine`` is shown beside the conventional 0.7 and decides nothing. ``e_value``: of the watching process, where
    there is one. ``routes``: where novel requests belong; ``recommended_route``: of a window that is novel, the one of more
    than half of them.
    """

    adapter: str
    start: str | None
    end: str | None
    requests: int
    n: int
    pooled: int = 1
    novelty_share: float | None = None
    novelty_low: float | None = None
    novelty_high: float | None = None
    novelty_p: float | None = None
    novelty_adjusted: float | None = None
    mix_n: int = 0
    mix_effect: float | None = None
    mix_p: float | None = None
    mix_adjusted: float | None = None
    mmd_effect: float | None = None
    mmd_p: float | None = None
    mmd_adjusted: float | None = None
    mean_nn_cosine: float | None = None
    e_value: float | None = None
    topics: list[TopicShare] = []
    exemplars: list[Exemplar] = []
    routes: list[RouteShare] = []
    recommended_route: str | None = None
    status: WindowStatus = "unjudged"


class MapPoint(Measure, kw_only=True, frozen=True, omit_defaults=True):
    """A request, or a reference, on the map. What does not apply, or is not known, is left out of the JSON.

    Of requests: ``cosine`` to the nearest reference, ``novel``, ``request`` and ``time``; of novel ones ``group``, as of
    :class:`Exemplar`. Of references: ``record``, the number of it in the training data. ``text``: its beginning and end, as
    for :class:`Exemplar`.
    """

    x: float
    y: float
    topic: int
    cosine: float | None = None
    novel: bool = False
    group: int | None = None
    request: str | None = None
    time: str | None = None
    record: int | None = None
    text: str | None = None


class MapTopic(Measure, kw_only=True, frozen=True):
    """Where the centre of a cluster of the baseline, a unit vector, falls on the map."""

    topic: int
    x: float
    y: float


class RequestMap(Measure, kw_only=True, frozen=True):
    """A window's requests and the baseline's references on one plane, for the eye: no test and no rule looks at it.

    ``method``: how the plane was found, and of what; ``explained``: the share of the variance of these that it holds. What
    is apart on the plane is at least as far apart; what is together may be apart in the dimensions that are not shown.

    ``references`` and ``requests`` are draws of ``reference_total`` and ``request_total``. Of the ``novel_total`` novel
    requests as many are drawn as is their share, but at least 200, or all.
    """

    start: str | None
    end: str | None
    method: str
    explained: float
    references: list[MapPoint]
    requests: list[MapPoint]
    topics: list[MapTopic]
    reference_total: int
    request_total: int
    novel_total: int


class PredictionShift(Measure, kw_only=True, frozen=True):
    """One measure of what the model answered: recent requests beside earlier ones of the same adapter.

    ``metric``: ``perplexity`` (of generated tokens), ``prompt_perplexity``, ``entropy`` (of the top ``top`` tokens that were
    logged, so truncated), ``response_length``, ``prompt_length`` (tokens, or characters: ``unit``), ``repetition``,
    ``refusal_like``, ``truncated``. ``reference`` and ``current``: means of days, each day counted once (of perplexities
    the exponential of mean nats a token); ``change``: current / reference − 1 for perplexities and lengths, else the
    difference; ``ci_low`` and ``ci_high``: its 95% interval, clustered by day; ``p`` of no change, by the same t-test, and
    ``p_adjusted`` after Holm over the metrics. All four are None where either side has fewer than three days.

    ``ks`` and ``ks_p``: Kolmogorov–Smirnov over requests, which takes requests of a day as independent; ``ks_adjusted``:
    after Holm over the metrics; ``effect``: Cliff's δ, from −1 to 1, positive where recent values are larger.
    """

    metric: str
    unit: str
    reference: float | None
    current: float | None
    n_reference: int
    n: int
    days_reference: int
    days: int
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    ks: float | None = None
    ks_p: float | None = None
    ks_adjusted: float | None = None
    effect: float | None = None
    top: int | None = None
    reference_start: str | None = None
    start: str | None = None
    end: str | None = None
    status: PredictionStatus = "unjudged"


class Attribution(Measure, kw_only=True, frozen=True):
    """How much of the traffic can be judged: requests logged for the adapter on the days that were read, and what they have.

    ``unattributed``: requests of the whole lake that name no adapter. ``other_encoder``: embedded by another encoder than the
    baseline's. ``undated``: without a time, so in no window but ``all``.
    """

    requests: int
    embedded: int
    other_encoder: int
    undated: int
    logprobs: int
    prompt_logprobs: int
    responses: int
    unattributed: int
    lake_requests: int


class FlawedFile(Measure, kw_only=True, frozen=True):
    """A file of the lake that was left out: torn, or not loradiag's."""

    file: str
    problem: str


class Drift(Measure, kw_only=True, frozen=True):
    """The traffic of one adapter beside its baseline.

    ``window``: as asked: ``1d``, ``200``, ``all``. ``floor``: requests that a window needs. ``tolerance``: the change in the
    mix of topics, as Cohen's w, that is no drift. ``others``: the other baselines that novel requests were held against, by
    their adapters. ``map``: of the newest window that has enough requests.
    """

    adapter: str
    lake: str
    window: str
    floor: int
    tolerance: float
    baseline: BaselineFacts
    windows: list[DriftWindow]
    predictions: list[PredictionShift] = []
    attribution: Attribution
    flawed_files: list[FlawedFile] = []
    others: list[str] = []
    map: RequestMap | None = None
