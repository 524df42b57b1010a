"""``loradiag registry set``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import result_options
from loradiag.cli.pairs import name_and_number
from loradiag.cli.registry.options import registry_option, said_options
from loradiag.core.errors import UsageError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display
    from loradiag.registry.lifecycle import Result


@click.command(
    "set",
    epilog="""\b
Examples:
  loradiag registry set 3fa2 --owner ledger-team --tag ledger --tag eu
  loradiag registry set my_adapter/ --stage live --why "a week as canary without an alarm"
  loradiag registry set 3fa2 --stage staging --why "wrong answers on refunds"      # back only with a reason
  loradiag registry set 3fa2 --evaluation arc_easy:acc=0.61 --n 2376
  loradiag registry set 3fa2 91bc --owner \"\"                                       # takes it back""",
)
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@click.option("--owner", metavar="NAME", help="Whom to ask.")
@click.option(
    "--stage",
    type=click.Choice(["staging", "canary", "live", "retired"]),
    help="On from staging to canary to live, or out to retired; any other step with --why.",
)
@click.option("--label", metavar="NAME", help="What to call it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Put a tag on it; may be repeated.")
@click.option("--untag", "untagged", multiple=True, metavar="TAG", help="Take a tag off; may be repeated.")
@click.option("--notes", metavar="TEXT", help="Anything else.")
@click.option("--data-hash", metavar="SHA256", help="Of its training data.")
@click.option(
    "--evaluation",
    "evaluations",
    multiple=True,
    metavar="TASK[:METRIC]=NUMBER",
    help="A result; may be repeated. Comparable are those that name the same metric.",
)
@click.option("--n", type=click.IntRange(1), metavar="N", help="Documents that the results are of.")
@click.option("--stderr", "standard_error", type=click.FloatRange(0), metavar="NUMBER", help="Of a result.")
@click.option("--at", metavar="TIME", help="When the results were made: a date or a time. [default: now]")
@said_options
@registry_option
@result_options()
def set_(
    adapters: tuple[str, ...],
    owner: str | None,
    stage: str | None,
    label: str | None,
    tags: tuple[str, ...],
    untagged: tuple[str, ...],
    notes: str | None,
    data_hash: str | None,
    evaluations: tuple[str, ...],
    n: int | None,
    standard_error: float | None,
    at: str | None,
    by: str | None,
    why: str | None,
    where: str | None,
    display: Display,
) -> None:
    """Say of adapters whose they are, which stage they are in, how they did. All of them change, or none.

    Every change is kept with who and why. An empty text takes back what was said; the stamp's word then holds again.
    """
    from loradiag.api.registry import open_registry
    from loradiag.core.times import now
    from loradiag.registry.lifecycle import Change
    from loradiag.registry.queries import Wanted
    from loradiag.registry.texts import bound

    if data_hash and not re.fullmatch(r"[0-9a-fA-F]{64}", data_hash):
        raise UsageError("--data-hash: write 64 hexadecimal digits, as sha256sum prints them")
    if (n or standard_error is not None or at) and not evaluations:
        raise UsageError("--n, --stderr and --at are of results: add --evaluation TASK=NUMBER")
    when = bound("--at", at, now())
    change = Change(
        owner=owner,
        stage=stage,
        label=label,
        notes=notes,
        data_sha256=data_hash.lower() if data_hash else data_hash,
        tags=tags,
        untagged=untagged,
        results=tuple(_result(word, n, standard_error, when) for word in evaluations),
    )
    if change == Change():
        raise UsageError("say what to set: --owner, --stage, --label, --tag, --notes, --data-hash or --evaluation")
    with open_registry(where, create=False) as registry:
        changed = registry.set(adapters, change, who=by, why=why)
        live = registry.ls(Wanted(hashes=tuple(changed), stages=("live",), failing=True))
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(changed)
    elif not display.quiet:
        for sha256, lines in changed.items():
            for line in lines or ["nothing changed"]:
                click.echo(f"{sha256[:12]}  {line}")
    for row in live:
        kinds = ", ".join(row.failing)
        click.echo(f"loradiag: {printable(row.name)} is live, and its newest report failed: {kinds}", err=True)


def _result(word: str, n: int | None, standard_error: float | None, at: str | None) -> Result:
    from loradiag.registry.lifecycle import Result

    form = "TASK=NUMBER or TASK:METRIC=NUMBER"
    name, number = name_and_number("--evaluation", word, form, last=True)
    task, _, metric = name.partition(":")
    if not (task and math.isfinite(number)):
        raise UsageError(f"--evaluation {printable(word)}: write {form}")
    return Result(task, number, metric, n, standard_error, at)
