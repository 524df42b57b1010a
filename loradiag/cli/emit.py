"""From reports to files, the terminal and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from loradiag.core.errors import EXIT_GATE_FAILED, EXIT_OK, EXIT_UNREADABLE, UsageError
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.core.verdict import Status
from loradiag.outputs import format_of, renderer
from loradiag.outputs.style import Style
from loradiag.storage.writing import write_whole


def with_fail_on(policy: Policy, fail_on: str | None) -> Policy:
    """The policy with ``--fail-on`` in force."""
    return msgspec.structs.replace(policy, fail_on=fail_on) if fail_on else policy


def plan(format_: str | None, outputs: Sequence[str]) -> list[tuple[str, str | None]]:
    """Decide what is rendered where, before any work is done: pairs of format and file (None: standard output).

    Raises:
        UsageError: A file's format cannot be told, or one format is asked for in several files.
    """
    if not outputs:
        return [(format_ or "text", None)]
    if format_:
        if len(outputs) > 1:
            raise UsageError("--format with several --output files: leave --format out, the endings say it")
        return [(format_, outputs[0])]
    return [*((format_of(name), name) for name in outputs), ("text", None)]


def emit(reports: Sequence[Report], targets: Sequence[tuple[str, str | None]], style: Style, *, quiet: bool) -> None:
    """Render the reports to every target.

    Raises:
        UsageError: A file cannot be written.
    """
    several = len(targets) > 1
    for name, file in targets:
        if file is not None:
            write_whole(Path(file), renderer(name)(reports, style))
        elif not (quiet and (several or name == "text")):
            sys.stdout.write(renderer(name)(reports, style))
            sys.stdout.flush()


def style_for(color: str, measure: str = "stable_rank", verbose: bool = False) -> Style:
    """How to show on this standard output."""
    wanted = color == "always" or (color == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    width = _columns()
    return Style(color=wanted, width=max(width, 60), measure=measure, verbose=verbose)


def _columns() -> int:
    """Columns of the terminal: COLUMNS, as shutil reads it, else what the terminal says, else 100."""
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 100
    except (OSError, ValueError):
        return 100


def exit_code(reports: Sequence[Report]) -> int:
    """3 if something could not be read; else 1 if a gate failed, or is inconclusive and the policy minds; else 0."""
    if any(report.measurements.integrity and report.measurements.integrity.unreadable for report in reports):
        return EXIT_UNREADABLE
    for report in reports:
        status = report.verdict.status
        if status is Status.FAIL or (status is Status.INCONCLUSIVE and report.policy.inconclusive == "fail"):
            return EXIT_GATE_FAILED
    return EXIT_OK


def tell_unread(reports: Sequence[Report], *, told: bool) -> None:
    """One line on standard error for each subject that could not be read, unless the text output said it."""
    for report in reports:
        integrity = report.measurements.integrity
        if integrity and integrity.unreadable and not told:
            reason = integrity.unreadable
            remedy = f"; {reason.remedy}" if reason.remedy else ""
            click.echo(f"loradiag: {printable(reason.file)}: {printable(reason.detail)}{printable(remedy)}", err=True)


def tell_unused(policy: Policy) -> None:
    """Warn of ignores that do nothing."""
    for line in policy.unused:
        click.echo(f"loradiag: unused ignore in {printable(policy.source)}: {printable(line)}", err=True)
