"""A watch that goes on, with what it tells the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from loradiag.api.watching import Told, keep_watching, state_path

if TYPE_CHECKING:
    from loradiag.core.watching import Watch, WatchTotals
    from loradiag.watching.watcher import News

_LATE = 5
"""Polls that may be missed before ``/healthz`` says so."""

_PATIENCE = 30.0
"""Seconds after which a watch that looks once begins to send no further notice."""

_LEAST = 60.0
"""Seconds that a poll may take in any case: the first one of a large lake takes minutes."""


def serve_watch(
    lake: str | Path,
    baselines: Sequence[str | Path],
    *,
    stop: Event,
    told: Told,
    say: Callable[[str], None],
    listen: str | None = None,
    webhooks: Sequence[str] = (),
    most_labels: int = 1000,
    state: str | Path | None = None,
    every: float = 10.0,
    **options: Any,
) -> None:
    """Watch until told to stop; serve metrics and health, and send notices of alarms.

    Args:
        lake: As of :func:`loradiag.watch`.
        baselines: The same.
        stop: Set from elsewhere to end it, after the poll that is at work.
        told: Called after every poll.
        say: Called with lines for people.
        listen: ``host:port`` for ``/metrics`` and ``/healthz``; None for neither.
        webhooks: Where notices go, besides the addresses in ``LORADIAG_WEBHOOK``.
        most_labels: Adapters in metrics.
        state: As of :func:`loradiag.watch`.
        every: Seconds from one poll to the next.
        options: As of :func:`loradiag.keep_watching`.

    Raises:
        InputError: Lake, baselines or state cannot be read at the start.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense, the address is taken, or another watch is at work on the state.
    """
    from loradiag.watching.alerting import hooks_of
    from loradiag.watching.metrics import Metrics
    from loradiag.watching.sending import Sender
    from loradiag.watching.serving import Health, Server

    metrics, health = Metrics(most_labels), Health(max(_LATE * every, _LEAST))
    hooks, place = hooks_of(webhooks), state_path(lake, state)
    server = Server(listen, metrics, health) if listen else None
    if server:
        say(f"listening: {server.url}/metrics and {server.url}/healthz")
    sender = Sender(place, hooks, say)

    def known(totals: WatchTotals, adapters: list[Watch], news: News) -> None:
        metrics.update(totals, adapters)
        health.succeeded()
        told(totals, adapters, news)

    def failed(reason: str) -> None:
        health.failed(reason)
        say(reason)

    try:
        keep_watching(lake, baselines, known, stop=stop, state=state, every=every, failed=failed, **options)
    finally:
        sender.close()
        if server:
            server.close()


def send_notices(
    lake: str | Path, webhooks: Sequence[str] = (), *, say: Callable[[str], None], state: str | Path | None = None
) -> int:
    """Send the notices of a watch that looks once; those that fail are sent again after a later look.

    Args:
        lake: As of :func:`loradiag.watch`.
        webhooks: As of :func:`serve_watch`.
        say: Called with lines for people.
        state: As of :func:`loradiag.watch`.

    Returns:
        How many were delivered.

    Raises:
        InputError: There is no watch.
        UsageError: An address is none, or the state cannot be written.
    """
    from loradiag.watching.alerting import hooks_of
    from loradiag.watching.sending import send_due

    hooks = hooks_of(webhooks)
    return send_due(state_path(lake, state), hooks, say, _PATIENCE) if hooks else 0
