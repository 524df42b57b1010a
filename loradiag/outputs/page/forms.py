"""Weaker forms of an adapter, in a drawing and a table; and what it knows by heart."""

from __future__ import annotations

from loradiag.core.forgetting import Candidate, Sweep
from loradiag.core.report import Report
from loradiag.core.text import shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.flips import cut
from loradiag.outputs.page.markup import Markup, element, folded, join, rows, table
from loradiag.outputs.page.summary import terms
from loradiag.outputs.page.tradeoff import curve
from loradiag.outputs.sweep import (
    EXAMPLES,
    explained,
    form,
    kept_interval,
    kept_words,
    loss_words,
    recited,
    sources,
    worst_task,
)


def weaker_forms(report: Report) -> Markup:
    """The section. Empty without a sweep."""
    found = report.measurements.forgetting
    made = found.sweep if found is not None else None
    if made is None:
        return Markup("")
    return join([terms(explained(made)), curve(made), _table(made) if made.candidates else Markup("")])


def _table(made: Sweep) -> Markup:
    heads = (
        "form",
        "#perplexity",
        "#kept",
        "#95% interval",
        "#largest loss",
        "task",
        "#kept, choosing",
        "#loss, choosing",
    )
    body = rows(_line(made, row) for row in made.candidates)
    return table(heads, body, caption="Weaker forms", class_="rows prose sweep")


def _line(made: Sweep, row: Candidate) -> list[Markup]:
    best = row.name == made.chosen
    tag = element("b", "to take", class_="tag good") if best else ""
    head = element("th", element("b", form(row)) if best else form(row), tag, scope="row")
    if row.reason is not None:
        return [head, element("td", f"not made: {shorten(row.reason, 300)}", colspan=7, class_="dim")]
    return [
        head,
        element("td", short_number(row.domain_report), class_="n", data_v=row.domain_report),
        element("td", kept_words(row.kept_report), class_="n", data_v=row.kept_report),
        element("td", kept_interval(row), class_="n"),
        element("td", loss_words(row.loss_report), class_="n", data_v=row.loss_report),
        element("td", worst_task(row)),
        element("td", kept_words(row.kept_choose), class_="n"),
        element("td", loss_words(row.loss_choose), class_="n"),
    ]


def memorisation(report: Report) -> Markup:
    """Whether it recites its training data, in sentences. Empty where that was not asked."""
    found = report.measurements.forgetting
    memory = found.memorisation if found is not None else None
    if memory is None:
        return Markup("")
    parts = [element("p", line) for line in recited(memory)]
    parts.append(terms(sources(memory)))
    if memory.examples:
        lines = [
            [
                element("td", f"{row.document:,}", class_="n"),
                element("td", f"{row.tokens:,}", class_="n"),
                element("td", cut(row.text)),
            ]
            for row in memory.examples[:EXAMPLES]
        ]
        listing = table(("#document", "#tokens", "text"), rows(lines), caption="Recited", class_="rows prose")
        parts.append(folded("Some of what it recites", listing))
    return join(parts)
