"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from loradiag.outputs import FORMATS

Function = TypeVar("Function", bound=Callable[..., Any])

color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colours in text. [default: auto; NO_COLOR is obeyed]",
)

pickle_option = click.option(
    "--allow-pickle", is_flag=True, help="Read .bin and .pt files, by torch's weights-only loader."
)
revision_option = click.option("--revision", metavar="REV", help="Commit, branch or tag of a BASE on the hub.")
remote_code_option = click.option("--trust-remote-code", is_flag=True, help="Run code that lies beside the base.")


def with_options(function: Function, options: Sequence[Callable[[Function], Function]]) -> Function:
    """Put options on a command, in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def result_options(
    quiet: str = "Print nothing that was not asked for.",
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--format``, ``--quiet`` and ``--color`` of commands whose result is no report.

    The command takes one argument for all three, ``display``.
    """

    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(**values: Any) -> None:
            from loradiag.cli.emit import Display

            display = Display(values.pop("format_") == "json", values.pop("quiet"), values.pop("color"))
            function(display=display, **values)

        options = [
            click.option(
                "-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="[default: text]"
            ),
            click.option("-q", "--quiet", is_flag=True, help=quiet),
            color_option,
        ]
        return with_options(run, options)

    return wrap


def output_options(function: Callable[..., None]) -> Callable[..., None]:
    """``--format``, ``--output``, ``--policy``, ``--fail-on``, ``--quiet``, ``--color``: the same for every command.

    The command takes one argument for all six, ``output``.
    """

    @wraps(function)
    def run(**values: Any) -> None:
        from loradiag.cli.emit import Output

        names = ("format_", "outputs", "policy_path", "fail_on", "quiet", "color")
        output = Output.of(**{name: values.pop(name) for name in names})
        function(output=output, **values)

    options = [
        click.option(
            "-f", "--format", "format_", type=click.Choice(list(FORMATS)), help="Format of the report. [default: text]"
        ),
        click.option(
            "-o",
            "--output",
            "outputs",
            multiple=True,
            type=click.Path(dir_okay=False, path_type=str),
            help="Write the report to this file. May be repeated: without --format, each file's ending says its format.",
        ),
        click.option(
            "--policy",
            "policy_path",
            type=click.Path(path_type=str),
            help="Policy file. [default: loradiag.toml or [tool.loradiag] in pyproject.toml, here or above]",
        ),
        click.option(
            "--fail-on",
            type=click.Choice(["error", "warning", "info", "never"]),
            help="Least severity that makes the exit code 1. [default: error]",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing that was not asked for."),
        color_option,
    ]
    return with_options(run, options)
