"""Adapters with what lies beside them, and together: stamped, compared, as checkpoints of a run, as a fleet, cut smaller."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks.fuzzing.mutating import as_json, as_safetensors, joined, one_of, parted
from benchmarks.fuzzing.showing import harmless
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.adapters import CONFIG, WEIGHTS, check
from benchmarks.fuzzing.targets.seeds import adapter_files, config, lay, pack, peft_shapes
from benchmarks.fuzzing.targets.sidecars import stamps, states
from loradiag.api.comparing import compare
from loradiag.api.inspecting import inspect_all
from loradiag.api.judging import default_policy
from loradiag.api.scanning import scan_fleet
from loradiag.core.errors import LoradiagError
from loradiag.fleet.tables import write_table
from loradiag.resizing.resize import resize
from loradiag.resizing.show import render
from loradiag.stamping.stamp import stamp
from loradiag.storage.cache import folder as cache
from loradiag.storage.remembered import FLEET

STAMP, STATE = "loradiag-stamp.json", "trainer_state.json"


def _stamped(data: bytes, folder: Path) -> None:
    """An adapter with a stamp, a trainer's state and a model card beside it: inspected, and its stamp added to."""
    told, weights, stamped, state, card = parted(data, 5)
    files = {CONFIG: told, WEIGHTS: weights, STAMP: stamped, STATE: state, "README.md": card}
    place = lay(folder / "adapter", files)
    check(inspect_all(place, policy=default_policy()))
    with suppress(LoradiagError):
        stamp(place, update=True, evaluation={"task": 0.5})
        stamp(place, update=True, owner="me")


def _compared(data: bytes, folder: Path) -> None:
    """Two adapters, of which the second is also the last of a run of two checkpoints, with the log of its training."""
    told, one, other, state = parted(data, 4)
    lay(folder / "one", {CONFIG: told, WEIGHTS: one})
    lay(folder / "run" / "checkpoint-1", {CONFIG: told, WEIGHTS: one})
    lay(folder / "run" / "checkpoint-2", {CONFIG: told, WEIGHTS: other, STATE: state})
    check(compare([folder / "one", folder / "run"], policy=default_policy()))


def _scanned(data: bytes, folder: Path) -> None:
    """A fleet of a sound adapter and a strange one, measured anew, with everything that a scan can be asked for."""
    told, weights, stamped = parted(data, 3)
    (cache() / FLEET).unlink(missing_ok=True)
    sound_config, sound = adapter_files()[0]
    place = folder / "fleet"
    if not (place / "sound").exists():
        lay(place / "sound", {CONFIG: sound_config, WEIGHTS: sound})
    lay(place / "strange", {CONFIG: told, WEIGHTS: weights, STAMP: stamped})
    report = scan_fleet([place], overlap=["*q_proj*"], policy=default_policy(), each=lambda one: check([one]))
    check([report])
    fleet = report.measurements.fleet
    assert fleet is not None
    for row in fleet.adapters:
        assert not (row.problem or "").startswith("internal error"), row.problem
    for ending in ("csv", "json"):
        write_table(fleet, folder / f"table.{ending}")


def _resized(data: bytes, folder: Path) -> None:
    """What was cut is an adapter that is read again, and as sound as its numbers say."""
    told, weights = parted(data, 2)
    place = lay(folder / "adapter", {CONFIG: told, WEIGHTS: weights})
    shutil.rmtree(folder / "smaller", ignore_errors=True)
    done = resize(place, folder / "smaller", rank=1)
    msgspec.json.encode(done)
    harmless("text", render(done, color=False, width=100, verbose=True))
    for report in inspect_all(folder / "smaller", policy=default_policy()):
        integrity = report.measurements.integrity
        assert integrity is not None
        assert integrity.unreadable is None, integrity.unreadable


_CARD = b"---\nbase_model: some/base\nlibrary_name: peft\ntags:\n- lora\n---\n# card\n"


def _of_stamped() -> list[bytes]:
    return [
        joined(told, weights, stamps()[0], states()[0], _CARD)
        for told, weights in adapter_files()
        if b"peft_type" in told
    ][:3]


def _of_compared() -> list[bytes]:
    one, other = pack(peft_shapes()), pack(peft_shapes(), "BF16")
    wide = pack(peft_shapes(1, rank=4))
    return [joined(config(), first, second, states()[0]) for first, second in ((one, other), (one, wide), (other, one))]


def _of_scanned() -> list[bytes]:
    return [joined(told, weights, stamps()[0]) for told, weights in adapter_files()]


def _of_resized() -> list[bytes]:
    told = [(config(), pack(peft_shapes())), (config(use_rslora=True), pack(peft_shapes(1, rank=3), "BF16"))]
    every = [pair for pair in adapter_files() if any(word in pair[0] for word in (b"LORA", b"lora_parameters"))]
    return [joined(*pair) for pair in (*told, *every)]


TARGETS = {
    "stamped": Target(
        _stamped, _of_stamped, one_of(as_json, as_safetensors, as_json, as_json, as_json), 1 << 14, framed=True
    ),
    "compared": Target(
        _compared, _of_compared, one_of(as_json, as_safetensors, as_safetensors, as_json), 1 << 14, framed=True
    ),
    "scanned": Target(_scanned, _of_scanned, one_of(as_json, as_safetensors, as_json), 1 << 14, framed=True),
    "resized": Target(_resized, _of_resized, one_of(as_json, as_safetensors), 1 << 14, framed=True),
}
