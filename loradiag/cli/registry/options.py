"""Options that the registry's commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import Function, with_options

if TYPE_CHECKING:
    from loradiag.registry.queries import Wanted

registry_option = click.option(
    "--registry",
    "where",
    metavar="PATH_OR_URL",
    help="A file, or postgresql://user@host/database. [default: LORADIAG_REGISTRY, else registry.sqlite in the user's data]",
)


def filter_options(function: Function) -> Function:
    """``--stage``, ``--owner``, ``--base``, ``--tag``, ``--failing``, ``--missing``: which adapters."""
    options = [
        click.option(
            "--stage",
            "stages",
            multiple=True,
            type=click.Choice(["staging", "canary", "live", "retired", "none"]),
            help="In this stage; may be repeated.",
        ),
        click.option("--owner", metavar="NAME", help="Of this owner."),
        click.option("--base", metavar="NAME", help="On this base: its whole name, or the part after the last slash."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag; with all, if repeated."),
        click.option("--failing", is_flag=True, help="Of which the newest report of some kind failed."),
        click.option(
            "--missing",
            multiple=True,
            type=click.Choice(["owner", "data", "evaluation"]),
            help="Without an owner, a hash of the data, or an evaluation; without all, if repeated.",
        ),
    ]
    return with_options(function, options)


def wanted_of(options: dict[str, Any]) -> Wanted:
    """The filter that was asked for; the options that make it are taken out."""
    from loradiag.registry.queries import Wanted

    return Wanted(**{name: options.pop(name) for name in ("stages", "owner", "base", "tags", "failing", "missing")})


def said_options(function: Function) -> Function:
    """``--by`` and ``--why``."""
    options = [
        click.option("--by", metavar="NAME", help="Who does so. [default: the user]"),
        click.option("--why", metavar="TEXT", help="The reason; asked for where a stage goes back or is left out."),
    ]
    return with_options(function, options)
