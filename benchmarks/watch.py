"""How often a watch of ninety days alarms without drift, and how soon it sees drift, beside what others would run every day.

python benchmarks/watch.py --encoder DIR --traffic DIR [--histories N] [--trials N] [--seed N]

``--traffic`` has banking77_train.jsonl, banking77_test.jsonl, clinc150.jsonl, clinc150_out_of_scope.jsonl and
medquad_questions.jsonl.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from scipy.stats import ks_2samp  # noqa: E402

from benchmarks.fleets import (  # noqa: E402
    DAYS,
    Adapter,
    Domain,
    Requests,
    adapters,
    contaminated,
    day,
    domains,
    one_topic,
)
from benchmarks.suites import ROOT  # noqa: E402
from loradiag.embeddings.encoder import load_encoder  # noqa: E402
from loradiag.statistics.budget import discoveries, weight_of  # noqa: E402
from loradiag.statistics.shares import share_interval  # noqa: E402
from loradiag.watching.episodes import Episode, begin, signals, take, together  # noqa: E402
from loradiag.watching.references import CALIBRATION, reference_of  # noqa: E402

SHARED = ROOT.parent / "shared"
ALPHA = 0.05
FLEETS = (1, 50, 500)
ONSET = 45
"""The day on which planted drift begins."""

DETECTORS = ("loradiag", "adwin", "ks")
ROLLING = 7
LEAST = 50

Draw = Callable[[Adapter, int, int, np.random.Generator], Requests]


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, and print what was found."""
    options = _parser().parse_args(arguments)
    kinds = domains(options.traffic, load_encoder(str(options.encoder)), options.seed)
    print(f"# {DAYS} days without drift: share of fleets that ever alarm; budget {ALPHA}\n")
    print(
        "| adapters | fleets | requests in the median fleet | loradiag | daily KS | KS, Bonferroni over adapters | ADWIN "
        "| mean cosine < 0.7 | novel share > 10% |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for size in FLEETS:
        print(_calm(kinds, size, options), flush=True)
    print(
        f"\n# Drift from day {ONSET} on, in an adapter with at least 20 requests a day: found, and median requests until then\n"
    )
    print("| drift | adapters | loradiag found | requests | ADWIN found | requests | daily KS found | requests |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name, draw in DRIFTS.items():
        for size in FLEETS:
            print(_drift(kinds, name, draw, size, options), flush=True)


def episode(adapter: Adapter, size: int) -> Episode:
    """The watch of one adapter in a fleet."""
    weight = weight_of(0, size)
    reference = reference_of(
        adapter.calibrated,
        adapter.held.cosine,
        adapter.held.topic,
        least_share=0.08,
        tolerance=0.2,
        chance=CALIBRATION * ALPHA * weight,
    )
    return begin("a", "", reference, adapter.held.cosine, 0, weight)


class Peers:
    """What others would say of one adapter, day by day."""

    def __init__(self, adapter: Adapter) -> None:
        self._held = adapter.held.cosine
        self._recent: list[np.ndarray] = []
        self._adwin = _adwin()

    def day(self, cosine: np.ndarray) -> dict[str, float]:
        """P of a KS test on the last week's cosines, whether ADWIN alarms, and what fixed thresholds look at."""
        found = {"p": 1.0, "adwin": 0.0, "mean": 1.0}
        for value in cosine if self._adwin is not None else ():
            self._adwin.update(float(value))
            found["adwin"] = max(found["adwin"], float(self._adwin.drift_detected))
        self._recent = [*self._recent, cosine][-ROLLING:]
        week = np.concatenate(self._recent)
        if week.size >= LEAST:
            found["p"] = float(ks_2samp(self._held, week, method="asymp").pvalue)
        if cosine.size >= LEAST:
            found["mean"] = float(cosine.mean())
        return found


def _adwin() -> object | None:
    try:
        from river.drift import ADWIN
    except ImportError:
        return None
    return ADWIN()


def _calm(kinds: Sequence[Domain], size: int, options: argparse.Namespace) -> str:
    """Histories of single adapters, put together to fleets."""
    generator = np.random.default_rng([options.seed, size])
    number = max(options.histories // size, 1) * size
    logs, peers, novel, volumes = np.zeros((number, DAYS)), [], np.zeros((number, DAYS)), np.zeros(number)
    for row, adapter in enumerate(adapters(kinds, number, generator)):
        watched, others, told = episode(adapter, size), Peers(adapter), []
        for today in range(DAYS):
            requests = day(adapter, today, generator)
            take(watched, requests.cosine, requests.topic)
            logs[row, today] = together(signals(watched))
            told.append(others.day(requests.cosine))
            if requests.cosine.size >= LEAST:
                novel[row, today] = (requests.cosine < adapter.calibrated.threshold).mean()
        peers.append(told)
        volumes[row] = adapter.volumes.sum()
    fleets = np.arange(number).reshape(-1, size)
    weights = np.full(size, weight_of(0, size))
    bets = ALPHA * (1 - CALIBRATION)
    p, adwin, mean = (np.array([[told[name] for told in row] for row in peers]) for name in ("p", "adwin", "mean"))
    hits = {
        "loradiag": [any(discoveries(logs[fleet, t], weights, bets).any() for t in range(DAYS)) for fleet in fleets],
        "ks": [bool((p[fleet] < ALPHA).any()) for fleet in fleets],
        "bonferroni": [bool((p[fleet] < ALPHA / size).any()) for fleet in fleets],
        "adwin": [bool(adwin[fleet].any()) for fleet in fleets],
        "mean": [bool((mean[fleet] < 0.7).any()) for fleet in fleets],
        "novel": [bool((novel[fleet] > 0.1).any()) for fleet in fleets],
    }
    if _adwin() is None:
        hits["adwin"] = []
    total = int(np.median([volumes[fleet].sum() for fleet in fleets]))
    return f"| {size} | {len(fleets)} | {total:,} | " + " | ".join(_rate(found) for found in hits.values()) + " |"


def _rate(found: Sequence[bool]) -> str:
    if not found:
        return "river is not installed"
    low, high = share_interval(sum(found), len(found))
    return f"{sum(found) / len(found):.3f} ({low:.3f}–{high:.3f})"


def _sudden(adapter: Adapter, _: int, count: int, generator: np.random.Generator) -> Requests:
    return contaminated(adapter, 0.2, count, generator)


def _gradual(adapter: Adapter, since: int, count: int, generator: np.random.Generator) -> Requests:
    return contaminated(adapter, min(0.4, 0.4 * since / 30), count, generator)


def _recurring(adapter: Adapter, since: int, count: int, generator: np.random.Generator) -> Requests:
    return contaminated(adapter, 0.3 if since % 7 < 2 else 0.0, count, generator)


def _topic(adapter: Adapter, _: int, count: int, generator: np.random.Generator) -> Requests:
    rarest = int(np.argsort(np.bincount(adapter.held.topic, minlength=20), kind="stable")[10])
    return one_topic(adapter, rarest, 0.4, count, generator)


DRIFTS: dict[str, Draw] = {
    "20% out of scope, suddenly": _sudden,
    "0 to 40% out of scope in 30 days": _gradual,
    "30% out of scope, two days a week": _recurring,
    "one topic makes 40%": _topic,
}


def _drift(kinds: Sequence[Domain], name: str, draw: Draw, size: int, options: argparse.Namespace) -> str:
    generator = np.random.default_rng([options.seed, size, len(name)])
    found: dict[str, list[int]] = {detector: [] for detector in DETECTORS}
    trials = 0
    while trials < options.trials:
        adapter = adapters(kinds, 1, generator)[0]
        if adapter.volumes.mean() < 20:
            continue
        trials += 1
        for detector, delay in _delays(adapter, draw, size, generator).items():
            found[detector].append(delay)
    cells = []
    for delays in found.values():
        seen = [delay for delay in delays if delay >= 0]
        cells += [f"{len(seen) / trials:.2f}", f"{int(np.median(seen)):,}" if seen else "–"]
    return f"| {name} | {size} | " + " | ".join(cells) + " |"


def _delays(adapter: Adapter, draw: Draw, size: int, generator: np.random.Generator) -> dict[str, int]:
    """Requests from the onset until each detector alarms, by its own line; -1 where it never does, or did so before."""
    watched, others = episode(adapter, size), Peers(adapter)
    line = -np.log(ALPHA * (1 - CALIBRATION) * watched.weight)
    delays: dict[str, int] = {}
    since = 0
    for today in range(DAYS):
        drifts = today >= ONSET
        count = int(adapter.volumes[today])
        requests = draw(adapter, today - ONSET, count, generator) if drifts else day(adapter, today, generator)
        for done, part in _in_parts(requests):
            take(watched, part.cosine, part.topic)
            if together(signals(watched)) >= line:
                delays.setdefault("loradiag", since + done if drifts else -1)
        since += count if drifts else 0
        for detector in _alarming(others.day(requests.cosine), size):
            delays.setdefault(detector, since if drifts else -1)
        if len(delays) == len(DETECTORS):
            break
    return {detector: delays.get(detector, -1) for detector in DETECTORS}


def _alarming(told: dict[str, float], size: int) -> Iterator[str]:
    if told["adwin"] > 0:
        yield "adwin"
    if told["p"] < ALPHA / size:
        yield "ks"


def _in_parts(requests: Requests, size: int = 10) -> Iterator[tuple[int, Requests]]:
    for start in range(0, requests.cosine.size, size):
        end = min(start + size, requests.cosine.size)
        yield end, requests.at(slice(start, end))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, default=SHARED / "encoder/m2v-bge-64")
    parser.add_argument("--traffic", type=Path, default=SHARED / "data/traffic")
    parser.add_argument("--histories", type=int, default=1000, help="adapters of which fleets are made")
    parser.add_argument("--trials", type=int, default=100, help="of each kind of drift")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
