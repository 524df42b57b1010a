"""What the commands of the lake share: which lake, and counts by name."""

from __future__ import annotations

from collections.abc import Mapping

import click

from loradiag.core.text import printable, shorten

lake_option = click.option(
    "--lake", required=True, metavar="DIR_OR_URL", type=click.Path(path_type=str), help="The lake."
)


def counts(found: Mapping[str, int]) -> str:
    """Names with how often each is there, the most frequent first; safe to show."""
    rows = sorted(found.items(), key=lambda row: -row[1])
    shown = ", ".join(f"{shorten(printable(name), 60)} {count:,}" for name, count in rows[:8])
    return shown if len(rows) <= 8 else f"{shown} and {len(rows) - 8:,} more"
