"""Fleets of drawn adapters: how they were drawn, and what was planted in one of them, is the label."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Shown, Told, counting, expect
from benchmarks.validity.planting import WEIGHTS, Arrays, Parent, collapsed
from benchmarks.validity.weights import other_units

JUDGED = frozenset(["LD522", "LD523", "LD524", "LD525", "LD526", "LD527", "LD528"])
BASE = FIXTURES / "base"
Plant = Callable[[Path, Parent, np.random.Generator], None]


def shown(place: Place) -> Shown:
    """Healthy fleets of several sizes and spreads, and such with one thing planted."""
    os.environ["LORADIAG_CACHE"] = str(place.scratch / "cache")  # nothing is remembered from elsewhere
    parent = Parent("healthy", FIXTURES / "adapters" / "healthy", None)
    return Shown(list(_told(place, parent)))


SPREADS = (0.1, 0.3, 0.5)
"""Standard deviations of the logarithm of sizes: one recipe, several of a team, several teams."""


def _told(place: Place, parent: Parent) -> Iterator[Told]:
    seeds = 1 if place.quick else 4
    for spread in SPREADS:
        for count in (14, 30):
            for seed in range(seeds):
                folder = place.scratch / f"sound-{spread:g}-{count}-{seed}"
                _fleet(folder, parent, count, spread, np.random.default_rng([seed, count, int(10 * spread)]))
                yield _scanned(folder, f"sizes spread by {spread:g}", expect(), f"{count} adapters #{seed}")
    for stop in (1, 4, 9):
        folder = place.scratch / f"interrupted-{stop}"
        _fleet(folder, parent, 14, 0.2, np.random.default_rng(stop))
        yield _scanned(folder, "interrupted", expect("LD528"), f"after {stop}", stop)
    for label, (plant, expected) in PLANTED.items():
        for seed in range(seeds if label.startswith("one ten") else max(1, seeds // 2)):
            rng = np.random.default_rng([seed, len(label)])
            folder = place.scratch / f"planted-{seed}-{len(label)}-{label[:8].replace(' ', '-')}"
            _fleet(folder, parent, 14, 0.2, rng)
            plant(folder, parent, rng)
            yield _scanned(folder, label, expected, f"#{seed}")


def _scanned(folder: Path, label: str, expected: Expected, name: str, stop: int | None = None) -> Told:
    from loradiag.api import InterruptedScanError, scan_fleet

    def progress(_stage: str, done: int, _total: int) -> None:
        if stop is not None and done >= stop:
            raise KeyboardInterrupt

    try:
        findings = scan_fleet([folder], fresh=True, workers=1, progress=progress).findings
    except InterruptedScanError as stopped:
        findings = stopped.report.findings
    return Told(
        family="fleet",
        name=f"{label}, {name}",
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=expected == expect(),
    )


def _fleet(folder: Path, parent: Parent, count: int, spread: float, rng: np.random.Generator) -> None:
    for number in range(count):
        parent.write(folder / f"a{number:02d}", _like(parent, float(np.exp(rng.normal(0, spread))), rng))


def _like(parent: Parent, size: float, rng: np.random.Generator) -> Arrays:
    """Another adapter of the kind: other directions, spectra alike, ``size`` times as large."""
    arrays = dict(parent.arrays)
    for a, b in parent.pairs():
        left, _ = np.linalg.qr(rng.standard_normal((arrays[b].shape[0],) * 2))
        right, _ = np.linalg.qr(rng.standard_normal((arrays[a].shape[1],) * 2))
        stretch = np.exp(rng.normal(0, 0.2, arrays[a].shape[0]))
        arrays[a] = ((arrays[a] * stretch[:, None]) @ right).astype(np.float32)
        arrays[b] = (size * left @ arrays[b]).astype(np.float32)
    return arrays


def _grown(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    parent.write(folder / "planted", _like(parent, 10.0, rng))


def _collapsed(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    target = folder / "collapsing"
    parent.write(target, _like(parent, 1.0, rng))
    whole = Parent("whole", target, None)
    shutil.rmtree(target)
    whole.write(folder / "planted", collapsed(whole, 0.02, 1.0))


def _broken(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    arrays = _like(parent, 1.0, rng)
    name = parent.pairs()[2][1]
    arrays[name] = arrays[name].copy()
    arrays[name][0, 0] = np.nan
    parent.write(folder / "planted", arrays)


def _cut(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    parent.write(folder / "planted", _like(parent, 1.0, rng))
    file = folder / "planted" / WEIGHTS
    file.write_bytes(file.read_bytes()[: int(rng.uniform(0.1, 0.9) * file.stat().st_size)])


def _copied(folder: Path, _parent: Parent, _rng: np.random.Generator) -> None:
    shutil.copytree(folder / "a03", folder / "planted")


def _refactored(folder: Path, _parent: Parent, rng: np.random.Generator) -> None:
    """The same products of other factors."""
    own = Parent("a03", folder / "a03", None)
    arrays = dict(own.arrays)
    for a, b in own.pairs():
        turn, _ = np.linalg.qr(rng.standard_normal((arrays[a].shape[0],) * 2))
        arrays[a] = (turn.T @ arrays[a]).astype(np.float32)
        arrays[b] = (arrays[b] @ turn).astype(np.float32)
    own.write(folder / "planted", arrays)


def _orphan(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    parent.write(folder / "planted", _like(parent, 1.0, rng), base_model_name_or_path=None)


def _other_base(folder: Path, parent: Parent, rng: np.random.Generator) -> None:
    """Two of them are stamped, with weights that were not the same under one name."""
    from loradiag.stamping.stamp import stamp

    parent.copy(folder / "planted")
    stamp(folder / "a00", BASE)
    # Outside of the fleet, and of the same last name as the base.
    other = other_units(BASE, folder.parent / f"{folder.name}-other" / "base", int(rng.integers(100)))
    stamp(folder / "planted", other)


def _stamped(folder: Path, _parent: Parent, _rng: np.random.Generator) -> None:
    from loradiag.stamping.stamp import stamp

    for name in ("a00", "a01", "a02"):
        stamp(folder / name, BASE, owner="a team")


PLANTED: dict[str, tuple[Plant, Expected]] = {
    "three stamped with one base": (_stamped, expect()),
    "one ten times as large": (_grown, expect("LD527", "LD522")),
    "one collapsed": (_collapsed, expect("LD527")),
    "one with a NaN": (_broken, expect("LD522")),
    "one cut short": (_cut, expect("LD523")),
    "one copied": (_copied, expect("LD526")),
    "one copied in other factors": (_refactored, expect("LD526")),
    "one without base and stamp": (_orphan, expect("LD525")),
    "one name, two bases": (_other_base, expect("LD524", "LD526 LD527")),  # the parent itself among its kin
}
