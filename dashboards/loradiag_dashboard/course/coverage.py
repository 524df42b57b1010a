"""How much of the traffic can be judged, by what, and what was left out."""

from __future__ import annotations

import streamlit as st

from loradiag.core.drift import Attribution
from loradiag.core.text import plural
from loradiag.outputs.trafficfacts import statements, traffic_facts
from loradiag_dashboard.course.days import Course
from loradiag_dashboard.parts.nothing import lake_argument, nothing, quoted
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table


def coverage(course: Course) -> None:
    """Say it in a table and in words."""
    report, found = course.report, course.found
    if report is None or found is None:
        return
    import pandas as pd

    left, right = st.columns([1, 1.2])
    with left:
        rows = parts(found.attribution)
        frame = pd.DataFrame(rows, columns=["requests", "count", "share"])
        bar = st.column_config.ProgressColumn("share", format="percent", min_value=0.0, max_value=1.0)
        table(
            frame,
            "coverage",
            column_config={
                "share": bar,
                "count": st.column_config.NumberColumn(format="localized"),
                "requests": st.column_config.TextColumn(width="medium"),
            },
        )
    with right:
        told = [*traffic_facts(report, found), *statements(found)]
        st.markdown("  \n".join(f"**{md(name)}** {md(said, 600)}" for name, said in told))
    if found.flawed_files:
        st.markdown(f"**Left out: {plural(len(found.flawed_files), 'file')} of the lake**")
        files = [(label(row.file, 120), label(row.problem, 160)) for row in found.flawed_files]
        table(pd.DataFrame(files, columns=["file", "problem"]), "flawed-files")


def parts(told: Attribution) -> list[tuple[str, int, float | None]]:
    """What requests have: how many of how many."""

    def of(count: int, total: int) -> float | None:
        return count / total if total else None

    rows = (
        ("embedded: can be judged", told.embedded),
        ("embedded by another encoder", told.other_encoder),
        ("with an answer", told.responses),
        ("with log-probabilities of the answer", told.logprobs),
        ("with log-probabilities of the prompt", told.prompt_logprobs),
        ("without a time", told.undated),
    )
    found: list[tuple[str, int, float | None]] = [("of this adapter", told.requests, 1.0 if told.requests else None)]
    found += [(name, count, of(count, told.requests)) for name, count in rows]
    return [*found, ("of the lake, that name no adapter", told.unattributed, of(told.unattributed, told.lake_requests))]


def no_check(course: Course) -> None:
    """What to run where nobody has checked the adapter's traffic."""
    lake, name = lake_argument(), quoted(course.row.served or course.row.name)
    nothing(
        "No check of this adapter's traffic",
        "Where novel requests belong, how topics and answers have changed, and the map: a check's report has all of that.",
        f"loradiag drift check --baseline baselines/ --lake {lake} --adapter {name} --last all -o reports/drift.json",
    )


def no_watch(course: Course) -> None:
    """What to run where nobody watches it."""
    lake, name = lake_argument(), quoted(course.row.served or course.row.name)
    nothing(
        "Nobody watches this adapter",
        "A watch counts requests as they come and raises an alarm when evidence of drift is enough. It needs a baseline: what "
        "traffic should look like, by the data that the adapter was trained on.",
        f"loradiag drift baseline ADAPTER/ --data train.jsonl --name {name} -o baselines/ADAPTER\n"
        f"loradiag drift watch --baseline baselines/ --lake {lake}",
    )
