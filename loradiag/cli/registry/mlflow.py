"""``loradiag registry log-mlflow`` and ``fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loradiag.cli.options import result_options
from loradiag.core.errors import UsageError
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display

_tracking_option = click.option(
    "--tracking-uri", metavar="URI", help="The MLflow server. [default: MLFLOW_TRACKING_URI]"
)


@click.command(
    "log-mlflow",
    epilog="""\b
Examples:
  loradiag registry log-mlflow report.json --run-id 6f1c…
  loradiag registry log-mlflow forgetting.json --experiment ledger --tracking-uri http://127.0.0.1:5000""",
)
@click.argument("report", metavar="REPORT.json", type=click.Path(path_type=str))
@click.option("--run-id", metavar="ID", help="Add it to this run.")
@click.option("--experiment", metavar="NAME", help="Make a run for it in this experiment.")
@_tracking_option
@result_options()
def log_mlflow(
    report: str,
    run_id: str | None,
    experiment: str | None,
    tracking_uri: str | None,
    display: Display,
) -> None:
    """Log a report to a run of MLflow: a few metrics under stable names, tags, and the report as JSON and as a page.

    Of several reports in one file, the checkpoints of a run, each is logged with its step.
    """
    from loradiag.api import read_reports
    from loradiag.api.registry import log_to_mlflow

    if (run_id is None) == (experiment is None):
        raise UsageError("name a run with --run-id, or an experiment to make one in with --experiment")
    done = log_to_mlflow(read_reports(report), run_id=run_id, experiment=experiment, tracking_uri=tracking_uri)
    if display.json:
        from loradiag.cli.emit import echo_json

        echo_json(done)
    elif not display.quiet:
        first = done[0]
        said = f"{plural(len(first.metrics), 'metric')}, {plural(sum(len(row.files) for row in done), 'file')}"
        click.echo(f"logged to run {printable(first.run_id)}: {said}")


@click.command(
    "fetch",
    epilog="""\b
Examples:
  loradiag inspect "$(loradiag registry fetch models:/ledger/3)"
  loradiag registry fetch models:/ledger@champion --tracking-uri http://127.0.0.1:5000
  loradiag registry fetch runs:/6f1c…/adapter""",
)
@click.argument("uri", metavar="URI")
@_tracking_option
def fetch(uri: str, tracking_uri: str | None) -> None:
    """Fetch an adapter from MLflow's model registry, or from a run, into the cache, and print where it lies.

    Only the adapter's own files are fetched, and nothing of them is run.
    """
    from loradiag.api.registry import fetch_from_mlflow

    click.echo(str(fetch_from_mlflow(uri, tracking_uri=tracking_uri)))
