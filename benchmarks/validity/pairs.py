"""Pairs with a label: copies in other factors, late checkpoints of one run, strangers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.validity.cases import FIXTURES
from benchmarks.validity.planting import Parent, changed

CODES = ("LD516", "LD517", "LD519", "LD521")


def pairs(scratch: Path) -> Iterator[tuple[str, Path, Path, frozenset[str], frozenset[str]]]:
    """Label, two adapters, codes that should fire, codes that may."""
    adapters = FIXTURES / "adapters"
    for name in ("healthy", "healthy_seed2", "no_replay", "over_scaled"):
        parent = Parent(name, adapters / name, None)
        target = scratch / "turned" / name
        parent.write(target, _turned(parent))
        yield "one update, other factors", adapters / name, target, frozenset({"LD516"}), frozenset()
    yield "one update, BF16", adapters / "healthy", adapters / "bf16", frozenset({"LD516"}), frozenset()
    yield "one update, shards", adapters / "healthy", adapters / "sharded", frozenset({"LD516"}), frozenset()
    series = [adapters / "series" / f"checkpoint-{step}" for step in (30, 60, 90, 120, 150, 180)]
    yield "last two of a run", series[4], series[5], frozenset({"LD517"}), frozenset()
    yield "early and late of a run", series[0], series[5], frozenset({"LD521"}), frozenset()
    for first, second in (
        ("healthy", "healthy_seed2"),
        ("healthy_seed2", "no_replay"),
        ("rslora", "narrow_forgetting"),
    ):
        yield "two runs", adapters / first, adapters / second, frozenset(), frozenset({"LD521"})


def _turned(parent: Parent) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """The same products of other factors: B·M and M⁻¹·A, with M drawn at random."""
    rng = np.random.default_rng(5)

    def change(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        turn = rng.standard_normal((a.shape[0], a.shape[0])) + 3 * np.eye(a.shape[0])
        return np.linalg.solve(turn, a.astype(np.float64)), b.astype(np.float64) @ turn

    return changed(parent, change)


def judged(scratch: Path) -> Iterator[tuple[str, str, frozenset[str], Sequence[str]]]:
    """Pair, label, codes that should have fired or may have, codes that did."""
    from loradiag.api import compare

    for label, first, second, should, may in pairs(scratch):
        reports = compare([first, second])
        codes = sorted({found.code for report in reports for found in report.findings} & set(CODES))
        missed = should - set(codes)
        extra = set(codes) - should - may
        verdict = "as it should" if not missed and not extra else f"missed {sorted(missed)}, extra {sorted(extra)}"
        yield f"{first.name} and {second.name}", label, should, [", ".join(codes) or "–", verdict]
