"""What commands of drift share: which lake."""

from __future__ import annotations

import click

lake_option = click.option(
    "--lake", required=True, metavar="DIR_OR_URL", type=click.Path(path_type=str), help="What traffic ingest wrote."
)
