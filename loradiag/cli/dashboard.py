"""``loradiag dashboard``: reports and traffic in a browser."""

from __future__ import annotations

import click

from loradiag.core.errors import UsageError


@click.command(
    "dashboard",
    epilog="""\b
Examples:
  loradiag dashboard --reports reports/                      # what other commands wrote with -o reports/NAME.json
  loradiag dashboard --reports reports/ --traffic lake/      # and what users send, with the alarms of 'drift watch'
  loradiag dashboard --reports reports/ --registry registry.sqlite  # and owners, stages and history of every adapter
  loradiag dashboard --traffic lake/ --allow-writes          # alarms can be acknowledged and resolved
  loradiag demo                                              # the whole thing, on made-up adapters and a month of traffic""",
)
@click.option(
    "--reports", metavar="DIR", type=click.Path(path_type=str), help="A folder of reports in JSON, searched through."
)
@click.option(
    "--traffic", metavar="LAKE", type=click.Path(path_type=str), help="What traffic ingest wrote: a folder, or its URL."
)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=str, dir_okay=False),
    help="The state of 'drift watch'. [default: _state/watch.sqlite in the lake]",
)
@click.option(
    "--registry",
    metavar="PATH_OR_URL",
    envvar="LORADIAG_REGISTRY",
    help="A registry: a file, or postgresql://user@host/database. [default: LORADIAG_REGISTRY, else none]",
)
@click.option("--allow-writes", is_flag=True, help="Let readers acknowledge and resolve alarms. [default: read-only]")
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="To listen on. There is no password. [default: 127.0.0.1]"
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8501, metavar="N", help="0 takes a free one. [default: 8501]"
)
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    default=5.0,
    metavar="SECONDS",
    help="From one look at files to the next. [default: 5]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def dashboard(
    reports: str | None,
    traffic: str | None,
    *,
    state: str | None,
    registry: str | None,
    allow_writes: bool,
    host: str,
    port: int,
    no_browser: bool,
    every: float,
    quiet: bool,
) -> None:
    """Show every adapter, its reports, its traffic and its alarms in a browser.

    It reads what other commands wrote and changes nothing, unless --allow-writes lets readers settle alarms. It listens on this
    machine alone, unless --host says otherwise: put it behind a proxy with a login before others may reach it.
    """
    if reports is None and traffic is None and not registry:
        raise UsageError(
            "name what to show: --reports DIR, --traffic LAKE, --registry PATH_OR_URL, or several of them; "
            "'loradiag demo' shows made-up adapters"
        )
    from loradiag.cli.serving import Wanted, serve

    serve(
        Wanted(
            reports=reports,
            traffic=traffic,
            state=state,
            registry=registry or None,
            allow_writes=allow_writes,
            host=host,
            port=port,
            browser=not no_browser,
            every=every,
            quiet=quiet,
        )
    )
