"""Where every tensor of the file went, and the policy that judged."""

from __future__ import annotations

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table


def tensors(report: Report) -> None:
    """The accounts: analysed, unsupported with a reason, unexpected, of broken modules."""
    import pandas as pd

    account = report.accounting
    if not account.total:
        nothing("No tensor was read", "The file could not be opened: the findings say why.")
        return
    counts = (
        ("Tensors", account.total, "All that the file holds."),
        ("Analysed", account.analysed, "Parts of what this report measures."),
        ("Unsupported", len(account.unsupported), "Known, and not analysed, for the reason below."),
        ("Unexpected", len(account.unexpected), "Not known to belong to an adapter."),
        ("Broken", len(account.broken), "Of modules that could not be put together."),
    )
    for place, (title, count, about) in zip(st.columns(5, border=True), counts, strict=True):
        place.metric(title, f"{count:,}", help=about)
    rows = [
        *((label(row.tensor, 300), "unsupported", label(row.reason, 300)) for row in account.unsupported),
        *((label(name, 300), "unexpected", "belongs to no module") for name in account.unexpected),
        *((label(name, 300), "broken", "its module could not be put together") for name in account.broken),
    ]
    if not rows:
        st.caption("Every tensor was analysed.")
        return
    frame = pd.DataFrame(rows, columns=["tensor", "what became of it", "why"])
    table(frame, "tensors", column_config={"tensor": st.column_config.TextColumn(width="large")})


def policy(report: Report) -> None:
    """What judged: levels, changed severities, ignores and thresholds."""
    import pandas as pd

    used = report.policy
    st.markdown(
        f":gray[policy] {md(used.source, 200)}  \n:gray[the gate fails on] {md(used.fail_on)}  \n"
        f":gray[an inconclusive verdict counts as] {md(used.inconclusive)}  \n"
        f":gray[rules that ran] {md(', '.join(used.select), 200)}"
    )
    if used.severity:
        changed = ", ".join(f"{code} is {severity.value}" for code, severity in used.severity.items())
        st.markdown(f":gray[severities changed] {md(changed, 400)}")
    if used.ignore:
        rows = [
            (label(row.code), label(", ".join(row.modules) or "all modules", 200), label(row.reason, 300),
             row.expires.isoformat() if row.expires else "never")
            for row in used.ignore
        ]  # fmt: skip
        table(pd.DataFrame(rows, columns=["ignored rule", "modules", "reason", "expires"]), "ignores")
    if used.unused:
        st.caption(
            f"{plural(len(used.unused), 'ignore')} without effect: " + "; ".join(md(line, 200) for line in used.unused)
        )
    limits = [
        (label(code), label(name), value) for code, values in used.thresholds.items() for name, value in values.items()
    ]
    if limits:
        table(pd.DataFrame(limits, columns=["rule", "threshold", "value"]), "thresholds")
