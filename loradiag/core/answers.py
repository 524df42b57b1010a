"""What the registry answers, as values: for the command line, for programs, and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Missing = Literal["owner", "data", "evaluation"]


class Listed(msgspec.Struct, kw_only=True, frozen=True):
    """An adapter in a line.

    ``verdicts`` are those of the newest report of each kind, ``verdict`` that of the newest inspection, made at
    ``inspected``; ``codes`` its errors and warnings. ``owner`` and ``data_sha256`` are what people said, else the stamp.
    ``path`` is where it was seen last.
    """

    sha256: str
    name: str
    label: str | None
    stage: str | None
    owner: str | None
    base: str | None
    revision: str | None
    base_fingerprint: str | None
    method: str | None
    rank: str | None
    modules: int | None
    parameters: int | None
    bytes: int | None
    data_sha256: str | None
    tags: list[str]
    verdict: str | None
    verdicts: dict[str, str]
    codes: list[str]
    decided_by: list[str]
    inspected: str | None
    reports: int
    evaluations: int
    evaluated: str | None
    path: str | None
    paths: int
    first_seen: str
    last_seen: str
    notes: str | None

    @property
    def missing(self) -> list[Missing]:
        """What nobody said of it."""
        said: dict[Missing, object] = {"owner": self.owner, "data": self.data_sha256, "evaluation": self.evaluations}
        return [word for word, value in said.items() if not value]

    @property
    def failing(self) -> list[str]:
        """The kinds of report of which the newest failed."""
        return [kind for kind, verdict in self.verdicts.items() if verdict == "fail"]


class SightingRow(msgspec.Struct, kw_only=True, frozen=True):
    """Where it was seen."""

    path: str
    first_seen: str
    last_seen: str


class ReportRow(msgspec.Struct, kw_only=True, frozen=True):
    """A stored report: ``number`` finds it. Made first at ``created``; the same came out last at ``confirmed``."""

    number: int
    kind: str
    created: str
    confirmed: str
    schema_version: str
    tool_version: str
    verdict: str
    decided_by: list[str]
    codes: list[str]
    size: int


class EvaluationRow(msgspec.Struct, kw_only=True, frozen=True):
    """A result. Fields are as those of :class:`loradiag.registry.models.Evaluation`."""

    task: str
    metric: str
    filter: str
    route: str
    setup: str
    role: str
    primary: bool
    higher_is_better: bool | None
    n: int | None
    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    base_value: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    source: str
    who: str | None
    at: str


class EventRow(msgspec.Struct, kw_only=True, frozen=True):
    """Something that happened to it."""

    at: str
    who: str
    what: str
    before: str | None
    after: str | None
    why: str | None


class Detail(msgspec.Struct, kw_only=True, frozen=True):
    """All of an adapter, but for the reports themselves. ``stamp`` is what the stamp says, where there was one."""

    adapter: Listed
    stamp: dict[str, object] | None
    sightings: list[SightingRow]
    reports: list[ReportRow]
    evaluations: list[EvaluationRow]
    history: list[EventRow]


class Ranked(msgspec.Struct, kw_only=True, frozen=True):
    """A place in a ranking. ``tied``: its interval and that of the first overlap, so the results do not tell them apart."""

    place: int
    sha256: str
    name: str
    stage: str | None
    owner: str | None
    base: str | None
    result: EvaluationRow
    tied: bool


class Best(msgspec.Struct, kw_only=True, frozen=True):
    """Who did best on a task, of results that can be compared: the same metric, asked in the same way.

    ``higher_is_better`` is as the results say it, or ``assumed``. ``others`` are results that cannot be compared with these,
    described, with the number of adapters. ``sizes`` are the numbers of documents.
    """

    task: str
    metric: str
    filter: str
    route: str
    setup: str
    higher_is_better: bool
    assumed: bool
    since: str | None
    until: str | None
    sizes: list[int]
    rows: list[Ranked]
    others: dict[str, int]


def described(terms: tuple[str, str, str, str]) -> str:
    """Metric, filter, route and setup in words."""
    metric, filter_, route, setup = terms
    return " · ".join(part for part in (metric or "unnamed metric", filter_, route and f"as {route}", setup) if part)


def over_time(rows: Sequence[EvaluationRow]) -> list[tuple[str, str, list[EvaluationRow]]]:
    """Task, terms, and its results in their order, of everything that can be compared; what judges comes first."""
    found: dict[tuple[str, str], list[EvaluationRow]] = {}
    for row in rows:
        found.setdefault((row.task, described((row.metric, row.filter, row.route, row.setup))), []).append(row)
    return [
        (task, terms, mine) for (task, terms), mine in sorted(found.items(), key=lambda part: not part[1][-1].primary)
    ]
