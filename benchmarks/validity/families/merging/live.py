"""Merges that are measured now: weights beside weights, few texts, loud bases, releases one after the other."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Told, counting, expect
from loradiag.core.report import Report

BASE, ADAPTERS = FIXTURES / "base", FIXTURES / "adapters"
LEDGER = FIXTURES / "text" / "ledger_heldout.jsonl"


class Case(NamedTuple):
    """A merge to measure, with its label. ``judged``: the rules that it is held against."""

    label: str
    expected: Expected
    judged: str
    adapter: Path
    options: dict[str, Any]
    base: Path = BASE


def told(place: Place) -> Iterator[Told]:
    """All of them."""
    cases = _cases(place.scratch)
    for number, case in enumerate(cases):
        if place.quick and number % 4:
            continue
        yield _told(f"live {number}: {case.label}", case, _report(case))


def _report(case: Case) -> Report:
    from loradiag.api import merge_drift

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return merge_drift(case.base, case.adapter, fit=False, **case.options)


def _told(name: str, case: Case, report: Report) -> Told:
    return Told(
        family="merge",
        name=name,
        label=case.label,
        expected=case.expected,
        judged=frozenset(case.judged.split()),
        fired=counting(report.findings),
    )


def _cases(scratch: Path) -> list[Case]:
    return [*_of_text(), *_of_weights(scratch), *_of_overflow(scratch), *_of_releases(scratch)]


def _of_text() -> Iterator[Case]:
    """Too few texts, none, and enough; and whether the precision of training was said."""
    text = "LD608 LD611 LD614"
    for name in ("healthy", "no_replay", "tiny"):
        adapter = ADAPTERS / name
        for limit in (3, 10, 19):
            options = {"routes": ["bf16"], "prompts": LEDGER, "limit": limit, "trained_on": "bf16"}
            yield Case("few texts", expect("LD608"), text, adapter, options)
        for limit in (60, 100):
            options = {"routes": ["bf16"], "prompts": LEDGER, "limit": limit, "trained_on": "bf16"}
            yield Case("enough text, precision said", expect(), text, adapter, options)
        options = {"routes": ["bf16"], "prompts": LEDGER, "limit": 60}
        yield Case("precision of training not said", expect("LD614"), text, adapter, options)
        for route in ("nf4", "int8", "q4_0", "fp8-e4m3", "fp16"):
            yield Case("weights alone, few bits", expect("LD611"), text, adapter, {"routes": [route]})
        for route in ("bf16", "fp32"):
            yield Case("weights alone, bits enough", expect(), text, adapter, {"routes": [route]})


def _of_weights(scratch: Path) -> Iterator[Case]:
    """What cannot be folded, and what is not finite once it is."""
    codes = "LD601 LD610"
    route = {"routes": ["bf16"]}
    for name in (
        "healthy",
        "dora",
        "rslora",
        "patterns",
        "embedding_lora",
        "bf16",
        "pissa_converted",
        "all_linear_head",
    ):
        yield Case("can be folded", expect(), codes, ADAPTERS / name, route)
    yield Case("holds part of the base", expect("LD610"), codes, ADAPTERS / "pissa", route)
    narrow = _narrow(scratch / "narrow")
    for name in ("healthy", "tiny", "rslora"):
        yield Case("base of another width", expect("LD610"), codes, ADAPTERS / name, route, narrow)
    for name in ("healthy", "healthy_seed2", "tiny"):
        huge = _scaled(ADAPTERS / name, scratch / f"huge-{name}", 1e7)
        yield Case("beyond FP16", expect("LD601"), codes, huge, {"routes": ["fp16"]})
        yield Case("beyond FP16, stored in BF16", expect(), codes, huge, route)
    for name in ("healthy", "no_replay", "tiny"):
        yield Case("within FP16", expect(), codes, ADAPTERS / name, {"routes": ["fp16"]})


def _of_overflow(scratch: Path) -> Iterator[Case]:
    """A base whose head is so loud that logits go beyond FP16, though no weight does: a forward pass says by how much."""
    for power in (6, 12, 14, 15):
        base = _loud(scratch / f"loud-{power}", 2.0**power)
        for name in ("healthy", "tiny"):
            options = {"routes": ["fp16"], "prompts": LEDGER, "limit": 25, "trained_on": "bf16"}
            label, expected = _loudness(base, ADAPTERS / name)
            yield Case(label, expected, "LD609", ADAPTERS / name, options, base)


def _loudness(base: Path, adapter: Path) -> tuple[str, Expected]:
    from benchmarks.validity.families.merging import truth

    texts = truth.texts_of(base, LEDGER, slice(0, 25))
    loudest = truth.peak(truth.unmerged(base, adapter), texts)
    if loudest > 1.2 * 65504:
        return "activations beyond FP16", expect("LD609")
    if loudest > 1.2 * 65504 / 4:
        return "activations near the end of FP16", expect("LD609")
    return (
        ("activations far within FP16", expect()) if loudest < 65504 / 5 else ("activations near", expect(may="LD609"))
    )


def _of_releases(scratch: Path) -> Iterator[Case]:
    """The same again, a second seed, and a release that is weaker, along routes that take more of it back."""
    first = ADAPTERS / "healthy"
    for route in ("nf4-inplace", "bf16", "int8-inplace"):
        options = {"routes": [route], "baseline": _before(scratch / f"before-{route}.json", first, route)}
        yield Case("the same again", expect(), "LD612", first, options)
        yield Case("another seed of the same", expect(), "LD612", ADAPTERS / "healthy_seed2", options)
        for factor in (0.3, 0.05, 0.01):
            weak = _scaled(ADAPTERS / "healthy_seed2", scratch / f"weak-{route}-{factor:g}", factor)
            fall = _kept(first, route) - _kept(weak, route)
            label = "a release that keeps less" if fall > 0.07 else "weaker, and kept as well"
            expected = expect("LD612") if fall > 0.07 else expect(may="LD612" if fall > 0.03 else "")
            yield Case(label, expected, "LD612", weak, options)


def _kept(adapter: Path, route: str) -> float:
    """The share of the update that a route keeps, by plain means."""
    from benchmarks.validity.families.merging import truth

    return truth.kept(BASE, truth.changes(BASE, adapter), route)[0]


def _before(file: Path, adapter: Path, route: str) -> Path:
    from loradiag.core.report import encode

    file.write_bytes(encode(_report(Case("", expect(), "", adapter, {"routes": [route]}))))
    return file


def _scaled(adapter: Path, target: Path, factor: float) -> Path:
    shutil.copytree(adapter, target)
    config = json.loads((target / "adapter_config.json").read_text())
    config["lora_alpha"] *= factor
    (target / "adapter_config.json").write_text(json.dumps(config))
    return target


def _loud(target: Path, factor: float) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(BASE, target)
    for file in target.glob("*.safetensors"):
        tensors = load_file(file)
        if "lm_head.weight" in tensors:
            save_file({**tensors, "lm_head.weight": tensors["lm_head.weight"] * factor}, file, {"format": "pt"})
    return target


def _narrow(target: Path) -> Path:
    """The same model with half of every width: names fit, shapes do not."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(BASE, target)
    for file in target.glob("*.safetensors"):
        halved = {
            name: value[tuple(slice(0, max(1, size // 2)) for size in value.shape)].contiguous()
            for name, value in load_file(file).items()
        }
        save_file(halved, file, {"format": "pt"})
    return target
