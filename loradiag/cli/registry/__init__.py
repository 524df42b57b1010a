"""``loradiag registry``: what is known of every adapter, kept."""

from __future__ import annotations

from collections.abc import Mapping

import click

from loradiag.cli.groups import LazyGroup
from loradiag.core.lazy import Entry

COMMANDS: Mapping[str, Entry] = {
    "add": Entry("loradiag.cli.registry.add:add", summary="Record adapters, and reports on them."),
    "ls": Entry("loradiag.cli.registry.listing:ls", summary="List adapters."),
    "show": Entry("loradiag.cli.registry.listing:show", summary="All of one: verdicts, results over time, history."),
    "set": Entry("loradiag.cli.registry.setting:set_", summary="Say whose it is, its stage, how it did."),
    "best": Entry("loradiag.cli.registry.best:best", summary="Which adapter was best on a task?"),
    "check": Entry("loradiag.cli.registry.check:check", summary="A gate: owners, data, evaluations, what is live."),
    "export": Entry("loradiag.cli.registry.export:export", summary="Everything as JSON; tables as CSV or Parquet."),
    "log-mlflow": Entry("loradiag.cli.registry.mlflow:log_mlflow", summary="Log a report to an MLflow run."),
    "fetch": Entry("loradiag.cli.registry.mlflow:fetch", summary="Fetch an adapter from MLflow."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  loradiag registry add adapters/ forgetting.json
  loradiag registry set my_adapter/ --owner ledger-team --stage canary
  loradiag registry ls --stage live --missing owner
  loradiag registry best arc_easy --since 2026-07-01 --until 2026-10-01
  loradiag registry check --stage live
\b
It lies in LORADIAG_REGISTRY, or registry.sqlite in the user's data directory.""",
)
def registry() -> None:
    """What is known of every adapter: hash, base, stamp, reports, results, owner, stage and history.

    An adapter is named by any beginning of its hash that no other has, by its label or the name of its directory, or by
    its path.
    """
