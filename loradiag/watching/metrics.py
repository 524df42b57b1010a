"""What the watcher knows, as Prometheus metrics. Nothing of a request is in them, and the number of labels is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any

import msgspec

from loradiag._about import __version__
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten
from loradiag.core.watching import Watch, WatchTotals
from loradiag.watching.telling import seconds_of

OTHER = "other"
"""The adapter that all are folded into for which there is no label left."""

MOST = 1000
"""Adapters with a label of their own."""

_LONGEST = 120
"""Characters of a label."""


class Scrape(msgspec.Struct, frozen=True):
    """What is known after a poll: the watch as a whole, and its adapters."""

    totals: WatchTotals
    adapters: Sequence[Watch]


class Metrics:
    """A registry of its own, whose metrics change all at once.

    Args:
        most: Adapters with a label of their own: an adapter that has one keeps it, so that no counter ever falls; the rest are
            counted together as ``other``.
    """

    def __init__(self, most: int = MOST) -> None:
        library = require("prometheus_client", "drift")
        self._core = require("prometheus_client.core", "drift")
        self._lock = Lock()
        self._most = most
        self._labels: dict[str, str] = {}
        self._known: Scrape | None = None
        self.registry = library.CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def update(self, totals: WatchTotals, adapters: Sequence[Watch]) -> None:
        """Hand over what is known now; a scrape sees all of it or nothing."""
        with self._lock:
            self._label(adapters)
            self._known = Scrape(totals, adapters)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return the exposition and its content type, in the format that a client accepts."""
        exposition = require("prometheus_client.exposition", "drift")
        try:
            encoder, kind = exposition.choose_encoder(accept)
        except Exception:  # of versions that are no numbers it raises whatever comparing them does
            encoder, kind = exposition.choose_encoder("")
        return encoder(self.registry), kind

    def _label(self, adapters: Sequence[Watch]) -> None:
        """Give labels to adapters that have none: those with open alarms first, then those with most requests."""
        waiting = [row for row in adapters if row.adapter not in self._labels]
        waiting.sort(key=lambda row: (not row.alarms, -row.requests, row.adapter))
        taken = {OTHER, *self._labels.values()}
        for row in waiting[: max(0, self._most - len(self._labels))]:
            label = shorten(printable(row.adapter), _LONGEST) or "?"
            number = 2
            while label in taken:
                label, number = f"{shorten(printable(row.adapter), _LONGEST - 8)} #{number}", number + 1
            taken.add(label)
            self._labels[row.adapter] = label

    def describe(self) -> Iterable[Any]:
        """Nothing before the first poll: names are registered with the values."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield every metric family."""
        with self._lock:
            known = self._known
            labels = dict(self._labels)
        yield self._core.InfoMetricFamily(
            "loradiag_build", "The version that is at work.", value={"version": __version__}
        )
        if known is None:
            return
        yield from self._totals(known.totals)
        yield from self._adapters(known.adapters, labels)
        yield from self._signals(known.adapters, labels)

    def _totals(self, totals: WatchTotals) -> Iterator[Any]:
        gauge, counter = self._core.GaugeMetricFamily, self._core.CounterMetricFamily
        for name, told, value in (
            ("logged_requests", "Requests that were counted, of whomever.", totals.requests),
            ("unattributed_requests", "Requests that name neither an adapter nor a base.", totals.unattributed),
            ("unwatched_requests", "Requests of adapters without a baseline.", totals.unwatched),
            ("late_requests", "Requests that came more than thirty days late, and were not counted.", totals.late),
            ("polls", "Times that the lake was looked at.", totals.polls),
        ):
            yield counter(f"loradiag_{name}", told, value=value)
        polled = seconds_of(totals.polled) if totals.polled else 0.0
        for name, told, number in (
            ("last_poll_timestamp_seconds", "When the lake was last looked at to the end.", polled),
            ("poll_duration_seconds", "How long that took.", totals.seconds),
            (
                "behind_seconds",
                "From the arrival of the newest requests in the lake to their being counted.",
                totals.behind,
            ),
            ("lake_flawed_files", "Files of the lake, and baselines, that are left out.", totals.flawed_files),
            ("alpha", "The chance of any alarm without drift, over all time.", totals.alpha),
            ("budget_left", "The part of alpha that is left for adapters and episodes to come.", totals.budget_left),
        ):
            yield gauge(f"loradiag_{name}", told, value=number)

    def _adapters(self, adapters: Sequence[Watch], labels: dict[str, str]) -> Iterator[Any]:
        requests = self._core.CounterMetricFamily("loradiag_requests", "Requests logged.", labels=["adapter"])
        counted: dict[str, int] = {}
        for row in adapters:
            label = labels.get(row.adapter, OTHER)
            counted[label] = counted.get(label, 0) + row.requests
        for label, number in counted.items():
            requests.add_metric([label], number)
        yield requests
        value = self._core.GaugeMetricFamily("loradiag_e_value", "Evidence of drift, by adapter.", labels=["adapter"])
        line = self._core.GaugeMetricFamily("loradiag_alarm_line", "The e-value that alarms.", labels=["adapter"])
        alarm = self._core.GaugeMetricFamily(
            "loradiag_alarm_open",
            "1 while an alarm is open, 0.5 while it is acknowledged.",
            labels=["adapter", "signal"],
        )
        alarming: dict[tuple[str, str], float] = {}
        for row in adapters:
            label = labels.get(row.adapter, OTHER)
            if row.adapter in labels:
                value.add_metric([label], row.e_value)
                line.add_metric([label], row.line)
            for one in row.alarms:  # also of those without a label: an alarm must not be silent
                state = 1.0 if one.status == "open" else 0.5
                alarming[label, one.signal] = max(alarming.get((label, one.signal), 0.0), state)
        for names, state in alarming.items():
            alarm.add_metric([*names], state)
        yield from (value, line, alarm)

    def _signals(self, adapters: Sequence[Watch], labels: dict[str, str]) -> Iterator[Any]:
        families = {
            field: self._core.GaugeMetricFamily(f"loradiag_signal_{field}", told, labels=["adapter", "signal"])
            for field, told in (
                ("e_value", "Evidence of drift, by signal."),
                ("recent", "What is seen of late."),
                ("tolerated", "Up to which it is no drift."),
            )
        }
        for row in adapters:
            for signal in row.signals if row.adapter in labels else ():
                for field, family in families.items():
                    number = getattr(signal, field)
                    if number is not None:
                        family.add_metric([labels[row.adapter], signal.signal], number)
        yield from families.values()
