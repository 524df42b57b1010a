"""What commands of drift share: which lake, and which baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

lake_option = click.option(
    "--lake", required=True, metavar="DIR_OR_URL", type=click.Path(path_type=str), help="What traffic ingest wrote."
)


def baselines_option(use: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--baseline``, of which a command takes one or more as ``baselines``.

    Args:
        use: What they are for, a sentence.
    """
    return click.option(
        "--baseline",
        "baselines",
        multiple=True,
        required=True,
        metavar="DIR",
        type=click.Path(path_type=str),
        help=f"A baseline, or a directory of some; may be repeated. {use}",
    )
