"""One self-contained page: inline style, drawings and script; nothing is loaded, and it reads well without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from loradiag.core.findings import Severity
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.arrange import STATUS_MARKS, active, deciding, is_series, labels, tally, unreadable
from loradiag.outputs.facts import facts, origin
from loradiag.outputs.page import (
    base,
    canary,
    comparing,
    curves,
    dots,
    fleet,
    forgetting,
    forms,
    gains,
    heatmap,
    intruders,
    losses,
    modules,
    movement,
    reach,
    routes,
    served,
    tables,
    traffic,
    trajectory,
    watch,
)
from loradiag.outputs.page.colors import stylesheet
from loradiag.outputs.page.findings import NAMES, findings, policy
from loradiag.outputs.page.markup import Markup, element, folded, join, marked, names
from loradiag.outputs.page.series import overview, urgent_first
from loradiag.outputs.style import Style

CURVES, ROWS = 120, 400
"""How many curves and table rows the whole page may hold, shared by its reports, so that it stays quick to open."""

LEAST_CURVES, LEAST_ROWS = 16, 24

WHOLE = 60
"""Reports of a page that have charts and tables of modules, those that did not pass first; the others have their findings."""

WIDE = frozenset(
    [
        "sha256",
        "layout",
        "saved whole",
        "weight files",
        "base given",
        "fingerprint",
        "update",
        "baseline",
        "encoder",
        "novel",
        "log",
        "endpoint",
    ]
)
"""Facts that take two columns."""

_CHANGED = "Some of the documents to which base and adapter gave different answers, the worst tasks first."


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the page."""
    css = _asset("page.css") + stylesheet() + "\n"
    script = _asset("page.js")
    several = len(reports) > 1
    title = (
        f"{labels(reports)[0]}: {reports[0].verdict.status.value}" if not several else plural(len(reports), "adapter")
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(css, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{title} · loradiag"),
        element("style", Markup(css)),
    )
    body = element("body", _masthead(reports), _main(reports, style), element("script", Markup(script)))
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _asset(name: str) -> str:
    return resources.files("loradiag.outputs.page").joinpath(name).read_text(encoding="utf-8")


def _policy(css: str, script: str) -> str:
    """Nothing may be loaded from anywhere, and only this very style and script apply."""
    style_hash, script_hash = (
        "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)
    )
    return (
        f"default-src 'none'; style-src '{style_hash}'; script-src '{script_hash}'; base-uri 'none'; form-action 'none'"
    )


def _masthead(reports: Sequence[Report]) -> Markup:
    first = reports[0]
    said = f"{first.tool.name} {first.tool.version} · {first.created} · report schema {first.schema_version}"
    return element(
        "header", element("b", "loradiag"), element("span", "adapter report"), element("small", said), class_="mast"
    )


def _main(reports: Sequence[Report], style: Style) -> Markup:
    if len(reports) == 1:
        report = reports[0]
        return element(
            "main", _whole(report, style, 0, heatmap.scales(reports), 1, series=False), _judged(report.policy)
        )
    series = is_series(reports)
    common = heatmap.scales(reports) if series else None
    opened, whole = _opened(reports), _shown_whole(reports)
    alike = all(report.policy == reports[0].policy for report in reports)
    parts = [element("h1", "Checkpoints of one run" if series else plural(len(reports), "adapter"))]
    parts.append(element("section", overview(reports), _left_out(len(reports), len(whole)), class_="card"))
    for index, (report, name) in enumerate(zip(reports, labels(reports), strict=True)):
        if index in whole:
            scale = common or heatmap.scales([report])
            content = _whole(report, style, index, scale, len(whole), series=series)
        else:
            content = join([_banner(report), _section("Findings", "", findings(report))])
        if not alike:
            content = join([content, _judged(report.policy)])
        status = report.verdict.status
        summary = element(
            "summary",
            marked(STATUS_MARKS[status], status.value, status.value),
            element("span", name, class_="label"),
            element("small", tally(report)),
        )
        parts.append(element("details", summary, content, class_="report", id=f"r{index}", open=index == opened))
    return element("main", *parts, _judged(reports[0].policy) if alike else "")


def _judged(used: Policy) -> Markup:
    return _section("Policy", "", policy(used))


def _shown_whole(reports: Sequence[Report]) -> frozenset[int]:
    """The places of the reports that are shown whole."""
    return frozenset(urgent_first(reports)[:WHOLE])


def _left_out(reports: int, whole: int) -> Markup:
    if whole == reports:
        return Markup("")
    said = f"Charts and tables are shown of {whole:,}, those that did not pass first; of the others, the findings."
    return element("p", said, class_="dim")


def _opened(reports: Sequence[Report]) -> int:
    """The report to show at once: the first that did not pass, else the last."""
    statuses = [report.verdict.status.value for report in reports]
    return next((index for index, status in enumerate(statuses) if status != "pass"), len(reports) - 1)


def _whole(
    report: Report, style: Style, index: int, scales: dict[str, heatmap.Scale | None], reports: int, *, series: bool
) -> Markup:
    key = f"r{index}"
    most_curves, most_rows = max(CURVES // reports, LEAST_CURVES), max(ROWS // reports, LEAST_ROWS)
    sections = [
        ("Merge drift", "", routes.routes(report)),
        ("What survives where", "", gains.gains(report)),
        ("Forgetting", "", forgetting.forgetting(report)),
        ("Weaker forms", "", forms.weaker_forms(report)),
        ("Memorisation", "", forms.memorisation(report)),
        ("Traffic", "", traffic.traffic(report)),
        ("Novel requests", "", traffic.novel(report)),
        ("Answers", traffic.ANSWERS_NOTE, traffic.changed(report)),
        ("Watch", "", watch.watch(report)),
        ("Canary", "", canary.canary(report)),
        ("Served", "", served.served(report)),
        ("Fleet", "", fleet.fleet(report)),
        ("Beside each other", "", comparing.comparing(report, key)),
        ("Trajectory", "", trajectory.trajectory(report)),
        ("Findings", "", findings(report)),
        ("Modules over steps", "", movement.movement(report, key, most_rows)),
        ("Training log", "", losses.training(report)),
        ("Related adapters", "", fleet.related(report)),
        ("Bands", "Filled: within six robust standard deviations of the group's median.", fleet.bands(report)),
        ("Where they meet", "", comparing.meeting(report, key)),
        ("Documents that changed", _CHANGED, forgetting.documents(report)),
        ("Beside its base", "", base.beside_base(report)),
        ("Layers and roles", heatmap.note(series), heatmap.heat_map(report, style.measure, key, scales)),
        ("Singular values", "", curves.curves(report, key, most_curves)),
        ("Relative update", dots.NOTE, dots.dots(report)),
        ("Intruder dimensions", intruders.NOTE, intruders.intruders(report, most_rows)),
        ("Modules", "", modules.modules(report, most_rows)),
        ("Whole layers beside the base's", "", modules.sizes(report, most_rows)),
        ("Vectors and prompts", "The line marks the value that does nothing.", modules.vectors(report, most_rows)),
        ("Where it can go", "", tables.deployability(report)),
        ("Coverage", "", tables.coverage(report)),
        ("Reach", "", reach.reach(report)),
        ("Provenance", "", base.provenance(report)),
        ("Accounting", "", _accounting(report.accounting)),
    ]
    filled = [(title, note, content) for title, note, content in sections if content]
    return join([_banner(report), *(_section(title, note, content) for title, note, content in filled)])


def _section(title: str, note: str, content: Markup) -> Markup:
    said = element("p", note, class_="dim") if note else ""
    return element("section", element("h3", title), said, content, class_="card")


def _banner(report: Report) -> Markup:
    status = report.verdict.status
    worst = active(report)[0].message if active(report) and active(report)[0].severity is Severity.ERROR else ""
    decided = f"decided by {deciding(report)}" if report.verdict.decided_by else tally(report)
    head = [
        element("span", STATUS_MARKS[status], class_="mark", aria_hidden="true"),
        element(
            "div",
            element("p", element("strong", status.value.upper()), " ", element("span", decided), class_="verdict"),
            element("h2", element("code", shorten(report.subject.path, 300))),
            element("p", worst, class_="worst") if worst else "",
        ),
    ]
    return element(
        "section", element("div", *head, class_="headline"), _facts(report), class_=f"card banner {status.value}"
    )


def _facts(report: Report) -> Markup:
    if unreadable(report):
        return _unreadable(report)
    pairs = [
        (label, report.subject.sha256 or text if label == "sha256" else text)
        for label, text in [*facts(report), *origin(report)]
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", label), element("dd", text), class_="wide" if label in WIDE else None)
            for label, text in pairs
        ),
        class_="facts",
    )


def _unreadable(report: Report) -> Markup:
    reason = unreadable(report)
    assert reason is not None
    pairs = [("file", reason.file), ("problem", reason.detail), ("kind", reason.kind), ("what to do", reason.remedy)]
    shown = [element("div", element("dt", label), element("dd", text), class_="wide") for label, text in pairs if text]
    return element("dl", *shown, class_="facts")


def _accounting(account: Accounting) -> Markup:
    if not account.total:
        return Markup("")
    said = (
        f"{account.analysed:,} of {plural(account.total, 'tensor')} analysed, "
        f"{len(account.unsupported):,} unsupported, {len(account.unexpected):,} unexpected, "
        f"{len(account.broken):,} in broken modules."
    )
    parts: list[str] = [element("p", said)]
    if account.unsupported:
        lines = [f"{part.tensor}: {part.reason}" for part in account.unsupported]
        parts.append(folded(f"{len(lines):,} unsupported", names(lines, NAMES, "tensors")))
    if account.broken:
        parts.append(folded(f"{len(account.broken):,} in broken modules", names(account.broken, NAMES, "tensors")))
    if account.unexpected:
        lines = list(account.unexpected)
        parts.append(folded(f"{len(lines):,} unexpected", names(lines, NAMES, "tensors")))
    return join(parts)
