"""The base, the stamp, what is reached of the base, what was covered, and which tools take the adapter."""

from __future__ import annotations

from typing import Any

import streamlit as st

from loradiag.core.coverage import StackCoverage
from loradiag.core.identity import Provenance
from loradiag.core.reach import Reach
from loradiag.core.report import Report
from loradiag.core.text import plural, ranges
from loradiag.outputs.arrange import DEPLOY_MARKS, DEPLOY_WORDS
from loradiag.outputs.beside import listings, statements, title, told_by
from loradiag_dashboard.parts import told
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table

_NAMES = 500
"""How long a list of names may get: past this, nobody reads it here."""


def has(report: Report) -> bool:
    """Whether anything is known of it."""
    found = report.measurements
    parts = (found.identity, found.base, found.provenance, found.deployability, found.coverage, found.reach)
    return any(part is not None for part in parts)


def origin_and_base(report: Report) -> None:
    """Draw all of it; what was not measured is left out."""
    said = statements(report)
    if said:
        told.statements(said, title(report))
    else:
        nothing(
            "Not held against a base",
            "With a base the report says how large the updates are beside its weights, what they reach, and whether the "
            "base is the one that the adapter was trained on.",
            "loradiag inspect ADAPTER --base BASE -o reports/adapter.json",
        )
    _identity(report)
    left, right = st.columns(2, gap="large")
    with left:
        _coverage(report)
    with right:
        _deployability(report)
        stamp = report.measurements.provenance
        if stamp is not None and not stamp.problem:
            _stamp(stamp)
    if report.measurements.reach is not None:
        _reach(report.measurements.reach)
    for heading, names in listings(report):
        with st.expander(md(f"{heading}: {len(names):,}", 160)):
            st.text("\n".join(label(name, 300) for name in names[:_NAMES]))
            if len(names) > _NAMES:
                st.caption(f"and {len(names) - _NAMES:,} more: the JSON report has all")


def _rows(rows: list[dict[str, Any]], heading: str, name: str, **options: Any) -> None:
    import pandas as pd

    if rows:
        st.markdown(f"**{heading}**")
        table(pd.DataFrame(rows), name, **options)


def _identity(report: Report) -> None:
    subject, base = report.subject, report.measurements.base
    pairs = (
        ("weights, sha256", subject.sha256),
        ("base, as the adapter names it", subject.base),
        ("its revision", subject.revision),
        ("base, fingerprint", base.fingerprint if base else subject.base_fingerprint),
        ("base, full fingerprint", base.fingerprint_full if base else None),
    )
    rows = [{"identity": name, "value": label(value, 120)} for name, value in pairs if value]
    _rows(rows, "Identity", "identity", column_config={"value": st.column_config.TextColumn(width="large")})


def _deployability(report: Report) -> None:
    answer = report.measurements.deployability
    rows = [
        {
            "tool": label(f"{row.target} {row.version}", 60),
            "takes it": f"{DEPLOY_MARKS.get(row.status, '?')} {label(DEPLOY_WORDS.get(row.status, row.status))}",
            "why": label("; ".join(row.reasons), 400) if row.reasons else "as it is" if row.status == "yes" else "",
        }
        for row in (answer.targets if answer else ())
    ]
    columns = {"why": st.column_config.TextColumn(width="large")}
    _rows(rows, "Where it can go", "deployability", column_config=columns)


def _stamp(stamp: Provenance) -> None:
    rows = [{"stamp": label(name, 100), "value": label(text, 500)} for name, text in told_by(stamp)]
    _rows(rows, "What its stamp says", "stamp", column_config={"value": st.column_config.TextColumn(width="large")})


def _coverage(report: Report) -> None:
    covered = report.measurements.coverage
    if covered is None:
        return
    _rows([_stack(row) for row in covered.stacks], "Coverage", "coverage")
    if report.measurements.reach is None:
        targets = [
            {"target": label(row.target, 120), "kind": label(row.kind), "modules": row.matched}
            for row in covered.targets
        ]
        _rows(targets, "Targets of its configuration", "targets")
    holes = [
        {"stack": label(row.stack, 40), "layer": row.layer, "lacks": label(", ".join(row.roles), 200)}
        for row in covered.holes
    ]
    _rows(holes, "Holes in the middle of a stack", "holes")
    if covered.saved_modules:
        names = ", ".join(covered.saved_modules[:_NAMES])
        st.markdown(f":gray[saved whole] {md(names, 400)}")
    if covered.biases:
        st.caption(f"{plural(covered.biases, 'bias vector')} saved")


def _stack(stack: StackCoverage) -> dict[str, Any]:
    layers = "outside layers"
    if stack.first_layer is not None and stack.last_layer is not None:
        layers = f"{stack.layers:,} ({ranges([stack.first_layer, stack.last_layer]).replace(', ', '–')})"
    roles = ", ".join(f"{label(role, 40)} {count:,}" for role, count in stack.roles.items())
    return {
        "stack": label(stack.stack, 40) if stack.stack else "whole network",
        "layers": layers,
        "modules by role": roles,
    }


def _reach(found: Reach) -> None:
    rows = [
        {"target": label(row.target, 160), "kind": label(row.kind), "in the base": row.resolved, "adapted": row.adapted,
         "": "" if row.resolved == row.adapted else "≠ differs"}
        for row in found.targets[:_NAMES]
    ]  # fmt: skip
    _rows(rows, "Targets in the base", "reach")
    missed = [
        {"never reached": label(row.pattern, 160), "role": label(row.role, 40), "weights": len(row.names)}
        for row in found.unreached[:_NAMES]
    ]
    _rows(missed, "Linear weights that no update reaches", "never-reached")
