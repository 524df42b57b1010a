"""How to deploy, in a sentence that claims no more than was measured. All text is safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.rules import EVERY_ROUTE
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.advice import Advice
from loradiag.outputs.facts import short_number
from loradiag.outputs.routefigures import gain_words
from loradiag.outputs.routes import called, codes, measured, unfolded

_SIXTEEN = 16


def advice(report: Report) -> Advice:
    """How to deploy, no more surely than it was measured."""
    merge = report.measurements.merge
    assert merge is not None, "asked for a report on merge drift"
    rows = measured(merge)
    chosen = next((row for row in rows if row.route == merge.recommended), None)
    if chosen is not None:
        return _deploy(chosen, rows, merge)
    if unfolded(merge) and all(row.status == "fail" for row in rows):
        parts = plural(len(unfolded(merge)), "part")
        return Advice("fail", f"{parts} of the adapter cannot be folded: serve it unmerged beside its base")
    if any(row.status == "inconclusive" for row in rows):
        return _undecided(report, rows)
    if any(row.status == "unfinished" for row in rows):
        return Advice("inconclusive", "the routes have not been judged")
    if not rows:
        return Advice("inconclusive", "no route was measured")
    return Advice("fail", f"no route that was measured keeps the adapter: {_unmerged(rows)}")


def deploys(reports: Sequence[Report]) -> list[str]:
    """In a word or two for an overview what each report advises; nothing where none is about merge drift."""
    if not any(report.measurements.merge for report in reports):
        return []
    return [_in_short(report) for report in reports]


def _in_short(report: Report) -> str:
    merge = report.measurements.merge
    if merge is None:
        return "–"
    found = advice(report)
    if found.tone == "pass":
        return called(merge.recommended or "")
    return "unmerged" if found.tone == "fail" else "not decided"


def _deploy(row: Route, rows: Sequence[Route], merge: Merge) -> Advice:
    lost = f"ρ {short_number(row.effect_loss)}" if row.effect_loss is not None else f"delta gain {gain_words(row.gain)}"
    kept = "the adapter" if merge.outputs is not None else "the update"  # which is all that weights tell
    claim = f"it keeps {kept}" if len(rows) == 1 else f"the cheapest measured route that keeps {kept}"
    how = shorten(printable(row.summary), 120)
    text = f"deploy as {called(row.route)}: {how}; {claim} ({lost}, {short_number(row.bits)} bits)"
    more = []
    if merge.outputs is None:
        more.append("judged by its weights alone: no model was run")
    cheaper = [called(other.route) for other in rows if other.status == "inconclusive" and other.bits < row.bits]
    if cheaper:
        more.append(f"cheaper, and not decided: {listed(cheaper, 8)}")
    excused = [called(other.route) for other in rows if other.status == "pass" and other.bits < row.bits]
    if excused:
        more.append(f"cheaper, and passed with a reservation: {listed(excused, 8)}")
    parts = len(unfolded(merge))
    if parts:
        more.append(f"it leaves out {plural(parts, 'part')} of the adapter that cannot be folded")
    return Advice("pass", text, tuple(more))


def _undecided(report: Report, rows: Sequence[Route]) -> Advice:
    """No route is known to keep the adapter: what the rules that left them open would want to know."""
    open_ = [row for row in rows if row.status == "inconclusive"]
    names = {row.route: codes(report, row).decided for row in open_}
    wanted = [
        printable(finding.advice).rstrip(".")
        for finding in report.findings
        for route, decided in names.items()
        if finding.route in (route, EVERY_ROUTE) and printable(finding.code) in decided and finding.advice
    ]
    which = listed([called(row.route) for row in open_], 8)
    text = f"no route is known to keep the adapter; not decided: {which}"
    said = listed([shorten(line, 160) for line in dict.fromkeys(wanted)], 2)
    return Advice("inconclusive", text, (f"what would decide it: {said[:1].lower()}{said[1:]}",) if said else ())


def _unmerged(rows: Sequence[Route]) -> str:
    """What is left where every route fails. A fold into the original weights is no way out if that is what failed."""
    serve = "serve it unmerged beside its base"
    if any(row.source == "original" and row.bits >= _SIXTEEN for row in rows):
        return serve
    return f"{serve}, or fold it into the 16-bit original, which was not measured"
