"""The training log beside an adapter: what became of the run, and its losses."""

from __future__ import annotations

import streamlit as st

from loradiag.core.report import Report
from loradiag.outputs.learning import statements
from loradiag.outputs.story import story
from loradiag_dashboard.parts import told
from loradiag_dashboard.parts.losses import losses
from loradiag_dashboard.parts.plain import md


def has(report: Report) -> bool:
    """Whether there is a log, or a reason why it could not be read."""
    log = report.measurements.training_log
    return log is not None and (bool(statements(report)) or log.problem is not None)


def training(report: Report) -> None:
    """The story, the chart, and what was logged."""
    log = report.measurements.training_log
    assert log is not None, "asked where there is a log"
    if log.problem:
        st.warning(md(f"The log cannot be used: {log.problem}"), icon=":material/report:")
    if statements(report):
        told.headline(story(report))
        losses(report)
        told.statements(statements(report), "What was logged")
