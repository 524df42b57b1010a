"""Times to the first token: right after a request to the same adapter, and right after one to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from loradiag.analyzers.served.answers import Manner
from loradiag.analyzers.served.client import Client
from loradiag.core.served import ServedTimes
from loradiag.statistics.repeats import ratio_of_medians

MOST = 400
"""Requests for times in all; with many adapters each is asked less often."""


class Timed(msgspec.Struct):
    """Seconds of pairs of requests, switch and stay, by model; ``failed`` pairs of which one has no time."""

    pairs: dict[str, list[tuple[float, float]]] = {}
    failed: dict[str, int] = {}
    streamed: bool = True


def turns(models: int, switches: int) -> int:
    """How often each model is switched to."""
    return min(switches, max(1, MOST // (2 * models))) if models > 1 and switches else 0


def time_switches(
    client: Client,
    models: Sequence[str],
    prompts: Sequence[str],
    manner: Manner,
    switches: int,
    step: Callable[[int, int], None],
) -> Timed:
    """Ask models in turn, each twice in a row: the first is a switch, the second is none.

    Every prompt was asked before, so that all of them are in the server's caches alike; and of each model, over two turns,
    every prompt serves once for the one and once for the other, since a longer prompt takes longer.
    """
    timed, count = Timed(), turns(len(models), switches)
    brief = Manner(manner.api, False, 1)
    for turn in range(count):
        for place, model in enumerate(models):
            step(turn * len(models) + place, count * len(models))
            pair, odd = place + turn - turn % 2, turn % 2
            first, second = (prompts[(pair + other) % len(prompts)] for other in (odd, 1 - odd))
            switch, streamed = client.first_token(model, first, brief)
            stay, _ = client.first_token(model, second, brief)
            if switch is None or stay is None or min(switch, stay) <= 0:
                timed.failed[model] = timed.failed.get(model, 0) + 1
                continue
            timed.streamed &= streamed
            timed.pairs.setdefault(model, []).append((1e3 * switch, 1e3 * stay))
    return timed


def times_of(pairs: Sequence[tuple[float, float]], failed: int) -> ServedTimes | None:
    """What the pairs come to, in milliseconds; None where nothing was timed."""
    if not pairs:
        return (
            None
            if not failed
            else ServedTimes(
                n=0,
                stay=None,
                stay_p95=None,
                switch=None,
                switch_p95=None,
                ratio=None,
                low=None,
                high=None,
                failed=failed,
            )
        )
    switch, stay = np.array(pairs, np.float64).T
    ratio, low, high = ratio_of_medians(switch, stay)
    return ServedTimes(
        n=len(pairs),
        stay=float(np.median(stay)),
        stay_p95=float(np.quantile(stay, 0.95)),
        switch=float(np.median(switch)),
        switch_p95=float(np.quantile(switch, 0.95)),
        ratio=ratio,
        low=low,
        high=high,
        failed=failed,
    )
