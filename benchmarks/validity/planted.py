"""The planted cases: every sound parent, with one defect each, at several strengths and from several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.validity import planting
from benchmarks.validity.cases import Case
from benchmarks.validity.expected import BESIDE, LABELS
from benchmarks.validity.facts import facts
from benchmarks.validity.files import FEW, broken, layers_of
from benchmarks.validity.planting import Arrays, Parent
from benchmarks.validity.weights import dense, other_units

TAILS, SIZES = (0.3, 0.1, 0.03, 0.003, 1e-4), (0.3, 1.0)
STRENGTHS = (0.02, 3.0)
SEEDS = (1, 2, 3)
UNREAD = ("unreadable", "duplicate key", "LFS pointer", "empty file")
NOTHING: frozenset[str] = frozenset()


def planted(parents: list[Parent], scratch: Path, *, quick: bool = False) -> Iterator[Case]:
    """Write and label all of them."""
    for parent in parents[:1] if quick else parents:
        rng = np.random.default_rng(len(parent.name))
        for number, (label, arrays) in enumerate(_numbers(parent, rng, quick)):
            target = scratch / parent.name / f"{number:03d}"
            parent.write(target, arrays)
            yield labelled(f"{parent.name}: {label} #{number}", label, target, parent.base)
        for number, (label, factor) in enumerate(_scales()):
            target = scratch / parent.name / f"alpha-{number}"
            parent.write(target, lora_alpha=parent.config["lora_alpha"] * factor)
            yield labelled(f"{parent.name}: α × {factor:g}", label, target, parent.base)
        for number, (label, plant, base) in enumerate(broken(parent, rng, quick=quick)):
            target = scratch / parent.name / f"broken-{number:03d}"
            plant(target)
            yield labelled(f"{parent.name}: {label} #{number}", label, target, parent.base if base else None)


def swapped(cases: list[Case], base: Path, scratch: Path, *, quick: bool = False) -> Iterator[Case]:
    """Sound adapters beside a base that equals theirs but for the order of its hidden units."""
    for seed in SEEDS[:1] if quick else SEEDS[:2]:
        other = other_units(base, scratch / f"units-{seed}", seed)
        for case in cases:
            yield labelled(f"{case.name} on units #{seed}", "base with other units", case.path, other)


def labelled(name: str, label: str, path: Path, base: Path | None, group: str = "planted", **more: object) -> Case:
    """A case, with what its label and its files say of rules."""
    expected = LABELS[label]
    should, settled = (NOTHING, NOTHING) if label in UNREAD else facts(path)
    # What the label demands of the rules about sizes, it demands beside the base; without one these are judged apart.
    wanted = expected.should - (frozenset() if base else BESIDE)
    exact = type(expected)(wanted | should, expected.may - settled)
    return Case(name=name, group=group, label=label, path=path, base=base, expected=exact, **more)  # type: ignore[arg-type]


def _numbers(parent: Parent, rng: np.random.Generator, quick: bool) -> Iterator[tuple[str, Arrays]]:
    total = len(parent.pairs())
    for count in sorted({1, 2, total // 4, total // 2, total - 1, total}):
        yield "all modules zeroed" if count == total else "some modules zeroed", planting.zeroed(parent, count, rng)
    for tail, size in [(tail, size) for tail in TAILS for size in (SIZES if parent.base else SIZES[1:])]:
        yield _collapse(tail, parent.config["r"]), planting.collapsed(parent, tail, size)
    for size in (30.0, 100.0) if parent.base else ():
        yield "collapsed and huge", planting.collapsed(parent, 0.003, size)
    for label, factor in _SIZES:
        yield label, planting.scaled(parent, factor)
    yield "swallowed by BF16" if parent.base else "shrunk a hundredfold", planting.scaled(parent, 1e-4)
    for factor in (1e3, 1e-4):
        yield "factors out of balance", planting.unbalanced(parent, factor)
    for seed in SEEDS:
        draw = np.random.default_rng(seed)
        yield (
            "one module grown" if layers_of(parent) > FEW else "one module of few grown",
            planting.one_grown(parent, 40.0, draw),
        )
        for value in (np.nan, np.inf):
            yield "NaN or infinity", planting.poisoned(parent, value, draw)
    if parent.base and not quick:
        weights = dense(parent.base)
        for strength, seed in [(strength, seed) for strength in STRENGTHS for seed in SEEDS]:
            label = "intruders planted" if strength > 1 else "directions too weak to intrude"
            yield label, planting.intruding(parent, weights, strength, 4, np.random.default_rng(seed))


_SIZES = (
    ("shrunk a hundredfold", 0.01),
    ("shrunk tenfold", 0.1),
    ("grown tenfold", 10.0),
    ("grown a hundredfold", 100.0),
)


def _collapse(tail: float, rank: int) -> str:
    """What such a spectrum is called by the definitions of LD201 and LD202."""
    if tail < 0.01:
        return "collapsed"
    return "leaning on one direction" if 1 / (1 + (rank - 1) * tail**2) > 0.9 else "sound"


def _scales() -> Iterator[tuple[str, float]]:
    yield from ((label, factor) for label, factor in _SIZES)
    # A digit too many, a digit lost, two digits swapped: 16 → 161, 1, 61.
    yield "grown tenfold", 10.0625
    yield "shrunk tenfold", 0.0625
    yield "shrunk tenfold", 0.125
