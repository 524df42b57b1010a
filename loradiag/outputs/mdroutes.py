"""Merge drift in Markdown: the advice first, then the table of routes and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.text import shorten
from loradiag.outputs.deploying import advice
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.merging import CHANGES, changes, since, statements
from loradiag.outputs.notes import Aside
from loradiag.outputs.routefigures import figures, gain_words
from loradiag.outputs.routes import ASKED, MARKS, WORDS, called, codes, left_out, measured, unfolded
from loradiag.outputs.style import Style

MODULES, NOTES = 100, 60
"""Modules with ``--verbose``, and notes on single routes: a comment on GitHub holds 65,536 characters."""


def routes(report: Report, style: Style) -> list[str]:
    """The blocks; none where routes were not measured."""
    merge = report.measurements.merge
    if merge is None:
        return []
    blocks = ["### Merge drift", advised(advice(report))]
    if measured(merge):
        blocks.append(_table(report, merge, style))
    blocks += _below(merge)
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(merge)]))
    blocks += [*_since(merge), *_meanings(merge, style)]
    if style.verbose:
        blocks += [*_survival(merge), *_unfolded(merge)]
    return blocks


def _table(report: Report, merge: Merge, style: Style) -> str:
    shown = figures(merge, every=style.verbose)
    lines = [
        (_name(row, merge), *(figure.say(row) for figure in shown), _status(row), _codes(report, row))
        for row in measured(merge)
    ]
    return table(("route", *(f"#{figure.title}" for figure in shown), "status", "findings"), lines)


def _name(row: Route, merge: Merge) -> str:
    mark = f"{ASKED} " if row.gated else ""
    name = code(called(row.route))
    return mark + (f"**{name}**" if row.route == merge.recommended else name)


def _status(row: Route) -> str:
    return f"{MARKS.get(row.status, '?')} {WORDS.get(row.status, '?')}"


def _codes(report: Report, row: Route) -> str:
    """Codes in bold decided the status."""
    found = codes(report, row)
    return ", ".join([*(f"**{prose(name)}**" for name in found.decided), *map(prose, found.noted)])


def _below(merge: Merge) -> list[str]:
    lines = [f"{ASKED} asked for: must keep the adapter."] if any(row.gated for row in measured(merge)) else []
    lines += [f"Not applicable: {', '.join(map(code, names))} ({prose(reason)})." for reason, names in left_out(merge)]
    return lines


def _meanings(merge: Merge, style: Style) -> list[str]:
    """What the columns say, folded away."""
    if not measured(merge):
        return []
    lines = [f"- **{figure.title}**: {prose(figure.meaning)}" for figure in figures(merge, every=style.verbose)]
    return [folded("What the figures are", ["\n".join(lines)])]


def _unfolded(merge: Merge) -> list[str]:
    """Parts that no route holds, with the reasons; a finding names some of them."""
    parts = list(unfolded(merge).items())
    if not parts:
        return []
    lines = [(code(shorten(name, 160)), prose(shorten(reason, 300))) for name, reason in parts[:MODULES]]
    more = [f"Showing the first {MODULES:,} of {len(parts):,}."] if len(parts) > MODULES else []
    return [folded(f"Cannot be folded ({len(parts):,})", [table(("part", "why"), lines), *more])]


def _since(merge: Merge) -> list[str]:
    if merge.prior is None:
        return []
    found = changes(merge)
    filled = [(name, title) for name, title in CHANGES if any(getattr(change, name) for change in found)]
    lines = [(code(change.route), *(prose(getattr(change, name)) or "–" for name, _ in filled)) for change in found]
    said = f"Compared with {prose(since(merge.prior))}:"
    return (
        [said, table(("route", *(f"#{title}" for _, title in filled)), lines)] if lines else [said + " no such routes."]
    )


def _survival(merge: Merge) -> list[str]:
    """Gains by role and by module, of every route."""
    rows = measured(merge)
    roles = list(dict.fromkeys(role.role for row in rows for role in row.roles))
    modules = list(dict.fromkeys(module.name for row in rows for module in row.modules))
    by_role = [{role.role: role.gain for role in row.roles} for row in rows]
    by_module = [{module.name: module.gain for module in row.modules} for row in rows]
    heads = [f"#{prose(called(row.route))}" for row in rows]
    blocks = []
    if roles:
        lines = [(prose(name), *(gain_words(gains.get(name)) for gains in by_role)) for name in roles]
        blocks.append(folded("Gain by role", [table(("role", *heads), lines)]))
    if modules:
        shown = modules[:MODULES]
        lines = [(code(shorten(name, 160)), *(gain_words(gains.get(name)) for gains in by_module)) for name in shown]
        more = [f"Showing the first {MODULES:,} of {len(modules):,}."] if len(modules) > MODULES else []
        blocks.append(folded("Gain by module", [table(("module", *heads), lines), *more]))
    return blocks


def notes(quiet: Sequence[Aside]) -> Iterable[str]:
    """Notes on single routes and tasks, folded away."""
    for part in quiet:
        lines = [(f"**{prose(note.code)}** {prose(note.rule)}", prose(note.message)) for note in part.notes[:NOTES]]
        more = [f"Showing the first {NOTES:,} of {len(part.notes):,}."] if len(part.notes) > NOTES else []
        yield folded(prose(part.words), [table(("rule", "what"), lines), *more])
