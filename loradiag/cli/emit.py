"""From reports to files, the terminal and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from loradiag.core.errors import EXIT_GATE_FAILED, EXIT_OK, EXIT_UNREADABLE, UsageError
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.core.text import printable, printable_json
from loradiag.core.verdict import Status
from loradiag.outputs import format_of, renderer
from loradiag.outputs.style import Style
from loradiag.storage.writing import is_stream, write_whole


class Output(msgspec.Struct, frozen=True):
    """What a command is to do with its reports: by which policy they are judged, where they go, how they look.

    Attributes:
        policy: With ``--fail-on`` in force.
        targets: Pairs of format and file (None: standard output).
        asked: Whether the command line says where reports go, or in which format.
        quiet: Whether nothing is printed that was not asked for.
        color: ``auto``, ``always`` or ``never``.
    """

    policy: Policy
    targets: list[tuple[str, str | None]]
    asked: bool
    quiet: bool
    color: str

    @classmethod
    def of(
        cls,
        *,
        format_: str | None,
        outputs: Sequence[str],
        policy_path: str | None,
        fail_on: str | None,
        quiet: bool,
        color: str,
    ) -> Output:
        """Decide, before any work is done, what the options of the command line come to.

        Raises:
            UsageError: A file's format cannot be told, or one format is asked for in several files.
            PolicyError: The policy cannot be read, or names what does not exist.
        """
        from loradiag.api import read_policy

        targets = plan(format_, outputs)
        policy = read_policy(policy_path)
        policy = msgspec.structs.replace(policy, fail_on=fail_on) if fail_on else policy
        return cls(policy, targets, bool(format_ or outputs), quiet, color)

    def check_places(self, made: str | None = None) -> None:
        """See whether files can be written, before work that takes long: what is not written in the end is lost.

        Args:
            made: A folder that the command makes itself.

        Raises:
            UsageError: There is no such folder, or nothing may be written into it.
        """
        for folder, file in ((Path(file).parent, file) for _, file in self.targets if file is not None):
            if made is not None and Path(made).resolve() in (folder.resolve(), *folder.resolve().parents):
                continue
            if is_stream(Path(file)):
                continue
            if not os.path.isdir(folder):
                raise UsageError(f"--output {printable(file)}: there is no such folder")
            if not os.access(folder, os.W_OK | os.X_OK):
                raise UsageError(f"--output {printable(file)}: cannot be written (its folder may not be written into)")

    @property
    def text_alone(self) -> bool:
        """Whether text on standard output is all that is asked for."""
        return self.targets == [("text", None)]

    def emit(self, reports: Sequence[Report], *, verbose: bool = False, measure: str = "stable_rank") -> None:
        """Render the reports to every target.

        Raises:
            UsageError: A file cannot be written.
        """
        style = style_for(self.color, measure, verbose)
        several = len(self.targets) > 1
        for name, file in self.targets:
            if file is not None:
                write_whole(Path(file), renderer(name)(reports, style))
            elif not (self.quiet and (several or name == "text")):
                sys.stdout.write(renderer(name)(reports, style))
                sys.stdout.flush()

    def end(self, reports: Sequence[Report], code: int = EXIT_OK) -> NoReturn:
        """Warn of ignores that do nothing, and exit with ``code``, or else with what the reports say."""
        tell_unused(reports)
        sys.exit(code or exit_code(reports))


class Display(msgspec.Struct, frozen=True):
    """How a command is to show what is no report: as JSON, as text, or not at all.

    Attributes:
        json: Whether as JSON, which is printed though ``quiet``.
        quiet: Whether no text is printed.
        color: ``auto``, ``always`` or ``never``.
    """

    json: bool
    quiet: bool
    color: str

    def style(self, *, verbose: bool = False) -> Style:
        """How text is shown."""
        return style_for(self.color, verbose=verbose)

    def title(self, text: str) -> str:
        """The words that stand above others, in bold where there are colours."""
        return click.style(text, bold=True) if self.style().color else text


def echo_json(value: object) -> None:
    """Print a value as JSON: NaN is null, and what a terminal would obey, or UTF-8 cannot hold, is written as an escape."""
    try:
        compact = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a path whose bytes are no UTF-8
        compact = msgspec.json.encode(_as_utf8(msgspec.to_builtins(value)))
    click.echo(printable_json(msgspec.json.format(compact, indent=2).decode()))


def _as_utf8(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_as_utf8(key): _as_utf8(inner) for key, inner in value.items()}
    return [_as_utf8(inner) for inner in value] if isinstance(value, list | tuple) else value


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


def tell_unread(reports: Sequence[Report]) -> None:
    """One line on standard error for each subject that could not be read."""
    for report in reports:
        integrity = report.measurements.integrity
        if integrity and integrity.unreadable:
            reason = integrity.unreadable
            remedy = f"; {reason.remedy}" if reason.remedy else ""
            click.echo(f"loradiag: {printable(reason.file)}: {printable(reason.detail)}{printable(remedy)}", err=True)


def tell_unused(reports: Sequence[Report]) -> None:
    """Warn of ignores that do nothing; reports of one run share their policy."""
    if reports:
        policy = reports[0].policy
        for line in policy.unused:
            click.echo(f"loradiag: unused ignore in {printable(policy.source)}: {printable(line)}", err=True)
