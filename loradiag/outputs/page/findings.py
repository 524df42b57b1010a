"""Findings with their evidence, the ignored ones apart, and the policy that judged."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.findings import Finding, Severity
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.arrange import SEVERITY_MARKS, active, gates, ignored, undecided
from loradiag.outputs.facts import short_number
from loradiag.outputs.notes import Card, asides, cards, named
from loradiag.outputs.page.markup import Markup, element, folded, join, names, rows, table

NAMES = 500
"""How long a list of names may get: past this, nobody reads it here and the page grows heavy."""


def findings(report: Report) -> Markup:
    """Cards of the active findings, worst first, then the ignored ones."""
    counted, aside, quiet = active(report), ignored(report), asides(report)
    notes = [finding for part in quiet for finding in part.notes]
    parts = [_card(report, card) for card in cards(report, [row for row in counted if row not in notes])]
    if not counted:
        parts.append(element("p", "No rule has anything to say.", class_="dim"))
    for part in quiet:
        told = (_card(report, card) for card in cards(report, part.notes, NAMES))
        parts.append(folded(part.words, *told, class_="aside"))
    if aside:
        parts.append(
            folded(f"{len(aside):,} ignored by the policy", *(_ignored(finding) for finding in aside), class_="aside")
        )
    return join(parts)


def _card(report: Report, card: Card) -> Markup:
    """One finding; those of one rule about single tasks or windows share a card."""
    finding = card.finding
    severity = finding.severity.value
    head = [
        element("span", SEVERITY_MARKS[finding.severity], class_="mark", aria_hidden="true"),
        element("b", severity, class_="severity"),
        element("code", finding.code),
        element("span", finding.rule, class_="rule-name"),
        element("span", f"{finding.confidence.value} confidence", class_="confidence"),
    ]
    if gates(report, finding):
        head.append(element("span", "fails the gate", class_="tag bad"))
    elif undecided(report, finding):
        head.append(element("span", "leaves the verdict open", class_="tag"))
    parts = [element("h4", *head), *_messages(card)]
    if finding.advice:
        parts.append(element("p", element("span", "→ ", aria_hidden="true"), finding.advice, class_="advice"))
    listing = _modules(finding) if named(report, finding) == "module" else Markup("")
    parts += [listing, element("p", "Source: ", finding.source, class_="source")]
    return element("article", *parts, class_=f"finding {severity}")


def _messages(card: Card) -> list[Markup]:
    if not card.messages:
        return [element("p", card.finding.message, class_="message"), _evidence(card.finding)]
    items = [element("li", message) for message in (card.finding.message, *card.messages)]
    if card.more:
        items.append(element("li", f"and {plural(card.more, card.noun)} more: in the table above"))
    return [element("ul", *items, class_="messages")]


def _evidence(finding: Finding) -> Markup:
    pairs = [("observed", finding.observed), ("threshold", finding.threshold)]
    shown = [
        element("span", f"{label} ", element("b", short_number(value))) for label, value in pairs if value is not None
    ]
    return element("p", *shown, class_="evidence") if shown else Markup("")


def _modules(finding: Finding) -> Markup:
    if not finding.modules:
        return Markup("")
    return folded(plural(len(finding.modules), "module"), names(finding.modules, NAMES, "modules"))


def _ignored(finding: Finding) -> Markup:
    head = [element("b", finding.severity.value), element("code", finding.code), element("span", finding.rule)]
    return element(
        "article",
        element("h4", *head),
        element("p", finding.message, class_="message"),
        element("p", "Ignored because: ", finding.reason or "no reason given", class_="advice"),
        _modules(finding),
        class_="finding ignored",
    )


def policy(used: Policy) -> Markup:
    """What judged: levels, thresholds, changed severities, ignores."""
    said = [
        f"Source: {used.source}. The gate fails on: {used.fail_on}. An inconclusive verdict counts as: {used.inconclusive}. ",
        f"Rules that ran: {', '.join(used.select)}.",
    ]
    parts = [element("p", *said)]
    if used.severity:
        changed = ", ".join(f"{code} is {Severity(severity).value}" for code, severity in used.severity.items())
        parts.append(element("p", f"Severities changed: {changed}."))
    if used.ignore:
        parts.append(_ignores(used))
    if used.unused:
        parts.append(element("p", "Ignores without effect:"))
        parts.append(element("ul", *(element("li", line) for line in used.unused)))
    lines = [
        [
            element("th", element("code", code), scope="row"),
            element("td", name),
            element("td", short_number(value), class_="n"),
        ]
        for code, values in used.thresholds.items()
        for name, value in values.items()
    ]
    if lines:
        heads = ("rule", "threshold", "#value")
        parts.append(
            folded(plural(len(lines), "threshold"), table(heads, rows(lines), caption="Thresholds", class_="rows"))
        )
    return join(parts)


def _ignores(used: Policy) -> Markup:
    lines: list[Sequence[Markup]] = [
        [
            element("th", element("code", entry.code), scope="row"),
            element("td", ", ".join(entry.modules) or "all modules"),
            element("td", entry.reason),
            element("td", entry.expires.isoformat() if entry.expires else "never", class_="nowrap"),
        ]
        for entry in used.ignore
    ]
    return table(("ignored rule", "modules", "reason", "expires"), rows(lines), caption="Ignores", class_="rows prose")
