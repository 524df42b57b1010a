"""What an adapter made its base forget, task by task. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

ScoreStatus = Literal["safe", "forgot", "inconclusive", "unjudged"]
ScoreRole = Literal["task", "group", "text", "domain"]
IntervalKind = Literal["score", "student", "bootstrap-t", "bootstrap", "mover", "identical"]
TestKind = Literal["mcnemar", "sign flips", "normal"]


class Example(Measure, kw_only=True, frozen=True):
    """A document on which base and adapter differ: its number in the task, both values, and what was asked and answered.

    ``prompt`` and the answers are shortened; they are None where there is none, or where the user wants none in the
    report.
    """

    document: int
    base: float
    adapter: float
    prompt: str | None = None
    target: str | None = None
    base_answer: str | None = None
    adapter_answer: str | None = None


class Score(Measure, kw_only=True, frozen=True):
    """One metric of one task, or of a group of tasks: the base and the adapter on the same documents.

    ``role``: a ``task`` of lm-evaluation-harness, a ``group`` of them (its ``parts``), the perplexity of the user's
    ``text``, or that of text from the adapter's own ``domain``, which says what it learned. ``route``: None for the
    adapter beside its base, as it was trained; else the route of :mod:`loradiag.core.merge` that is served. ``asked``:
    whether the user named it, so that it is judged; ``primary``: whether it is the metric that a task is judged by.

    ``base`` and ``adapter`` are the scores; ``difference`` is adapter less base in the metric's own unit, which is a
    gain or a loss by ``higher_is_better``. ``ci_low`` and ``ci_high`` bound it with 95% confidence; ``bound_low`` and
    ``bound_high`` are its one-sided 95% bounds (the ends of a 90% interval), by which it is judged. ``interval`` says
    how: ``score`` (0/1 metrics, Tango 1998), ``student``, ``bootstrap-t``, ``bootstrap`` (metrics of all documents
    together), ``mover`` (groups), ``identical``. ``identical``: the answers were the same to the last bit.
    ``clusters``: of documents that share ``cluster_field``. ``p_value`` is of no difference at all, by ``test``
    (``mcnemar``, ``sign flips``, ``normal``), ``p_adjusted`` by Holm over the run. ``minimum_detectable``: the loss
    that so many documents would show with 80% power. ``lost`` and ``won`` count documents: of 0/1 metrics those that
    flipped, of others those that fell and rose; for both, up is better. ``chance``: the score of one who guesses, where
    answers were given to choose from.

    ``unmerged`` and the fields after it are of routes: the score of the adapter beside its base, and route less
    adapter. ``margin`` to ``status`` are what the policy makes of it: the loss that is borne, in the metric's unit, and
    how many documents would decide where these did not. ``reason`` says why something is missing.
    """

    task: str
    metric: str
    filter: str = "none"
    role: ScoreRole = "task"
    route: str | None = None
    parts: list[str] = []
    asked: bool = True
    primary: bool = True
    higher_is_better: bool = True
    n: int = 0
    clusters: int | None = None
    cluster_field: str | None = None
    base: float | None = None
    adapter: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    bound_low: float | None = None
    bound_high: float | None = None
    interval: IntervalKind | None = None
    identical: bool = False
    binary: bool = False
    p_value: float | None = None
    p_adjusted: float | None = None
    test: TestKind | None = None
    minimum_detectable: float | None = None
    chance: float | None = None
    lost: int | None = None
    won: int | None = None
    lost_examples: list[Example] = []
    won_examples: list[Example] = []
    unmerged: float | None = None
    unmerged_difference: float | None = None
    unmerged_low: float | None = None
    unmerged_high: float | None = None
    margin: float | None = None
    needed: int | None = None
    status: ScoreStatus = "unjudged"
    reason: str | None = None


class CandidateTask(Measure, kw_only=True, frozen=True):
    """One task of one candidate of a sweep, on the documents that it was not chosen by.

    ``chosen_by`` is the difference on the other half, by which the choice was made; ``margin`` the share of the base's
    score that it may lose.
    """

    task: str
    metric: str
    higher_is_better: bool
    chosen_by: float | None
    margin: float | None = None
    base: float | None
    candidate: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None


class Candidate(Measure, kw_only=True, frozen=True):
    """A weaker adapter: ``kind`` ``scale`` (base + λ·Δ), ``rank`` (truncated) or ``intruders`` (intruder dimensions reduced).

    ``loss_*`` is the largest fall of a task in shares of the base's score, ``domain_*`` the perplexity of the domain's
    text: on the half of the documents by which the choice was made (``choose``), and on the other (``report``), with a
    95% interval for the difference in ln perplexity from the whole adapter. ``kept`` is the share of the gain in ln
    perplexity on the domain that it keeps.
    """

    name: str
    kind: Literal["base", "adapter", "scale", "rank", "intruders"]
    value: float | None = None
    loss_choose: float | None = None
    loss_report: float | None = None
    domain_choose: float | None = None
    domain_report: float | None = None
    kept_choose: float | None = None
    kept_report: float | None = None
    kept_low: float | None = None
    kept_high: float | None = None
    tasks: list[CandidateTask] = []
    reason: str | None = None


class Sweep(Measure, kw_only=True, frozen=True):
    """Weaker forms of the adapter between the base and itself, and the one to take.

    ``chosen``: the candidate that keeps most of the domain among those that lose no more than ``margin`` (a share of
    the base's score) of any task, on the half of the documents for choosing. None if none does. ``written``: where it
    was saved.
    """

    domain: str
    margin: float
    documents_choose: int
    documents_report: int
    candidates: list[Candidate]
    chosen: str | None = None
    written: str | None = None


class Recitation(Measure, kw_only=True, frozen=True):
    """A training document that the adapter continues verbatim: its number in the file, tokens that match, and the text."""

    document: int
    tokens: int
    text: str


class Memorisation(Measure, kw_only=True, frozen=True):
    """Whether the adapter recites its training data: beside text of the same kind that it has not seen, and beside its base.

    Generations: after the first ``prompt_tokens`` tokens of ``prompted`` training documents, and of
    ``control_prompted`` held-out ones, the model wrote on. ``recited`` counts those training documents of which
    ``span`` or more tokens in a row were written somewhere, outside the prompt and not by the base too
    (``base_recited`` by the base alone); ``control_recited`` the held-out ones; ``others_recited`` and
    ``control_others_recited`` those that came out without having been prompted, of ``others`` and ``control_others``.
    ``false_positives`` is the rate that the control allows at most (95%, Clopper and Pearson), ``p_value`` an exact
    one-sided test, over both, that training documents are recited no more often. Likelihoods: ``flagged`` training
    documents lie further below what the base lets expect, in nats per token, than all but ``flag_rate`` of the
    held-out ones; ``flag_p`` is of so many or more by chance. ``nll_*`` are nats per token of all documents.
    ``shared`` documents are in both files and were left out of both.
    """

    training: str
    control: str
    span: int
    prompt_tokens: int
    documents: int
    control_documents: int
    prompted: int
    recited: int
    control_prompted: int
    control_recited: int
    base_recited: int
    others: int = 0
    others_recited: int = 0
    control_others: int = 0
    control_others_recited: int = 0
    shared: int = 0
    false_positives: float | None = None
    p_value: float | None = None
    flagged: int = 0
    flag_rate: float | None = None
    flag_p: float | None = None
    nll_base: float | None = None
    nll_adapter: float | None = None
    control_nll_base: float | None = None
    control_nll_adapter: float | None = None
    examples: list[Recitation] = []


class Forgetting(Measure, kw_only=True, frozen=True):
    """Forgetting: base and adapter over the same tasks, by lm-evaluation-harness.

    ``harness`` and ``backend`` are what asked and what ran. ``adapter_by``: how the adapter ran (``peft``: unmerged, by
    PEFT; ``fold``: added exactly, where PEFT does not read the layout; ``vllm``). ``base_by``: ``shared`` (one load for
    both), ``apart`` (a second load, since taking the adapter off did not give the base back) or ``remembered`` (all of
    its results were in the cache). ``remembered`` counts the tasks whose base results were known. ``trained_on``: the
    precision that base weights were given. ``unfinished`` names the tasks that an interrupted run did not reach.
    """

    tasks: list[Score]
    groups: list[Score] = []
    unfinished: list[str] = []
    harness: str
    backend: str = "transformers"
    device: str = "cpu"
    compute: str
    trained_on: str
    shots: int | None = None
    limit: int | None = None
    chat: bool = False
    batch: int = 16
    routes: list[str] = []
    adapter_by: str = "peft"
    base_by: str = "shared"
    remembered: int = 0
    tokenizer_differs: str | None = None
    sweep: Sweep | None = None
    memorisation: Memorisation | None = None
