"""``loradiag traffic``: request logs into the lake, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from loradiag.cli.groups import LazyGroup
from loradiag.core.lazy import Entry

COMMANDS: Mapping[str, Entry] = {
    "ingest": Entry("loradiag.cli.traffic.ingest:ingest", summary="Read request logs into the lake."),
    "embed": Entry("loradiag.cli.traffic.embed:embed", summary="Embed the texts that the lake keeps."),
    "stats": Entry("loradiag.cli.traffic.stats:stats", summary="What the lake has, by adapter."),
    "compact": Entry("loradiag.cli.traffic.compact:compact", summary="Merge the small files of many runs."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  loradiag traffic ingest logs/*.jsonl.gz --lake lake/ --encoder encoders/minilm/
  loradiag traffic stats --lake lake/
  loradiag traffic compact --lake lake/""",
)
def traffic() -> None:
    """Request logs into the lake, a folder of Parquet files, and what is in it."""
