"""Series of checkpoints: those of fixtures, zoo and public runs, drawn ones, and such with one thing planted in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.logs.curves import write
from benchmarks.validity.families.words import Place, Told, counting, expect
from benchmarks.validity.planting import CONFIG, WEIGHTS, Arrays, Parent, collapsed

JUDGED = frozenset(["LD907", "LD908", "LD909", "LD910", "LD911", "LD916", "LD917", "LD918"])
STEPS = (30, 60, 90, 120, 150, 180)
OURS = FIXTURES / "adapters" / "series"

LABELS = {
    "sound": expect(),
    "public, thinned out": expect("LD909"),
    "every second kept": expect("LD909"),
    "without its first": expect(),
    "one in the middle deleted": expect("LD909"),
    "one cut short": expect("LD910"),
    "one copied over the next": expect("LD911"),
    "a thousandth moved": expect(),
    "NaN from one on": expect("LD916", "LD907"),
    "α doubled from one on": expect("LD917", "LD907"),  # amended after the first run: it does grow
    "rank halved from one on": expect("LD917"),
    "a module gone from one on": expect("LD917"),
    "collapsed at one": expect("LD908"),
    "leaning at one": expect(may="LD908"),
    "vectors": expect("LD918", "LD911"),
    "grew by 2% after validation was flat": expect(),
    "grew by 5% after validation was flat": expect(),
    "grew by 20% after validation was flat": expect("LD907"),
    "grew by 80% after validation was flat": expect("LD907"),
    "grew by 20% after validation turned": expect("LD907"),
    "grew by 80% while validation improved": expect(),
    "stood still while validation was flat": expect(),
}


def told(place: Place) -> Iterator[Told]:
    """All series, judged."""
    from loradiag.api import trajectory

    cases = [*_found(place), *(_drawn(place) if not place.quick else ())]
    for number, (label, folder) in enumerate(cases):
        pickled = "roberta" in str(folder)
        found = trajectory(folder, allow_pickle=pickled).findings
        expected = LABELS[label]
        yield Told(
            family="series",
            name=f"series {number}: {label}",
            label=label,
            expected=expected,
            judged=JUDGED,
            fired=counting(found),
            sound=expected == Expected(),
        )


def _found(place: Place) -> Iterator[tuple[str, Path]]:
    """Series that were trained, whole and less a checkpoint, and with one thing done to one of them."""
    yield "sound", OURS
    if place.shared:
        yield "sound", place.shared / "zoo" / "adapters" / "math_traj"
        yield "public, thinned out", place.shared / "wild" / "roberta-pt-series"  # every 500 steps, says its log
    root = place.scratch / "series"
    yield "every second kept", _kept(root / "second", STEPS[1::2])
    yield "without its first", _kept(root / "first", STEPS[1:])
    yield "without its first", _kept(root / "last", STEPS[:-1])
    for at in STEPS[1:-1]:
        yield "one in the middle deleted", _kept(root / f"hole-{at}", [step for step in STEPS if step != at])
    for at in STEPS[1:]:
        yield "one cut short", _cut(_kept(root / f"cut-{at}", STEPS), at)
        yield "one copied over the next", _copied(_kept(root / f"copy-{at}", STEPS), at)
    for at in STEPS[1:]:
        for label, change in _CHANGES.items():
            yield label, change(_kept(root / f"{label}-{at}", STEPS), at)
    yield "vectors", _vectors(root / "vectors")


def _kept(target: Path, steps: Any) -> Path:
    for step in steps:
        shutil.copytree(OURS / f"checkpoint-{step}", target / f"checkpoint-{step}")
    return target


def _cut(folder: Path, at: int) -> Path:
    file = folder / f"checkpoint-{at}" / WEIGHTS
    file.write_bytes(file.read_bytes()[:-1000])
    return folder


def _copied(folder: Path, at: int) -> Path:
    before = STEPS[STEPS.index(at) - 1]
    shutil.copy(folder / f"checkpoint-{before}" / WEIGHTS, folder / f"checkpoint-{at}" / WEIGHTS)
    return folder


def _since(folder: Path, at: int, change: Any, only: bool = False) -> Path:
    """Every checkpoint from one on, or that one alone, written again."""
    for step in STEPS:
        if step == at or (step > at and not only):
            own = folder / f"checkpoint-{step}"
            parent = Parent(str(step), own, None)
            arrays, config = change(parent)
            (own / WEIGHTS).unlink()
            _write(own, arrays, config)
    return folder


def _write(folder: Path, arrays: Arrays, config: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config))


def _poisoned(parent: Parent) -> tuple[Arrays, dict[str, Any]]:
    name = parent.pairs()[3][1]
    value = parent.arrays[name].copy()
    value[0, 0] = np.nan
    return {**parent.arrays, name: value}, parent.config


def _halved(parent: Parent) -> tuple[Arrays, dict[str, Any]]:
    rank = parent.config["r"] // 2
    cut = {name: value[:rank] if "lora_A" in name else value[:, :rank] for name, value in parent.arrays.items()}
    return cut, {**parent.config, "r": rank, "lora_alpha": parent.config["lora_alpha"] / 2}


def _without(parent: Parent) -> tuple[Arrays, dict[str, Any]]:
    gone = parent.pairs()[5]
    return {name: value for name, value in parent.arrays.items() if name not in gone}, parent.config


def _moved(parent: Parent) -> tuple[Arrays, dict[str, Any]]:
    return {k: v * np.float32(1.001) if "lora_B" in k else v for k, v in parent.arrays.items()}, parent.config


def _copied_and_moved(folder: Path, at: int) -> Path:
    return _since(_copied(folder, at), at, _moved, only=True)


_CHANGES = {
    "NaN from one on": lambda folder, at: _since(folder, at, _poisoned),
    "α doubled from one on": lambda folder, at: _since(
        folder, at, lambda p: (p.arrays, {**p.config, "lora_alpha": 2 * p.config["lora_alpha"]})
    ),
    "rank halved from one on": lambda folder, at: _since(folder, at, _halved),
    "a module gone from one on": lambda folder, at: _since(folder, at, _without),
    "collapsed at one": lambda folder, at: _since(folder, at, lambda p: (collapsed(p, 0.01, 1.0), p.config), only=True),
    "leaning at one": lambda folder, at: _since(folder, at, lambda p: (collapsed(p, 0.3, 1.0), p.config), only=True),
    "a thousandth moved": _copied_and_moved,
}


def _vectors(target: Path) -> Path:
    """Checkpoints of an IA³ adapter: there are no factors to compare."""
    for number, step in enumerate(STEPS[:3]):
        own = Path(shutil.copytree(FIXTURES / "adapters" / "ia3", target / f"checkpoint-{step}"))
        parent = Parent("ia3", own, None)
        _write(
            own, {name: value * np.float32(1 + 0.01 * number) for name, value in parent.arrays.items()}, parent.config
        )
    return target


def _drawn(place: Place) -> Iterator[tuple[str, Path]]:
    """Updates that grow as they are told to, beside a log whose validation does: the two that LD907 holds together."""
    for seed in range(4):
        for growth, label in (
            (1.02, "grew by 2% after validation was flat"),
            (1.05, "grew by 5% after validation was flat"),
            (1.2, "grew by 20% after validation was flat"),
            (1.8, "grew by 80% after validation was flat"),
            (1.2, "grew by 20% after validation turned"),
            (1.8, "grew by 80% while validation improved"),
            (1.0, "stood still while validation was flat"),
        ):
            yield label, _grown(place.scratch / f"grown-{seed}-{label}", growth, label, np.random.default_rng(seed))


def _grown(target: Path, growth: float, label: str, rng: np.random.Generator) -> Path:
    """Until the middle the update grows to its size, from there on by ``growth``; it also turns a little all the time."""
    parent = Parent("healthy", FIXTURES / "adapters" / "healthy", None)
    noise = {name: rng.standard_normal(value.shape) * value.std() for name, value in parent.arrays.items()}
    for number, step in enumerate(STEPS):
        late = max(0.0, (number - 2) / 3)
        size = (0.5, 0.8, 1.0)[min(number, 2)] * growth**late
        arrays = {
            name: np.asarray(
                value * (size if "lora_B" in name else 1) + 0.03 * number * noise[name] * ("lora_A" in name)
            )
            for name, value in parent.arrays.items()
        }
        _write(
            target / f"checkpoint-{step}",
            {k: v.astype(np.float32) for k, v in _sized(arrays, parent, size).items()},
            parent.config,
        )
    write(target, json.dumps(_log(label, rng)))
    return target


def _sized(arrays: Arrays, parent: Parent, size: float) -> Arrays:
    """Every update at exactly ``size`` times its norm in the parent, whatever turning it did to that."""
    found = dict(arrays)
    for a, b in parent.pairs():
        before = np.linalg.norm(parent.arrays[b].astype(float) @ parent.arrays[a])
        found[b] = arrays[b] * (size * before / np.linalg.norm(arrays[b] @ arrays[a]))
    return found


def _log(label: str, rng: np.random.Generator) -> dict[str, Any]:
    """Losses on held-out text at the checkpoints: flat from the third on, or turned there, or falling to the end."""
    flat = np.array([1.6, 1.25, 1.1, 1.098, 1.097, 1.096])
    held = {
        "turned": flat + np.array([0, 0, 0, 0.03, 0.08, 0.14]),
        "improved": np.array([1.6, 1.4, 1.25, 1.12, 1.0, 0.9]),
    }
    losses = next((values for word, values in held.items() if word in label), flat)
    lines: list[dict[str, Any]] = []
    for step, loss in zip(STEPS, losses, strict=True):
        lines.append({"step": step, "loss": float(loss - 0.05 + 0.02 * rng.standard_normal()), "learning_rate": 1e-4})
        lines.append({"step": step, "eval_loss": float(loss + 0.0005 * rng.standard_normal())})
    return {"global_step": STEPS[-1], "max_steps": STEPS[-1], "save_steps": 30, "log_history": lines}
