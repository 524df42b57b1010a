"""``loradiag drift monitoring``: alert rules and a dashboard for what the watch serves."""

from __future__ import annotations

from pathlib import Path

import click

from loradiag.core.text import printable


@click.command(
    "monitoring",
    epilog="""\b
Examples:
  loradiag drift monitoring                        # what there is
  loradiag drift monitoring --output monitoring/   # alerts.yml, grafana.json, alertmanager.yml""",
)
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=str), help="Write them here.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing that was not asked for.")
def monitoring(output: str | None, *, force: bool, quiet: bool) -> None:
    """Write alert rules for Prometheus, a dashboard for Grafana and an example of a route for Alertmanager."""
    from loradiag.watching.monitoring import SHIPPED, write_monitoring

    if output is None:
        for name, what in SHIPPED.items():
            click.echo(f"{name:<18} {what}")
        return
    for path in write_monitoring(Path(output), force=force):
        if not quiet:
            click.echo(printable(str(path)))
