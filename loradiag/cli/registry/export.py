"""``loradiag registry export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from loradiag.cli.registry.options import filter_options, registry_option, wanted_of
from loradiag.core.errors import UsageError
from loradiag.core.text import printable

_ENDINGS = {".json": "json", ".csv": "csv", ".parquet": "parquet"}


@click.command(
    "export",
    epilog="""\b
Examples:
  loradiag registry export -o registry.json
  loradiag registry export --table evaluations -o results.parquet
  loradiag registry export --stage live --documents -o live.json""",
)
@click.option(
    "-f", "--format", "format_", type=click.Choice([*_ENDINGS.values()]), help="[default: the file's ending says]"
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=str), help="[default: standard output]"
)
@click.option(
    "--table",
    type=click.Choice(["adapters", "evaluations", "reports", "events", "sightings"]),
    default="adapters",
    help="Of CSV and Parquet. [default: adapters]",
)
@click.option("--documents", is_flag=True, help="In JSON: the stored reports too, whole.")
@filter_options
@registry_option
def export(
    format_: str | None, output: str | None, table: str, documents: bool, where: str | None, **options: Any
) -> None:
    """Write what the registry knows: everything as JSON, or one table as CSV or Parquet."""
    from loradiag.api.registry import open_registry

    kind = format_ or (_ending(output) if output else "json")
    if kind == "parquet" and output is None:
        raise UsageError("Parquet is no text: name a file with --output")
    if documents and kind != "json":
        raise UsageError("--documents are in JSON only")
    with open_registry(where, read_only=True) as registry:
        content = registry.export(kind, table, wanted_of(options), documents=documents)
    if output is not None:
        from loradiag.storage.writing import write_whole

        write_whole(Path(output), content)
    else:
        sys.stdout.write(content if isinstance(content, str) else content.decode())
        sys.stdout.flush()


def _ending(output: str) -> str:
    for ending, kind in _ENDINGS.items():
        if output.lower().endswith(ending):
            return kind
    raise UsageError(f"{printable(output)}: pass --format, or end the name in {', '.join(_ENDINGS)}")
