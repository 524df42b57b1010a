"""``loradiag drift``: baselines, and traffic beside them."""

from __future__ import annotations

from collections.abc import Mapping

import click

from loradiag.cli.groups import LazyGroup
from loradiag.core.lazy import Entry

COMMANDS: Mapping[str, Entry] = {
    "baseline": Entry("loradiag.cli.drift.baseline:baseline", summary="What an adapter's traffic should look like."),
    "check": Entry("loradiag.cli.drift.check:check", summary="Has the traffic of adapters drifted from it?"),
    "calibrate-check": Entry(
        "loradiag.cli.drift.calibrate_check:calibrate_check", summary="How often does a check cry wolf?"
    ),
    "watch": Entry("loradiag.cli.drift.watch:watch", summary="Watch day and night, with one budget of false alarms."),
    "alarms": Entry("loradiag.cli.drift.alarms:alarms", summary="The watch's alarms: list, acknowledge, resolve."),
    "canary": Entry(
        "loradiag.cli.drift.canary:canary", summary="A new adapter beside the old one: promote, or roll back?"
    ),
    "monitoring": Entry(
        "loradiag.cli.drift.monitoring:monitoring", summary="Alert rules and a dashboard for the watch."
    ),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  loradiag drift baseline my_adapter/ --data train.jsonl --encoder encoders/minilm/ --output baselines/my_adapter
  loradiag traffic ingest logs/*.jsonl --lake lake/ --encoder encoders/minilm/
  loradiag drift check --baseline baselines/ --lake lake/ --window 1d
  loradiag drift calibrate-check baselines/my_adapter""",
)
def drift() -> None:
    """Is what users send still what the adapter was made for?"""
