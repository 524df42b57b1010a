"""Markdown in GitHub's flavour, for a pull request or a model card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.core.updates import ModuleSpectrum
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import (
    DEPLOY_MARKS,
    DEPLOY_WORDS,
    OVERVIEW,
    SEVERITY_MARKS,
    STATUS_MARKS,
    active,
    deciding,
    gates,
    has_modules,
    ignored,
    is_series,
    labels,
    overview_of,
    tally,
    unreadable,
    vectors_first,
    worst_first,
)
from loradiag.outputs.beside import Beside, beside, listings, only_beside, shape, statements, title
from loradiag.outputs.facts import facts, short_number
from loradiag.outputs.inshort import in_words
from loradiag.outputs.mdcanary import canary
from loradiag.outputs.mdcomparing import comparing
from loradiag.outputs.mdfleet import fleet
from loradiag.outputs.mdforgetting import forgetting
from loradiag.outputs.mdlearning import learning
from loradiag.outputs.mdroutes import notes, routes
from loradiag.outputs.mdserved import served
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.mdtraffic import traffic
from loradiag.outputs.mdwatch import watch
from loradiag.outputs.notes import Card, asides, cards, named
from loradiag.outputs.style import Style

WORST, ALL = 5, 100
"""Modules in the table: at first sight, and with ``--verbose``."""

NAMES = 40
"""Names in one list: a comment on GitHub holds 65,536 characters."""


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the document. Several reports are an overview, with each report folded below it."""
    if len(reports) == 1:
        blocks = [f"## {_headline(reports[0])}", *_report(reports[0], style)]
    else:
        blocks = [*_overview(reports)]
        for report, label in zip(reports, labels(reports), strict=True):
            status = report.verdict.status
            summary = f"{STATUS_MARKS[status]} {status.value.upper()} {prose(label)} ({tally(report)})"
            blocks.append(folded(summary, _report(report, style)))
    return "\n\n".join(blocks) + "\n"


def _headline(report: Report) -> str:
    status = report.verdict.status
    return f"{STATUS_MARKS[status]} loradiag: {status.value.upper()}"


def _report(report: Report, style: Style) -> list[str]:
    decided = f"decided by **{prose(deciding(report))}**" if report.verdict.decided_by else ""
    said = "; ".join(part for part in (decided, prose(tally(report))) if part)
    blocks = [f"{code(shorten(report.subject.path, 300))}: {said}"]
    reason = unreadable(report)
    if reason:
        pairs = [("file", code(reason.file)), ("problem", prose(reason.detail)), ("what to do", prose(reason.remedy))]
        blocks.append(table(("", ""), [pair for pair in pairs if pair[1]]))
    else:
        blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in facts(report)]))
    blocks += [
        *routes(report, style),
        *forgetting(report, style),
        *traffic(report, style),
        *watch(report),
        *canary(report),
        *served(report),
        *comparing(report, style),
        *fleet(report, style),
        *learning(report, style),
        *_findings(report),
        *_beside(report, style),
        *_deployability(report),
        *_modules(report, style),
        *_accounting(report),
    ]
    return blocks


def _findings(report: Report) -> list[str]:
    counted, aside = active(report), ignored(report)
    if not counted and not aside:
        return ["No findings."]
    blocks = ["### Findings"]
    quiet = asides(report)
    apart = [finding for part in quiet for finding in part.notes]
    told = cards(report, [finding for finding in counted if finding not in apart])
    if told:
        blocks.append(table(("severity", "rule", "what", "confidence"), [_told(report, card) for card in told]))
        blocks.append(folded("Evidence and advice", [_detail(report, card) for card in told]))
    blocks += notes(quiet)
    if aside:
        rows = [(f"**{prose(f.code)}** {prose(f.rule)}", prose(f.message), prose(f.reason or "")) for f in aside]
        content = [table(("rule", "what", "ignored because"), rows)]
        blocks.append(folded(f"{len(aside):,} ignored by the policy", content))
    return blocks


def _told(report: Report, card: Card) -> Sequence[str]:
    """A row of the table of findings; those of one rule about single tasks or windows share it."""
    finding = card.finding
    messages = [prose(message) for message in (finding.message, *card.messages)]
    messages += [f"and {plural(card.more, card.noun)} more: in the table above"] if card.more else []
    return (
        f"{SEVERITY_MARKS[finding.severity]} {finding.severity.value}" + (" (gate)" if gates(report, finding) else ""),
        f"**{prose(finding.code)}** {prose(finding.rule)}",
        "<br>".join(messages),
        finding.confidence.value,
    )


def _detail(report: Report, card: Card) -> str:
    finding = card.finding
    alone = not card.messages
    head = f"**{prose(finding.code)} {prose(finding.rule)}**"
    lines = [f"{head}: {prose(finding.message)}" if alone else f"{head}: {plural(card.count, card.noun)}"]
    pairs = (("observed", finding.observed), ("threshold", finding.threshold))
    numbers = ", ".join(f"{label} {short_number(value)}" for label, value in pairs if value is not None)
    if numbers and alone:
        lines.append(f"- Evidence: {numbers}")
    if finding.advice:
        lines.append(f"- Advice: {prose(finding.advice)}")
    if finding.modules and alone:
        lines.append(f"- {plural(len(finding.modules), named(report, finding))}: {_names(finding.modules)}")
    lines.append(f"- Source: {prose(finding.source)}")
    return "\n".join([lines[0], "", *lines[1:]])


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(code(shorten(name, 160)) for name in names[:NAMES])
    return shown if len(names) <= NAMES else f"{shown} and {len(names) - NAMES:,} more"


def _deployability(report: Report) -> list[str]:
    answer = report.measurements.deployability
    if answer is None or not answer.targets:
        return []
    lines = [
        (
            f"{prose(row.target)} {prose(row.version)}",
            f"{DEPLOY_MARKS.get(row.status, '?')} {prose(DEPLOY_WORDS.get(row.status, row.status))}",
            prose("; ".join(row.reasons)),
        )
        for row in answer.targets
    ]
    return ["### Where it can go", table(("tool", "takes it", "why"), lines)]


def _modules(report: Report, style: Style) -> list[str]:
    most = ALL if style.verbose else WORST
    ranked = worst_first(report)
    if not ranked:
        return _vectors(report, most)
    near = beside(report)
    figures = [*_SPECTRUM[:2], *_SPECTRUM[4:6]] if near else _SPECTRUM
    lines = [
        [
            code(shorten(row.name, 160)),
            *(say(row) for _, say in figures),
            *(_beside_cells(near.get(row.name)) if near else ()),
        ]
        for row in ranked[:most]
    ]
    heads = ("module", *(head for head, _ in figures), *(_BESIDE if near else ()))
    return _part("Modules to look at first", heads, lines, len(ranked))


_SPECTRUM: Sequence[tuple[str, Callable[[ModuleSpectrum], str]]] = (
    ("#rank", lambda row: str(row.rank)),
    ("#scale", lambda row: short_number(row.scale)),
    ("#effective 1%", lambda row: short_number(row.effective_rank)),
    ("#entropy", lambda row: short_number(row.entropy_rank)),
    ("#stable", lambda row: short_number(row.stable_rank)),
    ("#99% in", lambda row: short_number(row.energy_rank_99)),
    ("#‖ΔW‖", lambda row: short_number(row.frobenius_norm)),
    ("#σ₁", lambda row: short_number(row.spectral_norm)),
)
_BESIDE = ("#‖ΔW‖/‖W‖", "#σ₁/σ₁(W)", "#lost", "#intruders")


def _beside_cells(near: Beside | None) -> list[str]:
    if near is None:
        return ["–"] * len(_BESIDE)
    sizes = (near.relative.relative_frobenius, near.relative.relative_spectral)
    return [*map(short_number, sizes), near.lost, near.count]


def _beside(report: Report, style: Style) -> list[str]:
    """What was found beside the base, and the modules of which the base alone gives a size."""
    said = statements(report)
    if not said:
        return []
    blocks = [f"### {title(report)}", table(("", ""), [(prose(label), prose(text)) for label, text in said])]
    if style.verbose:
        blocks += [folded(f"{prose(label)} ({len(names):,})", [_names(names)]) for label, names in listings(report)]
    rows = only_beside(report)
    if rows:
        most = ALL if style.verbose else WORST
        lines = [[code(shorten(row.relative.name, 160)), *_beside_cells(row)] for row in rows[:most]]
        blocks += _part("Whole layers beside the base's", ("module", *_BESIDE), lines, len(rows))
    return blocks


def _vectors(report: Report, most: int) -> list[str]:
    ranked = vectors_first(report)
    if not ranked:
        return []
    near = beside(report)
    heads = ("module", "shape", "#mean", "#least", "#largest", "#rms from neutral", *(_BESIDE if near else ()))
    lines = [
        (
            code(shorten(row.name, 160)),
            shape(row.shape),
            *map(short_number, (row.mean, row.minimum, row.maximum, row.deviation)),
            *(_beside_cells(near.get(row.name)) if near else ()),
        )
        for row in ranked[:most]
    ]
    return _part("Vectors farthest from doing nothing", heads, lines, len(ranked))


def _part(summary: str, heads: Iterable[str], lines: Sequence[Iterable[str]], total: int) -> list[str]:
    content = [table(heads, lines)]
    if len(lines) < total:
        content.append(f"Showing the {len(lines):,} worst of {total:,}.")
    return [folded(summary, content)]


def _accounting(report: Report) -> list[str]:
    account = report.accounting
    if not account.total:
        return []
    lost = {
        "unsupported": [f"{part.tensor}: {part.reason}" for part in account.unsupported],
        "unexpected": list(account.unexpected),
        "in broken modules": list(account.broken),
    }
    said = f"{account.analysed:,} of {plural(account.total, 'tensor')} analysed" + "".join(
        f", {len(names):,} {word}" for word, names in lost.items() if names
    )
    return [f"{said}.", *(folded(f"{len(names):,} {word}", [_names(names)]) for word, names in lost.items() if names)]


def _overview(reports: Sequence[Report]) -> list[str]:
    failed = sum(report.verdict.status is Status.FAIL for report in reports)
    open_ = sum(report.verdict.status is Status.INCONCLUSIVE for report in reports)
    noun = "checkpoint" if is_series(reports) else "adapter"
    heading = f"## loradiag: {plural(len(reports), noun)}, {failed:,} failed, {open_:,} inconclusive"
    lines, columns = [], overview_of(reports)
    words, counted = in_words(reports), has_modules(reports)
    for index, (report, label) in enumerate(zip(reports, labels(reports), strict=True)):
        status = report.verdict.status
        lines.append(
            (
                code(shorten(label, 160)),
                f"{STATUS_MARKS[status]} {status.value}",
                tally(report),
                prose(deciding(report)),
                *(prose(said[index]) for _, said in words),
                *([f"{report.subject.modules:,}"] if counted else []),
                *(short_number(values[index]) for values in columns.values()),
            )
        )
    modules = ["#modules"] if counted else []
    titles = (*(title for title, _ in words), *modules, *(f"#{OVERVIEW[name]}" for name in columns))
    heads = ("", "verdict", "findings", "decided by", *titles)
    return [heading, table(heads, lines)]
