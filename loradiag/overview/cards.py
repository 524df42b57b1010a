"""Cards: what an overview needs of a report, so that it is read once and not kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from loradiag.core.findings import Finding, Severity
from loradiag.core.fleet import FleetAdapter
from loradiag.core.kinds import INSPECTION, kind_of
from loradiag.core.report import Report, decode, spans
from loradiag.core.served import ServedModel
from loradiag.core.text import name_of
from loradiag.outputs.arrange import active, deciding, gates, overview_of, undecided
from loradiag.outputs.canary import in_short as canary_words
from loradiag.outputs.deploying import deploys
from loradiag.outputs.forgetting import in_short as forgot_words
from loradiag.outputs.questions import asked, flat, gating
from loradiag.outputs.scores import relative
from loradiag.outputs.served import in_short as served_words
from loradiag.outputs.served import status as served_status
from loradiag.outputs.traffic import in_short as traffic_words
from loradiag.outputs.watch import in_short as watch_words
from loradiag.overview.facts import CanaryFacts, DriftFacts, canary_facts, drift_facts, newest, served_measures

FLEET_ROW = "fleet-row"
"""The kind of what a report about a fleet says of one of its adapters."""

SERVED_ROW = "served"
"""The kind of what a report about an endpoint says of one of the adapters behind it."""

_MOST_CODES = 12

_Fields = dict[str, Any]
"""Some of the fields of :class:`Card`."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One report, or what a report about a fleet or an endpoint says of one adapter.

    Attributes:
        file: Where the report lies, below the folder of reports.
        place: Which of the reports in the file.
        start: Where in the file that report begins, in bytes, and ``end`` what follows it.
        row: Of a report about a fleet or an endpoint, the adapter's place in it; -1 of others.
        kind: What the report is called by what was measured, :data:`FLEET_ROW`, or :data:`SERVED_ROW`.
        created: When it was made, in UTC.
        path: What the report is about, as it says itself; untrusted.
        name: The last part of that; untrusted.
        ranks: Ranks of the modules, with how many have each.
        verdict: ``pass``, ``fail``, ``inconclusive``; ``unreadable`` of an adapter that could not be read.
        decided: The rules that decided the verdict, safe to show.
        codes: Of active errors and warnings, the gravest first.
        rules: Names of the same.
        headline: The message of the gravest finding; untrusted.
        words: What the report comes to, in a word or two, safe to show.
        loss: Of forgetting, the largest relative loss, as a share of the base's score.
        step: Of a checkpoint of a run.
        drift: Of a drift check, how it stands now.
        canary: Of a canary, what it came to.
        measures: Of an inspection, medians over modules by the names of :data:`loradiag.outputs.arrange.OVERVIEW`; of
            intruders the mean. Of an adapter behind an endpoint ``changed``, the share of its answers under others' load
            that were others than alone, ``taken``, that of those that were another's, and ``switch``, by how much a
            switch to it makes the first token wait.
    """

    file: str
    place: int = 0
    start: int = 0
    end: int = 0
    row: int = -1
    kind: str
    created: str
    tool: str = ""
    path: str
    name: str
    sha256: str | None = None
    base: str | None = None
    base_fingerprint: str | None = None
    method: str | None = None
    layout: str | None = None
    ranks: dict[str, int] = {}
    modules: int = 0
    parameters: int = 0
    bytes: int = 0
    step: int | None = None
    verdict: str
    decided: str = ""
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    codes: list[str] = []
    rules: list[str] = []
    headline: str = ""
    words: str = ""
    loss: float | None = None
    drift: DriftFacts | None = None
    canary: CanaryFacts | None = None
    measures: dict[str, float] = {}

    @property
    def key(self) -> str:
        """Names this card among all of the folder."""
        return f"{self.file}#{self.place}" + (f".{self.row}" if self.row >= 0 else "")


def cards_of(data: bytes, file: str) -> Iterator[Card]:
    """Yield a card for each report of a file, and one for each adapter of a fleet or behind an endpoint.

    One report at a time is in memory.

    Args:
        data: What the file holds.
        file: Its name below the folder of reports.

    Raises:
        InputError: It holds no reports, or such that this version cannot read.
    """
    for place, (start, end) in enumerate(spans(data)):
        for report in decode(data[start:end], file):
            where = {"file": file, "place": place, "start": start, "end": end}
            origin: _Fields = {**where, "created": report.created, "tool": report.tool.version}
            yield _card(report, origin)
            fleet = report.measurements.fleet
            if fleet is not None:
                for row, adapter in enumerate(fleet.adapters):
                    yield _of_fleet(adapter, {**origin, "row": row})
            served = report.measurements.served
            if served is not None:
                about = _by_name(report)
                for row, model in enumerate(served.adapters):
                    yield _of_served(report, model, about.get(model.name, []), {**origin, "row": row})


def _said(found: Sequence[Finding]) -> _Fields:
    """How many findings there are of each severity, and which, the gravest first."""
    counts = Counter(finding.severity for finding in found)
    grave = {finding.code: finding.rule for finding in found if finding.severity is not Severity.INFO}
    return {
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "notes": counts[Severity.INFO],
        "codes": [*grave][:_MOST_CODES],
        "rules": [*grave.values()][:_MOST_CODES],
        "headline": found[0].message if grave else "",
    }


def _card(report: Report, origin: _Fields) -> Card:
    subject = report.subject
    found = sorted(active(report), key=lambda finding: -finding.severity.weight)
    integrity = report.measurements.integrity
    lost = integrity is not None and integrity.unreadable is not None
    return Card(
        **origin,
        **_said(found),
        kind=kind_of(report.measurements),
        path=subject.path,
        name=name_of(subject.path),
        sha256=subject.sha256,
        base=subject.base,
        base_fingerprint=subject.base_fingerprint,
        method=subject.method,
        layout=subject.layout,
        ranks=subject.ranks,
        modules=subject.modules,
        parameters=subject.parameters,
        bytes=subject.bytes,
        step=subject.step,
        verdict="unreadable" if lost else report.verdict.status.value,
        decided=deciding(report),
        words=_words(report),
        loss=_loss(report),
        drift=drift_facts(report.measurements.drift),
        canary=canary_facts(report.measurements.canary),
        measures=_measures(report),
    )


def _of_fleet(adapter: FleetAdapter, origin: _Fields) -> Card:
    return Card(
        **origin,
        kind=FLEET_ROW,
        path=adapter.path,
        name=name_of(adapter.path),
        sha256=adapter.sha256,
        base=adapter.base,
        base_fingerprint=adapter.base_fingerprint,
        method=adapter.method,
        layout=adapter.layout,
        ranks={} if adapter.rank is None else {str(adapter.rank): adapter.modules},
        modules=adapter.modules,
        parameters=adapter.parameters,
        bytes=adapter.bytes,
        step=adapter.step,
        verdict=adapter.verdict,
        errors=adapter.errors,
        warnings=adapter.warnings,
        codes=adapter.codes[:_MOST_CODES],
        headline=adapter.problem or "",
        words="outside the fleet's bands" if adapter.outlying else "",
        measures={} if adapter.stable_rank is None else {"stable_rank": adapter.stable_rank},
    )


def _by_name(report: Report) -> dict[str, list[Finding]]:
    """The active findings of each adapter behind an endpoint, the gravest first."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in sorted(active(report), key=lambda finding: -finding.severity.weight):
        for name in finding.modules:
            found[name].append(finding)
    return found


def _of_served(report: Report, model: ServedModel, found: Sequence[Finding], origin: _Fields) -> Card:
    """What an endpoint's report says of one adapter, with the findings that name it, the gravest first."""
    tone, words = served_status(model)
    failed = any(gates(report, finding) for finding in found)
    opened = tone == "inconclusive" or any(undecided(report, finding) for finding in found)
    return Card(
        **origin,
        **_said(found),
        kind=SERVED_ROW,
        path=model.name,
        name=name_of(model.name),
        verdict="fail" if failed else "inconclusive" if opened else "pass",
        words=words,
        measures=served_measures(model),
    )


def _words(report: Report) -> str:
    """What a report comes to, in the words of the overviews of other outputs; of a drift check, how it stands now."""
    drift = report.measurements.drift
    if drift is not None:
        last = newest(drift)
        now = msgspec.structs.replace(drift, windows=[] if last is None else [last])
        measured = msgspec.structs.replace(report.measurements, drift=now)
        report = msgspec.structs.replace(report, measurements=measured)
    for say in (deploys, forgot_words, traffic_words, watch_words, canary_words, served_words):
        said = say([report])
        if said:
            return said[0]
    return ""


def _measures(report: Report) -> dict[str, float]:
    if kind_of(report.measurements) != INSPECTION:
        return {}
    return {name: value for name, (value,) in overview_of([report]).items() if value is not None}


def _loss(report: Report) -> float | None:
    found = report.measurements.forgetting
    if found is None:
        return None
    changes = [relative(score, score.difference) for score in gating(found, flat(asked(found)))]
    known = [change for change in changes if change is not None]
    return max(0.0, -min(known)) if known else None
