"""The bench's results as Markdown, and as one sentence a rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from benchmarks.tables import markdown
from benchmarks.validity.cases import Outcome
from benchmarks.validity.confusion import Row, false_alarms, interval
from benchmarks.validity.curves import Area
from benchmarks.validity.measures import MEASURES


def rules_table(rows: Sequence[Row], names: dict[str, str]) -> str:
    """The confusion table of every rule."""
    head = ("rule", "should: fired", "95% interval", "should not: fired", "95% interval", "missed at", "wrong at")
    return markdown(head, (_cells(row, names) for row in rows))


def _cells(row: Row, names: dict[str, str]) -> list[str]:
    return [
        f"{row.name} {names[row.code]}",
        f"{row.hits} of {row.should}",
        _interval(row.hits, row.should),
        f"{row.alarms} of {row.should_not}" if row.should_not else "–",
        _interval(row.alarms, row.should_not) if row.should_not else "–",
        _where(row.missed),
        _where(row.wrong),
    ]


def _interval(count: int, total: int) -> str:
    low, high = interval(count, total)
    # Rounded outwards: an interval should never read as narrower than it is.
    return f"{math.floor(1000 * low) / 10:g}–{math.ceil(1000 * high) / 10:g}%"


def _where(counts: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.most_common(3) if count) or "–"


def sentence(row: Row, date: str) -> str:
    """What a rule's documentation says of its error rates."""
    how = {"": ""}.get(row.name.removeprefix(row.code), row.name.removeprefix(row.code).strip().capitalize() + ": ")
    text = f"{how}fires on {row.hits} of {row.should} cases that it is for (95% {_interval(row.hits, row.should)})"
    if row.should_not:
        text += f", on {row.alarms} of {row.should_not} that it is not for ({_interval(row.alarms, row.should_not)})"
    missed, wrong = _where(row.missed), _where(row.wrong)
    text += f"; misses: {missed}" if missed != "–" else ""
    text += f"; false alarms: {wrong}" if wrong != "–" else ""
    return f"{text[0].upper()}{text[1:]} (benchmarks/validity, {date})."


def alarms_table(outcomes: Sequence[Outcome]) -> str:
    """False alarms per healthy adapter."""
    found = false_alarms(outcomes)
    rows = []
    for group, alarms in found.items():
        adapters = [one for one in outcomes if one.sound and one.group == group]
        errors = {name for name, _, severity in alarms if severity == "error"}
        warnings = {name for name, _, severity in alarms if severity == "warning"}
        failed = len(errors)
        rows.append(
            [
                group,
                str(len(adapters)),
                f"{failed} ({_interval(failed, len(adapters))})",
                f"{len(warnings)} ({_interval(len(warnings), len(adapters))})",
                ", ".join(f"{code} {count}" for code, count in Counter(code for _, code, _ in alarms).most_common())
                or "–",
            ]
        )
    return markdown(("sound adapters of", "adapters", "with an error", "with a warning", "findings"), rows)


def areas_table(areas: Sequence[Area]) -> str:
    """Areas under the curves, a column a question."""
    questions = list(dict.fromkeys(area.question for area in areas))
    counts = {area.question: (area.positives, area.others) for area in areas}
    head = ["measure", *(f"{name} ({counts[name][0]} against {counts[name][1]})" for name in questions)]
    by = {(area.measure, area.question): area for area in areas}
    rows = [
        [title, *(_area(by[key, question]) for question in questions)]
        for key, title in MEASURES.items()
        if (key, questions[0]) in by
    ]
    return markdown(head, rows)


def _area(area: Area) -> str:
    return f"{area.area:.2f} ({area.low:.2f}–{area.high:.2f})"


def correlations_table(rows: Sequence[tuple[str, str, int, float, float, float]]) -> str:
    """Spearman's rank correlations, a column a family."""
    families = list(dict.fromkeys((row[0], row[2]) for row in rows))
    by = {(row[1], row[0]): row for row in rows}
    head = ["measure", *(f"{family} (n = {n})" for family, n in families)]
    body = [
        [title, *("{3:+.2f} ({4:+.2f} – {5:+.2f})".format(*by[key, family]) for family, _ in families)]
        for key, title in MEASURES.items()
    ]
    return markdown(head, body)


def wild_table(outcomes: Sequence[Outcome], reasons: dict[tuple[str, str], str]) -> str:
    """Every finding on a public adapter with its reason; what has one reason stands in one row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for one in (each for each in outcomes if each.group == "wild"):
        name = one.name.removeprefix("wild/").partition("@")[0]
        for found in one.fired:
            reason = reasons.get((found.code, name)) or reasons.get((found.code, "")) or "**no reason given**"
            adapters = rows.setdefault((found.code, found.severity, reason), [])
            adapters += [] if name in adapters else [name]
    lines = [
        f"| {code} | {severity} | {', '.join(names)} | {reason} |"
        for (code, severity, reason), names in sorted(rows.items())
    ]
    return "\n".join(["| rule | severity | adapters | why it is right, or not |", "|---|---|---|---|", *lines])
