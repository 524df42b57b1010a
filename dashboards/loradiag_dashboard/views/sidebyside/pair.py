"""Two reports side by side: verdicts, facts, findings, numbers, and of inspections the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from loradiag.core.kinds import INSPECTION
from loradiag.outputs.arrange import OVERVIEW, SEVERITY_MARKS, deciding, overview_of, tally
from loradiag.outputs.differing import Shared, facts_beside, findings_beside, numbers
from loradiag.overview.roster import Row
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.findings import TONES as SEVERITIES
from loradiag_dashboard.parts.nothing import command, nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.told import unsigned
from loradiag_dashboard.parts.verdicts import MARKS, TONES, moment, verdict_mark
from loradiag_dashboard.source import overview, report
from loradiag_dashboard.views.sidebyside import measures
from loradiag_dashboard.views.sidebyside.choosing import Side, beside, cards_of, choose

if TYPE_CHECKING:
    import pandas as pd


def pair(kind: str | None) -> None:
    """Draw it.

    Args:
        kind: Of the reports; None where there are no two of any.
    """
    if kind is None:
        nothing(
            "Nothing to compare",
            "It takes two reports of one kind: of two adapters, or of one adapter at two times.",
            "loradiag inspect adapter_a/ -o reports/a.json\nloradiag inspect adapter_b/ -o reports/b.json",
        )
        return
    chosen = choose(kind)
    if chosen is None:
        return
    a, b = chosen
    if a.card.key == b.card.key:
        st.info("Both are the same report: choose another one.", icon=":material/info:")
    _verdicts(a, b)
    if a.card.kind == INSPECTION:
        further = beside()
        _findings(findings_beside(a.report, b.report))
        measures.measures(a, b)
        if further:
            _overview([a, b], further)
    _numbers(a, b)
    if a.card.kind == INSPECTION:
        _facts(a, b)
        _exact(a, b)
    else:
        _findings(findings_beside(a.report, b.report))


def _verdicts(a: Side, b: Side) -> None:
    for place, side in zip(st.columns(2, gap="medium"), (a, b), strict=True):
        decided = f"decided by {deciding(side.report)}" if side.report.verdict.decided_by else tally(side.report)
        words = f" · {side.card.words}" if side.card.words else ""
        with place.container(border=True):
            st.markdown(
                f"**{md(side.name)}** :{TONES[side.card.verdict]}-badge[{MARKS[side.card.verdict]} "
                f"{md(side.card.verdict)}] {md(decided + words, 200)}"
            )


def _findings(found: list[Shared]) -> None:
    """What one alone has, and what both have."""
    if not found:
        return
    st.markdown("**Findings**", help="By rule; the modules of a finding in both may differ.")
    heads = {"a": "Only in A", "both": "In both", "b": "Only in B"}
    for place, (where, head) in zip(st.columns(3, gap="medium"), heads.items(), strict=True):
        rows = [row for row in found if row.where == where]
        lines = "\n".join(f"- {_said(row)}" for row in rows) or "- none"
        place.markdown(f"{head}: {len(rows)}\n{lines}")


def _said(row: Shared) -> str:
    finding = row.finding
    mark = f":{SEVERITIES[finding.severity]}-badge[{SEVERITY_MARKS[finding.severity]} {finding.severity.value}]"
    route = f" ({md(finding.route, 24)})" if finding.route else ""
    head = f"{mark} **{md(finding.code)}** {md(finding.rule)}{route}"
    messages = {side.message: name for name, side in (("A", row.a), ("B", row.b)) if side}
    more = [f"{count - 1:,} more in {name}" for name, count in (("A", row.count_a), ("B", row.count_b)) if count > 1]
    head += f" (and {', '.join(more)})" if more else ""
    if len(messages) < 2:
        return f"{head}: :gray[{md(finding.message, 200)}]"
    return head + "".join(f"  \n  {name}: :gray[{md(message, 160)}]" for message, name in messages.items())


def _numbers(a: Side, b: Side) -> None:
    frame = numbers_frame(a, b)
    if frame.empty:
        st.caption("The two have no question in common.")
        return
    st.markdown("**Numbers**", help="Differences are B less A.")
    titles = list(dict.fromkeys(frame["number"]))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    wanted = left.multiselect("Which", titles, key="number", bind="query-params", placeholder="all")
    if right.toggle("Only what differs", value=True, key="differing", bind="query-params"):
        frame = frame[frame["_differs"]]
    if wanted:
        frame = frame[frame["number"].isin(wanted)]
    if frame.empty:
        st.caption("All of these are the same in both.")
        return
    config = st.column_config
    shown = frame.drop(columns=["_differs"])
    if (shown["about"] == "").all():
        shown = shown.drop(columns=["about"])
    table(
        shown,
        "numbers",
        column_config={"B − A": config.NumberColumn(format="%+.4g"), "meaning": config.TextColumn(width="large")},
    )


def numbers_frame(a: Side, b: Side) -> pd.DataFrame:
    """All numbers of both reports, in words and as a signed difference."""
    import pandas as pd

    rows = [
        (row.about, row.title, unsigned(row.said_a), unsigned(row.said_b), row.difference, row.differs, row.meaning)
        for row in numbers(a.report, b.report)
    ]
    columns = ["about", "number", a.name, b.name, "B − A", "_differs", "meaning"]
    return pd.DataFrame(rows, columns=columns).astype({"B − A": "float64", "_differs": bool})


def _facts(a: Side, b: Side) -> None:
    import pandas as pd

    rows = [(name, one, other, "" if one == other else "≠") for name, one, other in facts_beside(a.report, b.report)]
    st.markdown("**Facts**")
    frame = pd.DataFrame(rows, columns=["fact", a.name, b.name, "differs"])
    table(
        frame[["fact", "differs", a.name, b.name]],
        "facts",
        column_config={"differs": st.column_config.TextColumn(width="small")},
    )


def _overview(sides: list[Side], further: list[Row]) -> None:
    """A line for each of more than two adapters."""
    import pandas as pd

    chosen = [(side.name, side.card, side.report) for side in sides]
    for row in further:
        card = cards_of(row, INSPECTION)[0]
        found = report(card)
        if found is not None:
            chosen.append((label(row.name, 40), card, found))
    columns = overview_of([found for _, _, found in chosen])
    frame = pd.DataFrame(
        {
            "adapter": [name for name, _, _ in chosen],
            "verdict": [verdict_mark(card.verdict) for _, card, _ in chosen],
            "inspected": [moment(card) for _, card, _ in chosen],
            "method": [label(found.subject.method, 40) for _, _, found in chosen],
            "rank": [label(", ".join(found.subject.ranks), 40) for _, _, found in chosen],
            **{OVERVIEW[name]: pd.array(values, dtype="Float64") for name, values in columns.items()},
            "findings": [tally(found) for _, _, found in chosen],
        }
    )
    st.markdown("**All of them**", help="Medians over modules; of intruders the mean a module.")
    numeric = {OVERVIEW[name]: st.column_config.NumberColumn(format="%.4g") for name in columns}
    table(frame, "overview", column_config=numeric)


def _exact(a: Side, b: Side) -> None:
    """How to learn what reports of single adapters cannot tell: how their subspaces lie to each other."""
    paths = [side.report.subject.path for side in (a, b)]
    if a.card.sha256 == b.card.sha256 or paths[0] == paths[1]:
        return
    known = next((card for card in overview().cards if card.kind == "compare" and _is_of(card.path, paths)), None)
    st.markdown("**Do they overlap?**")
    if known is not None:
        link("compare", "They have been compared: cosine, interference, overlap", of="overlap", comparison=known.key)
        return
    st.caption(
        "Reports hold singular values, and not the directions. Cosine, interference and the overlap of what the two write "
        "and read take the adapters themselves:"
    )
    st.code(command("compare", *paths, "-o", "reports/compare.json"), language="bash", wrap_lines=True)


def _is_of(path: str, paths: list[str]) -> bool:
    return path in (", ".join(paths), ", ".join(reversed(paths)))
