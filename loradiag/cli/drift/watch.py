"""``loradiag drift watch``: the lake under watch, once or day and night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.drift.shared import baselines_option, lake_option
from loradiag.cli.options import output_options
from loradiag.core.errors import UsageError
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Output
    from loradiag.core.watching import Watch, WatchTotals
    from loradiag.watching.watcher import News


@click.command(
    "watch",
    epilog="""\b
Examples:
  loradiag drift watch --baseline baselines/ --lake lake/ --once            # count what is new, report, and end
  loradiag drift watch --baseline baselines/ --lake lake/ --listen 127.0.0.1:9464
  LORADIAG_WEBHOOK=https://alerts.example/hook loradiag drift watch --baseline baselines/ --lake lake/ --every 30""",
)
@baselines_option("Their adapters are watched.")
@lake_option
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=str, dir_okay=False),
    help="What was counted is remembered here. [default: _state/watch.sqlite in the lake]",
)
@click.option("--once", is_flag=True, help="Count what is new, report, and end: for a timer.")
@click.option(
    "--alpha", type=float, default=0.05, metavar="CHANCE", help="Of any alarm without drift, ever. [default: 0.05]"
)
@click.option(
    "--tolerance", type=float, metavar="W", help="Change of the mix that is no drift, Cohen's w. [default: 0.2]"
)
@click.option("--every", type=float, default=10.0, metavar="SECONDS", help="From one look to the next. [default: 10]")
@click.option(
    "--listen", metavar="HOST:PORT", help="Serve /metrics for Prometheus and /healthz, on loopback unless told."
)
@click.option(
    "--webhook",
    "webhooks",
    multiple=True,
    metavar="URL",
    help="Send alarms there, in Alertmanager's format; may be repeated. [also: LORADIAG_WEBHOOK]",
)
@click.option(
    "--most-labels", type=click.IntRange(1), default=1000, metavar="N", help="Adapters in metrics. [default: 1000]"
)
@click.option("-v", "--verbose", is_flag=True, help="With --once: show every adapter and signal.")
@output_options
def watch(
    baselines: tuple[str, ...],
    lake: str,
    *,
    once: bool,
    every: float,
    listen: str | None,
    webhooks: tuple[str, ...],
    most_labels: int,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Watch the traffic of adapters, and raise an alarm where it has drifted from their baselines.

    Evidence is gathered request by request and never expires. The chance that there is ever an alarm without drift, for any
    adapter and however long this goes on, is at most --alpha. What was counted survives a kill at any time.
    """
    if once:
        if listen:
            raise UsageError("--listen: a watch that looks once serves nothing; leave --once out")
        _once(baselines, lake, webhooks, output, verbose=verbose, **options)
        return
    if output.asked:
        raise UsageError("--format and --output: add --once; a watch that goes on writes its alarms to standard error")
    options = {"every": every, "policy": output.policy, **options}
    _serve(baselines, lake, listen, webhooks, most_labels, quiet=output.quiet, **options)


def _once(
    baselines: Sequence[str],
    lake: str,
    webhooks: Sequence[str],
    output: Output,
    *,
    verbose: bool,
    **options: Any,
) -> None:
    from loradiag.api.serving import send_notices
    from loradiag.api.watching import watch as run
    from loradiag.cli.progress import Bar
    from loradiag.watching.alerting import hooks_of

    output.check_places()
    hooks_of(webhooks)  # what makes no sense is said before anything is counted
    with Bar(enabled=not output.quiet, unit="files") as bar:
        reports = run(lake, baselines, policy=output.policy, progress=bar.stage, **options)
    output.emit(reports, verbose=verbose)
    send_notices(lake, webhooks, say=partial(_say, quiet=output.quiet), state=options["state"])
    output.end(reports)


def _serve(
    baselines: Sequence[str],
    lake: str,
    listen: str | None,
    webhooks: Sequence[str],
    most_labels: int,
    *,
    quiet: bool,
    **options: Any,
) -> None:
    import signal
    from threading import Event

    from loradiag.api.serving import serve_watch

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    say = partial(_say, quiet=quiet)
    looks = count()

    def told(totals: WatchTotals, adapters: list[Watch], news: News) -> None:
        for text in _lines(totals, adapters, news, first=next(looks) == 0):
            say(text)

    serve_watch(
        lake,
        baselines,
        stop=stop,
        told=told,
        say=say,
        listen=listen,
        webhooks=webhooks,
        most_labels=most_labels,
        **options,
    )


def _say(text: str, *, quiet: bool) -> None:
    from loradiag.core.times import now

    if not quiet:
        click.echo(f"{now()}  {text}", err=True)


def _lines(totals: WatchTotals, adapters: list[Watch], news: News, *, first: bool) -> Iterator[str]:
    """One line at the start, and one for each alarm."""
    if first or news.raised or news.resolved:
        requests = plural(totals.requests, "request")
        yield f"{requests} counted, {plural(len(adapters), 'adapter')} under watch"
    for alarm in news.raised:
        yield f"ALARM {alarm.id} {printable(alarm.adapter)}: {printable(alarm.message)}"
    for alarm in news.resolved:
        yield f"resolved {alarm.id} {printable(alarm.adapter)}: {printable(alarm.why or '')}"
