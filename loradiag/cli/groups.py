"""Groups of commands that cost nothing until one of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from loradiag.core.lazy import Entry, load


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports a command when it is called.

    Args:
        table: Of each command where it is, and its summary.
        settings: As of any group.
    """

    def __init__(self, *, table: Mapping[str, Entry], **settings: Any) -> None:
        super().__init__(**settings)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        entry = self._table.get(cmd_name)
        return load(entry) if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        if args and args[0] not in self._table:
            import difflib

            close = difflib.get_close_matches(args[0], self._table, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._table.items()])
