"""What rules about runs speak of: checkpoints on disk, with the log that a trainer would have left beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.api.trajectories import trajectory
from loradiag.core.findings import Finding
from tests.conftest import FIXTURES, Arrays, MakeAdapter, peft_arrays, peft_config, write_safetensors

Make = Callable[[MakeAdapter, Path], Path]
Losses = Mapping[int, float]

RUN = "run"
STEPS = (10, 20, 30, 40)
LOGGED = range(1, 41)


def state(train: Losses | None = None, held: Losses | None = None, **fields: Any) -> dict[str, Any]:
    """The state of transformers' Trainer, as far as it is read. Gradients and rates are those of a sound run."""
    lines: list[dict[str, Any]] = [
        {"step": step, "loss": loss, "grad_norm": 0.5, "learning_rate": 1e-3} for step, loss in (train or {}).items()
    ]
    lines += [{"step": step, "eval_loss": loss} for step, loss in (held or {}).items()]
    lines.sort(key=lambda line: line["step"])
    last = max((line["step"] for line in lines), default=0)
    return {"global_step": last, "max_steps": last, "log_history": lines, **fields}


def falling(start: float = 3.0, end: float = 1.0) -> dict[int, float]:
    """A training loss that falls smoothly, logged at each of forty steps."""
    return {step: end + (start - end) * 0.9**step for step in LOGGED}


def grown(factor: float, **shape: Any) -> dict[str, Any]:
    """The factors of a sound adapter, with an update so many times as large."""
    arrays = peft_arrays(**shape)
    return {name: array * np.float32(factor) if "lora_B" in name else array for name, array in arrays.items()}


def turned(factor: float, share: float) -> dict[str, Any]:
    """The same, turned towards another one by so much."""
    arrays, other = grown(factor), peft_arrays(seed=9)
    return {
        name: array + np.float32(share) * other[name] if "lora_B" in name else array for name, array in arrays.items()
    }


def sound() -> dict[int, Arrays]:
    """Four checkpoints that grow, turn, and settle."""
    return {10: turned(0.5, 0.4), 20: turned(0.8, 0.2), 30: turned(0.95, 0.1), 40: turned(1.0, 0.05)}


def write_run(
    folder: Path, checkpoints: Mapping[int, Arrays] | None = None, told: object = None, **config: Any
) -> Path:
    """Write checkpoints, each with the whole log beside it."""
    for step, arrays in (sound() if checkpoints is None else checkpoints).items():
        place = folder / f"checkpoint-{step}"
        place.mkdir(parents=True)
        write_safetensors(place / "adapter_model.safetensors", arrays)
        (place / "adapter_config.json").write_text(json.dumps(peft_config(**config)))
        if told is not None:
            (place / "trainer_state.json").write_text(told if isinstance(told, str) else json.dumps(told))
    return folder


def ran(checkpoints: Mapping[int, Arrays] | None = None, told: object = None) -> Make:
    """A run that left this."""
    return lambda make, tmp: write_run(tmp / RUN, checkpoints, told)


def is_run(path: Path) -> bool:
    """Whether the checkpoints of a run lie there."""
    return path.name == RUN


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the run."""
    return trajectory(path).findings


def collapsed() -> dict[str, Any]:
    """Nearly all of every update in one direction."""
    arrays = grown(1.0)
    for name in arrays:
        if "lora_B" in name:
            arrays[name] = arrays[name] * np.array([40.0, *[0.01] * 7], np.float32)
    return arrays


def broken() -> dict[str, Any]:
    """One update that is not finite."""
    arrays = grown(1.0)
    name = next(name for name in arrays if "lora_B" in name)
    arrays[name] = np.full_like(arrays[name], np.nan)
    return arrays


def cut(make: MakeAdapter, tmp: Path) -> Path:
    """A run whose third checkpoint was cut short."""
    run = write_run(tmp / RUN)
    file = run / "checkpoint-30" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-700])
    return run


def of_vectors(make: MakeAdapter, tmp: Path) -> Path:
    """A run of IA³, which has no low-rank updates."""
    for step in (10, 20):
        shutil.copytree(FIXTURES / "adapters" / "ia3", tmp / RUN / f"checkpoint-{step}")
    return tmp / RUN


def without_end(losses: dict[int, float], value: float, since: int) -> dict[int, float]:
    """The losses, from a step on replaced."""
    return {step: value if step >= since else loss for step, loss in losses.items()}


def bad_gradients() -> dict[str, Any]:
    """From step 30 on no gradient was finite."""
    told = state(falling(), {40: 1.1})
    for line in told["log_history"]:
        if line["step"] >= 30 and "grad_norm" in line:
            line["grad_norm"] = float("nan")
    return told


RISING = {10: 1.2, 20: 1.1, 30: 1.4, 40: 1.8}
FLAT = {10: 1.1, 20: 1.105, 30: 1.1, 40: 1.102}

PROVOKED: dict[str, Make] = {
    "LD901": ran(told=state(falling(), RISING)),
    "LD902": ran(told=state(falling(), {20: 1.1, 40: float("nan")})),
    "LD903": ran(told=state({step: 3 - 0.1 * step if step < 20 else 0.1 * step - 1 for step in LOGGED})),
    "LD904": ran(told=state({**falling(), 25: 6.0})),
    "LD905": ran(told=bad_gradients()),
    "LD906": ran(told=state(falling(), RISING)),
    "LD907": ran({10: grown(1.0), 20: grown(2.0), 30: grown(3.0), 40: grown(4.0)}, state(falling(), FLAT)),
    "LD908": ran({10: grown(1.0), 20: grown(2.0), 30: collapsed()}),
    "LD909": ran({step: sound()[min(step, 40)] for step in (10, 20, 30, 40)} | {80: grown(1.2)}, state(save_steps=10)),
    "LD910": cut,
    "LD911": ran({10: grown(1.0), 20: grown(2.0), 30: grown(2.0)}),
    "LD912": ran(told=state(falling(), {10: 2.0, 20: 1.6, 30: 1.4, 40: 1.3})),
    "LD913": ran(told="{"),
    "LD914": ran(told=state(falling(16, 8), {10: 2.0, 20: 1.5, 30: 1.2, 40: 1.1})),
    "LD915": ran(told=state(dict.fromkeys(LOGGED, 2.0))),
    "LD916": ran({10: grown(1.0), 20: grown(2.0), 30: broken()}),
    "LD917": ran({10: grown(1.0), 20: grown(1.1, rank=4)}),
    "LD918": of_vectors,
}
"""A run for every rule that it provokes."""
