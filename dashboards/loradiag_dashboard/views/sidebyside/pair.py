"""Reports side by side: verdicts, facts, findings, numbers, and of inspections the modules; two, and others beside them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from loradiag.core.kinds import INSPECTION
from loradiag.outputs.arrange import SEVERITY_MARKS, deciding, tally
from loradiag.outputs.differing import Shared, findings_beside
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.findings import TONES as SEVERITIES
from loradiag_dashboard.parts.nothing import command, nothing
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.verdicts import MARKS, TONES
from loradiag_dashboard.source import overview
from loradiag_dashboard.views.sidebyside import measures, several
from loradiag_dashboard.views.sidebyside.choosing import Side, beside, choose


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
    sides = [a, b, *beside(kind, chosen)]
    _verdicts(sides)
    if kind == INSPECTION:
        if len(sides) > 2:
            several.overview(sides)
        _findings(sides)
        measures.measures(sides)
    _numbers(sides)
    if kind == INSPECTION:
        _facts(sides)
        _exact(sides)
    else:
        _findings(sides)


_ACROSS = 4
"""Verdicts beside each other."""


def _verdicts(sides: Sequence[Side]) -> None:
    across = len(sides) if len(sides) <= _ACROSS else -(-len(sides) // 2)
    for start in range(0, len(sides), across):
        for place, side in zip(st.columns(across, gap="medium"), sides[start : start + across], strict=False):
            with place.container(border=True):
                _verdict(side)


def _verdict(side: Side) -> None:
    decided = f"decided by {deciding(side.report)}" if side.report.verdict.decided_by else tally(side.report)
    words = f" · {side.card.words}" if side.card.words else ""
    st.markdown(
        f"**{md(side.name)}** :{TONES[side.card.verdict]}-badge[{MARKS[side.card.verdict]} "
        f"{md(side.card.verdict)}] {md(decided + words, 200)}"
    )


def _findings(sides: Sequence[Side]) -> None:
    """What one alone has, and what both have; of several, which have what."""
    if len(sides) > 2:
        several.findings(sides)
        return
    found = findings_beside(sides[0].report, sides[1].report)
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


def _numbers(sides: Sequence[Side]) -> None:
    frame = several.numbers_frame(sides)
    if frame.empty:
        st.caption(f"{'The two' if len(sides) == 2 else 'They'} have no question in common.")
        return
    st.markdown(
        "**Numbers**", help="Differences are B less A." if len(sides) == 2 else "What A has in common with another."
    )
    titles = list(dict.fromkeys(frame["number"]))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    wanted = left.multiselect("Which", titles, key="number", bind="query-params", placeholder="all")
    if right.toggle("Only what differs", value=True, key="differing", bind="query-params"):
        frame = frame[frame["_differs"]]
    if wanted:
        frame = frame[frame["number"].isin(wanted)]
    if frame.empty:
        st.caption(f"All of these are the same in {'both' if len(sides) == 2 else 'all'}.")
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


def _facts(sides: Sequence[Side]) -> None:
    st.markdown("**Facts**")
    table(
        several.facts_frame(sides),
        "facts",
        column_config={"differs": st.column_config.TextColumn(width="small")},
    )


def _exact(sides: Sequence[Side]) -> None:
    """How to learn what reports of single adapters cannot tell: how their subspaces lie to each other."""
    by_path = {side.report.subject.path: side.card.sha256 for side in sides}
    paths = list(by_path)
    if len(paths) < 2 or (len(paths) == 2 and len(set(by_path.values())) == 1):
        return
    known = next((card for card in overview().cards if card.kind == "compare" and _is_of(card.path, paths)), None)
    st.markdown("**Do they overlap?**")
    if known is not None:
        link("compare", "They have been compared: cosine, interference, overlap", of="overlap", comparison=known.key)
        return
    st.caption(
        "Reports hold singular values, and not the directions. Cosine, interference and the overlap of what they write "
        "and read take the adapters themselves:"
    )
    st.code(command("compare", *paths, "-o", "reports/compare.json"), language="bash", wrap_lines=True)


def _is_of(path: str, paths: Sequence[str]) -> bool:
    return any(path == ", ".join(order) for order in ((paths, paths[::-1]) if len(paths) == 2 else (paths,)))
