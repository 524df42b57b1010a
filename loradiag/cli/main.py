"""``loradiag``: the group of commands, imported one by one as they are called."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Mapping

# Before numpy is imported for the first time: small products are slower on several BLAS threads, and starting those
# threads costs more than inspecting a small adapter. A user's own setting stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from loradiag._about import __version__
from loradiag.cli.groups import LazyGroup
from loradiag.core.errors import EXIT_INTERRUPTED, EXIT_USAGE, LoradiagError
from loradiag.core.lazy import Entry
from loradiag.core.text import printable

_WIDEST = 110
"""Columns of help at most."""

COMMANDS: Mapping[str, Entry] = {
    "inspect": Entry("loradiag.cli.inspect:inspect", summary="What is in an adapter, and is it sound?"),
    "compare": Entry("loradiag.cli.compare:compare", summary="Adapters beside each other, or checkpoints of one run."),
    "fleet": Entry("loradiag.cli.fleet:fleet", summary="Hundreds of adapters at once."),
    "merge-drift": Entry(
        "loradiag.cli.merge_drift:merge_drift", summary="What survives a fold into the base? The CI gate."
    ),
    "forgetting": Entry("loradiag.cli.forgetting:forgetting", summary="What did the base forget?"),
    "drift": Entry("loradiag.cli.drift:drift", summary="Has the traffic drifted from what the adapter was made for?"),
    "traffic": Entry("loradiag.cli.traffic:traffic", summary="Request logs into the lake, and what is in it."),
    "dashboard": Entry("loradiag.cli.dashboard:dashboard", summary="Reports, traffic and alarms in a browser."),
    "serve-check": Entry(
        "loradiag.cli.serve_check:serve_check", summary="Is every adapter served, as itself, under load?"
    ),
    "registry": Entry(
        "loradiag.cli.registry:registry", summary="What is known of every adapter: reports, results, owners, history."
    ),
    "resize": Entry("loradiag.cli.resize:resize", summary="Write a smaller PEFT adapter, and measure what it cost."),
    "fingerprint": Entry("loradiag.cli.fingerprint:fingerprint", summary="Which weights does a base have?"),
    "stamp": Entry("loradiag.cli.stamp:stamp", summary="Write beside an adapter what it was made from."),
    "cache": Entry("loradiag.cli.cache:cache", summary="Show or clear what is remembered from run to run."),
    "judge": Entry("loradiag.cli.judge:judge", summary="Judge a report again, under another policy."),
    "rule": Entry("loradiag.cli.rule:rule", summary="What a rule means; without a code, all rules."),
    "schema": Entry("loradiag.cli.schema:schema", summary="Print the JSON Schema of reports."),
    "demo": Entry("loradiag.cli.demo:demo", summary="See all of it at work, on toy data that is made while you wait."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST},
    epilog="Example: loradiag inspect my_adapter/    Exit codes: 0 sound, 1 the gate failed, 2 wrong usage, 3 unreadable.",
)
@click.version_option(__version__, prog_name="loradiag")
def cli() -> None:
    """Diagnostics and monitoring for trained LoRA adapters."""


def _width() -> int:
    """Columns for help, as click would have them; it would import shutil for that, and all compressions with it."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else -1).columns
        except (AttributeError, ValueError, OSError):
            columns = 80
    return max(min(columns or 80, _WIDEST) - 2, 50)


def main() -> None:
    """Run the command line; every foreseen error is one line on stderr and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without σ is no reason to keep a verdict back
    try:
        code = cli.main(standalone_mode=False, terminal_width=_width())
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except LoradiagError as error:
        click.echo(f"loradiag: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("loradiag: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except MemoryError:
        click.echo("loradiag: out of memory", err=True)
        code = EXIT_USAGE
    except BrokenPipeError:
        # The reader of a pipe went away (head, less). Point stdout elsewhere so that closing it raises nothing more, and
        # say so as the shell does, since the verdict was not delivered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + 13
    except Exception as error:
        code = _unforeseen(error)
    sys.exit(code if isinstance(code, int) else 0)


def _unforeseen(error: Exception) -> int:
    """Say what nobody caught. Python would exit with 1, which here means that the gate failed."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        # Files are written by code that names them. What is left in the buffer would raise again in the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"loradiag: standard output cannot be written ({error.strerror})", err=True)
        return EXIT_USAGE
    if os.environ.get("LORADIAG_DEBUG"):
        raise error
    said = f"{type(error).__name__}: {printable(str(error))[:200]}"
    click.echo(f"loradiag: internal error ({said}); LORADIAG_DEBUG=1 shows where, please report it", err=True)
    return EXIT_USAGE
