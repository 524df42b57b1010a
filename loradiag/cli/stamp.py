"""``loradiag stamp``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loradiag.cli.options import pickle_option, result_options, revision_option
from loradiag.cli.pairs import name_and_number, name_and_value
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display


@click.command(
    epilog="""\b
Examples:
  loradiag stamp my_adapter/ --base models/my-base/ --data train.jsonl --owner team@example.org
  loradiag stamp my_adapter/ --base owner/name --hyperparameter seed=7 --evaluation arc_easy=0.71
  loradiag stamp my_adapter/ --update --evaluation mmlu=0.43"""
)
@click.argument("adapter", metavar="ADAPTER", type=click.Path(path_type=str))
@click.option("--base", metavar="BASE", help="The base that it was trained on: a directory, a file, or a hub id.")
@revision_option
@click.option(
    "--data", metavar="PATH", type=click.Path(path_type=str), help="Training data to hash: a file or a directory."
)
@click.option("--data-hash", metavar="SHA256", help="The hash of the training data, in place of --data.")
@click.option("--owner", help="Whom to ask about it.")
@click.option("--hyperparameter", "hyperparameters", metavar="KEY=VALUE", multiple=True, help="May be repeated.")
@click.option("--evaluation", "evaluations", metavar="TASK=NUMBER", multiple=True, help="A result. May be repeated.")
@click.option("--notes", metavar="TEXT", help="Anything else.")
@click.option("--fast", is_flag=True, help="Identify the base by samples of each tensor.")
@click.option("--update", is_flag=True, help="Add to the stamp that is there; what is not said stays as it is.")
@click.option("--force", is_flag=True, help="Replace a stamp that says something else.")
@pickle_option
@result_options()
def stamp(
    adapter: str,
    base: str | None,
    revision: str | None,
    data: str | None,
    data_hash: str | None,
    owner: str | None,
    hyperparameters: tuple[str, ...],
    evaluations: tuple[str, ...],
    notes: str | None,
    fast: bool,
    update: bool,
    force: bool,
    allow_pickle: bool,
    display: Display,
) -> None:
    """Write beside an adapter what it was made from.

    The stamp, loradiag-stamp.json (or NAME.loradiag-stamp.json beside a file NAME.safetensors of no usual name), holds the
    hashes of the weights, of the base and of the training data, the hyperparameters that the adapter's configuration and
    the trainer's state tell, and what you add. inspect then says whether adapter and base are still the stamped ones. A
    directory of data is hashed as its sorted list of names and hashes. Nothing is written unless a module of the adapter
    fits the base.
    """
    from loradiag.cli.emit import echo_json
    from loradiag.cli.progress import Bar
    from loradiag.stamping.stamp import stamp as run

    with Bar(enabled=not display.quiet, unit="bytes") as bar:
        bar.subject(base or adapter)
        result = run(
            adapter,
            base,
            revision=revision,
            data=data,
            data_hash=data_hash,
            owner=owner,
            hyperparameters=dict(name_and_value("--hyperparameter", word) for word in hyperparameters),
            evaluation=dict(name_and_number("--evaluation", word) for word in evaluations),
            notes=notes,
            fast=fast,
            update=update,
            force=force,
            allow_pickle=allow_pickle,
            progress=bar.advance,
        )
    for warning in result.warnings:
        click.echo(f"loradiag: {printable(adapter)}: {warning}", err=True)
    if display.json:
        echo_json(result)
    elif not display.quiet:
        from loradiag.stamping.show import render_stamped

        style = display.style()
        sys.stdout.write(render_stamped(result, color=style.color, width=style.width))
        sys.stdout.flush()
