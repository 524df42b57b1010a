"""Pairs with a label: how the second was made from the first, and dense arithmetic on both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Shown, Table, Told, counting, expect
from benchmarks.validity.planting import Array, Arrays, Parent, changed

ADAPTERS = FIXTURES / "adapters"
JUDGED = frozenset(["LD516", "LD517", "LD518", "LD519", "LD520", "LD521", "LD615", "LD616", "LD617"])
NEARNESS = frozenset(["LD516", "LD517"])
NAMES = ("healthy", "healthy_seed2", "no_replay", "over_scaled")
_OPEN = "LD521 LD615 LD616"
"""What two of one domain or one start may have in common besides."""


class Pair(NamedTuple):
    """Two adapters. ``judged``: the rules that they are held against."""

    label: str
    first: Path
    second: Path
    expected: Expected
    judged: frozenset[str] = JUDGED


def shown(place: Place) -> Shown:
    """All of them."""
    told = [_told(number, pair) for number, pair in enumerate(_pairs(place))]
    return Shown(told, [_table(told)])


def _pairs(place: Place) -> Iterator[Pair]:
    yield from _copies(place.scratch, 1 if place.quick else 3)
    yield from _distances(place.scratch, 1 if place.quick else 3)
    yield from _runs(place.scratch)
    yield from _meeting(place.scratch, 1 if place.quick else 4)
    yield from _parts(place.scratch)
    if place.shared:
        yield from _strangers(place.shared)


def _told(number: int, pair: Pair) -> Told:
    from loradiag.api import compare

    findings = [found for report in compare([pair.first, pair.second]) for found in report.findings]
    return Told(
        family="pair",
        name=f"{number}: {pair.first.name} and {pair.second.name}, {pair.label}",
        label=pair.label,
        expected=pair.expected,
        judged=pair.judged,
        fired=counting(findings) & JUDGED,
        sound=pair.expected == expect(),
    )


def _table(told: Sequence[Told]) -> Table:
    rows = []
    for label in dict.fromkeys(one.label for one in told):
        own = [one for one in told if one.label == label]
        codes = Counter(code for one in own for code in sorted(one.fired))
        said = ", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or "–"
        wrong = sum(
            bool(one.expected.should - one.fired or (one.fired & one.judged) - one.expected.should - one.expected.may)
            for one in own
        )
        rows.append([label, str(len(own)), said, str(wrong) if wrong else "–"])
    return Table("Pairs", ("how the second is to the first", "pairs", "findings", "not as it should be"), rows)


def _copies(scratch: Path, seeds: int) -> Iterator[Pair]:
    """The same products of other factors, B·M and M⁻¹·A, and of other files."""
    for name in NAMES:
        parent = Parent(name, ADAPTERS / name, None)
        for seed in range(seeds):
            target = scratch / f"turned-{name}-{seed}"
            parent.write(target, _turned(parent, np.random.default_rng([5, seed])))
            yield Pair("one update, other factors", parent.folder, target, expect("LD516"))
    healthy = ADAPTERS / "healthy"
    yield Pair("one update, BF16", healthy, ADAPTERS / "bf16", expect("LD516"))
    yield Pair("one update, shards", healthy, ADAPTERS / "sharded", expect("LD516"))


def _turned(parent: Parent, rng: np.random.Generator) -> Arrays:
    def change(a: Array, b: Array) -> tuple[Array, Array]:
        turn = rng.standard_normal((a.shape[0], a.shape[0])) + 3 * np.eye(a.shape[0])
        return np.linalg.solve(turn, a.astype(np.float64)), b.astype(np.float64) @ turn

    return changed(parent, change)


def _distances(scratch: Path, seeds: int) -> Iterator[Pair]:
    """The same with noise on B, of a known size."""
    for name in NAMES[:2]:
        parent = Parent(name, ADAPTERS / name, None)
        for size in (0.001, 0.02, 0.08, 0.15, 0.4, 1.0):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, int(1000 * size)])
                arrays = changed(
                    parent, lambda a, b, rng=rng, size=size: (a, b + size * b.std() * rng.standard_normal(b.shape))
                )
                target = scratch / f"moved-{name}-{size:g}-{seed}"
                parent.write(target, arrays)
                label, expected = _by_distance(_distance(parent, Parent("", target, None)))
                yield Pair(label, parent.folder, target, expected, NEARNESS)


def _distance(first: Parent, second: Parent) -> float:
    """‖Δₐ − Δ_b‖ over the larger of the two norms, of dense products."""
    squares = np.zeros(3)
    for a, b in first.pairs():
        one = first.scale * first.arrays[b].astype(np.float64) @ first.arrays[a]
        other = second.scale * second.arrays[b].astype(np.float64) @ second.arrays[a]
        squares += [((one - other) ** 2).sum(), (one**2).sum(), (other**2).sum()]
    return float(np.sqrt(squares[0] / squares[1:].max()))


def _by_distance(apart: float) -> tuple[str, Expected]:
    if apart < 0.004:
        return "apart by less than 0.4%", expect("LD516")
    if 0.006 < apart < 0.23:
        return "apart by 0.6% to 23%", expect("LD517")
    return ("apart by more than 27%", expect()) if apart > 0.27 else ("apart near a limit", expect(may="LD516 LD517"))


def _runs(scratch: Path) -> Iterator[Pair]:
    """Checkpoints of one run, runs of one domain, and updates that have nothing in common."""
    series = [ADAPTERS / "series" / f"checkpoint-{step}" for step in (30, 60, 90, 120, 150, 180)]
    for first, second in pairwise(series):
        label, expected = _by_distance(_distance(Parent("", first, None), Parent("", second, None)))
        yield Pair(f"one run, {label}", first, second, Expected(expected.should, frozenset(_OPEN.split())))
    for first in series[:3]:
        # Amended after the first run: 90 and 180 lie within a quarter, by dense arithmetic.
        label, expected = _by_distance(_distance(Parent("", first, None), Parent("", series[5], None)))
        early = expected if expected.should else expect("LD521", "LD615 LD616")
        yield Pair(
            f"one run, {label}", first, series[5], Expected(early.should, frozenset(_OPEN.split()) - early.should)
        )
    for one, other in (("healthy", "healthy_seed2"), ("healthy_seed2", "no_replay"), ("healthy", "over_ranked")):
        yield Pair("two runs of one domain", ADAPTERS / one, ADAPTERS / other, expect(may=_OPEN))
    for one in ("rslora", "healthy", "healthy_seed2"):
        other = ADAPTERS / "narrow_forgetting"
        yield Pair("two domains", ADAPTERS / one, other, expect(may="LD521 LD615"))
    for name in NAMES:
        parent = Parent(name, ADAPTERS / name, None)
        for seed in range(3):
            rng = np.random.default_rng([9, seed])
            target = scratch / f"stranger-{name}-{seed}"
            parent.write(target, _elsewhere(parent, rng))
            yield Pair("other directions", parent.folder, target, expect())
            begun = scratch / f"begun-{name}-{seed}"
            parent.write(begun, _begun_alike(parent, rng))
            yield Pair("one start, other ends", parent.folder, begun, expect("LD521", "LD615 LD616"))


def _elsewhere(parent: Parent, rng: np.random.Generator) -> Arrays:
    """The same spectra in directions drawn at random."""

    def change(a: Array, b: Array) -> tuple[Array, Array]:
        left, _ = np.linalg.qr(rng.standard_normal((b.shape[0], b.shape[0])))
        right, _ = np.linalg.qr(rng.standard_normal((a.shape[1], a.shape[1])))
        return a @ right, left @ b

    return changed(parent, change)


def _begun_alike(parent: Parent, rng: np.random.Generator) -> Arrays:
    """A has moved a little from the same start, and B went elsewhere."""

    def change(a: Array, b: Array) -> tuple[Array, Array]:
        return a + 0.2 * a.std() * rng.standard_normal(a.shape), b.std() * rng.standard_normal(b.shape)

    return changed(parent, change)


def _meeting(scratch: Path, seeds: int) -> Iterator[Pair]:
    """Made to meet: the same subspaces with another core; nearly the opposite; the same sign."""
    for name in NAMES[:2]:
        parent = Parent(name, ADAPTERS / name, None)
        for seed in range(seeds):
            rng = np.random.default_rng([11, seed])
            same = scratch / f"subspace-{name}-{seed}"
            parent.write(same, _same_subspaces(parent, rng))
            label = "the same directions, mixed anew"
            yield Pair(label, parent.folder, same, expect("LD615", "LD521 LD616 LD517"))
            opposed = scratch / f"opposed-{name}-{seed}"
            parent.write(
                opposed,
                changed(parent, lambda a, b, rng=rng: (a, -0.9 * b + 0.1 * b.std() * rng.standard_normal(b.shape))),
            )
            yield Pair("nearly the opposite", parent.folder, opposed, expect("LD616", "LD615 LD521"))


def _same_subspaces(parent: Parent, rng: np.random.Generator) -> Arrays:
    def change(a: Array, b: Array) -> tuple[Array, Array]:
        turn, _ = np.linalg.qr(rng.standard_normal((a.shape[0], a.shape[0])))
        left, core = np.linalg.qr(b.astype(np.float64))
        right, other = np.linalg.qr(a.astype(np.float64).T)
        u, sigma, vt = np.linalg.svd(core @ other.T)
        return vt @ right.T, left @ u @ turn @ np.diag(sigma)

    return changed(parent, change)


def _parts(scratch: Path) -> Iterator[Pair]:
    """Names of bases, parts that are not compared, layers that both hold whole."""
    healthy = Parent("healthy", ADAPTERS / "healthy", None)
    seed2 = ADAPTERS / "healthy_seed2"
    bases = frozenset({"LD518"})
    for number, (named, differs) in enumerate(
        (("owner/other-base", True), ("/data/elsewhere", True), ("/data/base", False), ("owner/base", False))
    ):
        target = scratch / f"named-{number}"
        healthy.write(target, base_model_name_or_path=named)
        second = scratch / f"named-{number}-second"
        Parent("", seed2, None).write(second, base_model_name_or_path="someone/base")
        label = "bases of two names" if differs else "one base at two places"
        yield Pair(label, target, second, expect("LD518" if differs else ""), bases)
    attention, mlp = scratch / "attention", scratch / "mlp"
    healthy.write(attention, {k: v for k, v in healthy.arrays.items() if "self_attn" in k})
    healthy.write(mlp, {k: v for k, v in healthy.arrays.items() if ".mlp." in k})
    common = frozenset({"LD519", "LD520"})
    yield Pair("attention and MLP", attention, mlp, expect("LD519"), common)
    yield Pair("attention and all", attention, ADAPTERS / "healthy_seed2", expect(), common)
    for name in ("healthy", "rslora", "no_replay"):
        yield Pair("factors and vectors", ADAPTERS / name, ADAPTERS / "ia3", expect("LD519 LD520"), common)
        yield Pair("one that holds part of the base", ADAPTERS / name, ADAPTERS / "pissa", expect("LD520"), common)
        yield Pair("both LoRA", ADAPTERS / name, ADAPTERS / "healthy_seed2", expect(), common | {"LD617"})
    for name in ("all_linear_head", "embedding_lora"):
        whole = Parent(name, ADAPTERS / name, None)
        held = [key for key in whole.arrays if "lora_" not in key]
        target = scratch / f"whole-{name}"
        whole.write(target, {k: v * np.float32(1.01) if k in held else v for k, v in whole.arrays.items()})
        # Their updates are the same, and what they hold whole is not: two adapters, and nearly one (amended: 1% is near).
        label = "both hold a layer whole, of other values"
        yield Pair(label, whole.folder, target, expect("LD617", "LD517"), NEARNESS | {"LD617"})
        again = scratch / f"begun-anew-{name}"
        rng = np.random.default_rng(17)
        drawn = {k: v.std() * rng.standard_normal(v.shape).astype(np.float32) for k, v in whole.arrays.items()}
        whole.write(again, {k: drawn[k] if k in held else v for k, v in whole.arrays.items()})
        yield Pair(
            "both hold a layer whole, from other starts", whole.folder, again, expect("LD617"), NEARNESS | {"LD617"}
        )
        rounded = scratch / f"rounded-{name}"
        whole.write(rounded, {k: _rounded(v) if k in held else v for k, v in whole.arrays.items()})
        yield Pair(
            "both hold a layer whole, once in BF16",
            whole.folder,
            rounded,
            expect("LD516", "LD617"),
            NEARNESS | {"LD617"},
        )
        yield Pair("one holds a layer whole", whole.folder, seed2, expect(), frozenset({"LD617"}))


def _rounded(values: Array) -> Array:
    """The nearest BF16 numbers."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return nearest.astype(np.uint32).view(np.float32).reshape(values.shape)


def _strangers(shared: Path) -> Iterator[Pair]:
    """Adapters of two bases with other widths, and of one larger base on two domains."""
    zoo = shared / "zoo" / "adapters"
    for name in ("med_r16", "bank_r16"):
        yield Pair("bases of other widths", ADAPTERS / "healthy", zoo / name, expect("LD518"), frozenset({"LD518"}))
    yield Pair("two domains", zoo / "med_r16", zoo / "bank_r16", expect(may="LD521 LD615"))
    steps = [zoo / "math_traj" / f"checkpoint-{step}" for step in (100, 200, 400, 800)]
    for first, second in pairwise(steps):
        label, expected = _by_distance(_distance(Parent("", first, None), Parent("", second, None)))
        yield Pair(f"one run, {label}", first, second, Expected(expected.should, frozenset(_OPEN.split())))
