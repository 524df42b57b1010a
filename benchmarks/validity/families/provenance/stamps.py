"""Stamps that hold, and such beside which something was changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Told, counting, expect
from benchmarks.validity.planting import WEIGHTS, Parent
from benchmarks.validity.weights import other_units

JUDGED = frozenset(["LD509", "LD510", "LD511", "LD513", "LD514"])
BASE = FIXTURES / "base"
STAMP = "loradiag-stamp.json"
ADAPTERS = ("healthy", "healthy_seed2", "no_replay", "rslora", "dora", "over_ranked", "bf16", "sharded", "tiny")
Change = Callable[[Path, np.random.Generator], None]


def told(place: Place) -> Iterator[Told]:
    """Every adapter with every change."""
    others = [other_units(BASE, place.scratch / f"units-{seed}" / "base", seed) for seed in (1, 2)]
    for number, name in enumerate(ADAPTERS[:2] if place.quick else ADAPTERS):
        for label, (change, expected) in CHANGES.items():
            rng = np.random.default_rng([number, len(label)])
            folder = Path(
                shutil.copytree(FIXTURES / "adapters" / name, place.scratch / f"{name}-{len(label)}-{label[:9]}")
            )
            _stamp(folder, complete=label != "says nothing of owner and data")
            change(folder, rng)
            yield _told(folder, BASE, name, label, expected)
        folder = Path(shutil.copytree(FIXTURES / "adapters" / name, place.scratch / f"{name}-other"))
        _stamp(folder, complete=True)
        for other in (*others, _one_tensor(place.scratch / f"one-{name}", number)):
            yield _told(folder, other, name, "another base than stamped", expect("LD509"))
        yield _told(FIXTURES / "adapters" / name, BASE, name, "no stamp", expect("LD511"))


def _told(folder: Path, base: Path, name: str, label: str, expected: Expected) -> Told:
    from loradiag.api import Against, inspect

    findings = inspect(folder, Against(base=base, spectra=label == "no stamp")).findings
    return Told(
        family="stamp",
        name=f"{name}: {label}",
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=not expected.should,
    )


def _stamp(folder: Path, *, complete: bool) -> None:
    from loradiag.stamping.stamp import stamp

    more = {"owner": "a team", "data_hash": "0" * 63 + "1", "evaluation": {"arc_easy": 0.5}} if complete else {}
    stamp(folder, BASE, **more)  # type: ignore[arg-type]


def _one_tensor(target: Path, seed: int) -> Path:
    """The base with one number of one weight changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(BASE, target)
    rng = np.random.default_rng(seed)
    file = sorted(target.glob("*.safetensors"))[0]
    tensors = load_file(file)
    name = sorted(tensors)[int(rng.integers(len(tensors)))]
    flat = tensors[name].reshape(-1)
    flat[int(rng.integers(flat.numel()))] += 1.0
    save_file(tensors, file, {"format": "pt"})
    return target


def _nothing(_folder: Path, _rng: np.random.Generator) -> None:
    pass


def _touched(folder: Path, _rng: np.random.Generator) -> None:
    """The configuration is written anew, and a file comes beside: the weights are what they were."""
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()), indent=4, sort_keys=True))
    (folder / "notes.md").write_text("notes\n")


def _other_weights(folder: Path, rng: np.random.Generator) -> None:
    """One number is another."""
    file = next(iter(sorted(folder.glob("*.safetensors"))))
    data = bytearray(file.read_bytes())
    data[-int(rng.integers(5, 400))] ^= 0x01
    file.write_bytes(bytes(data))


def _trained_on(folder: Path, rng: np.random.Generator) -> None:
    files = sorted(folder.glob("*.safetensors"))
    if [file.name for file in files] != [WEIGHTS]:
        _other_weights(folder, rng)
        return
    parent = Parent("own", folder, None)
    from safetensors.numpy import save_file

    moved = {name: (value * 1.01).astype(np.float32) for name, value in parent.arrays.items()}
    save_file(moved, files[0], {"format": "pt"})


def _cut(folder: Path, rng: np.random.Generator) -> None:
    file = folder / STAMP
    file.write_bytes(file.read_bytes()[: int(rng.integers(1, 200))])


def _of_tomorrow(folder: Path, _rng: np.random.Generator) -> None:
    file = folder / STAMP
    stamp = json.loads(file.read_text())
    key = next(name for name in stamp if "version" in name)
    file.write_text(json.dumps({**stamp, key: 99}))


CHANGES: dict[str, tuple[Change, Expected]] = {
    "stamped": (_nothing, expect()),
    "stamped, other files touched": (_touched, expect()),
    "a bit of the weights flipped": (_other_weights, expect("LD510")),
    "trained on since": (_trained_on, expect("LD510")),
    "stamp cut short": (_cut, expect("LD513", "LD511")),
    "stamp of a later version": (_of_tomorrow, expect("LD513", "LD511")),
    "says nothing of owner and data": (_nothing, expect("LD514")),
}
