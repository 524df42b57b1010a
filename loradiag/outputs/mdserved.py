"""What is served, in Markdown: what it comes to, then every adapter."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.served import ServedModel
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.served import FIGURES, MARKS, named, rows, statements, status, summary

MOST = 100
"""Rows: a comment on GitHub holds 65,536 characters."""


def served(report: Report) -> list[str]:
    """The blocks; none where nothing is served."""
    found = report.measurements.served
    if found is None:
        return []
    lines = [_line(row) for row in rows(found)]
    blocks = ["### Served", advised(summary(found))]
    blocks.append(table(("name", *(f"#{figure.title}" for figure in FIGURES), "status"), lines[:MOST]))
    if len(lines) > MOST:
        blocks.append(f"The first {MOST:,} of {len(lines):,}.")
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(found)]))
    examples = [line for row in rows(found) for line in _examples(row)]
    return [*blocks, folded("Answers that changed under load", ["\n".join(examples[:MOST])])] if examples else blocks


def _line(row: ServedModel) -> list[str]:
    tone, said = status(row)
    name = code(named(row.name)) + (" (base)" if row.role == "base" else "")
    return [name, *(prose(figure.say(row)) for figure in FIGURES), prose(f"{MARKS[tone]} {said}")]


def _examples(row: ServedModel) -> list[str]:
    """What was answered alone and under load, or the first digits of its hash."""
    made = []
    for example in row.examples:
        whose = f", which is what {code(named(example.equals))} says" if example.equals is not None else ""
        alone, loaded = (
            code(part.sha256 if part.text is None else part.text) for part in (example.alone, example.loaded)
        )
        made.append(f"- {code(named(row.name))}, prompt {example.prompt:,}: alone {alone}, under load {loaded}{whose}")
    return made
