"""``loradiag schema``."""

from __future__ import annotations

import click


@click.command(epilog="Example: loradiag schema > report.schema.json")
def schema() -> None:
    """Print the JSON Schema (2020-12) of the reports that this version writes."""
    from loradiag.core.report import json_schema

    click.echo(json_schema(), nl=False)
