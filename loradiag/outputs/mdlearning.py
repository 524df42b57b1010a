"""A run in Markdown: what became of it, a line a checkpoint, and what was logged."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.outputs.learning import called, figures, shown_rows, statements, step_rows
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.story import story
from loradiag.outputs.style import Style

ROWS = 40
"""Checkpoints in the table before ``--verbose``."""


def learning(report: Report, style: Style) -> list[str]:
    """The blocks; none where there is neither a series nor a log with anything in it."""
    log, series = report.measurements.training_log, report.measurements.trajectory
    said = statements(report)
    if series is None and (log is None or not said):
        return []
    blocks = ["### Trajectory" if series is not None else "### Training log", advised(story(report))]
    blocks += _table(report, style)
    if said:
        blocks.append(
            folded("What was logged", [table(("", ""), [(prose(label), prose(text)) for label, text in said])])
        )
    return blocks


def _table(report: Report, style: Style) -> list[str]:
    rows = step_rows(report)
    if not rows:
        return []
    kept = rows if style.verbose else shown_rows(rows, ROWS)
    shown = figures(rows)
    lines = [
        [
            code(called(row.step)) + (" **best**" if row.best else " **not finite**" if row.step.nonfinite else ""),
            *(prose(figure.say(row)) for figure in shown),
        ]
        for row in kept
    ]
    blocks = [table(("checkpoint", *(f"#{figure.title}" for figure in shown)), lines)]
    if len(kept) < len(rows):
        blocks.append(f"{len(rows) - len(kept):,} checkpoints in the middle are left out.")
    meanings = [(figure.title, prose(figure.meaning)) for figure in shown]
    blocks.append(folded("What the figures are", [table(("", ""), meanings)]))
    return blocks
