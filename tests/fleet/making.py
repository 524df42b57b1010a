"""Small fleets on disk, and workers that do what the tests want."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import peft_arrays, peft_config, write_safetensors


def write_adapter(folder: Path, seed: int = 0, *, factor: float = 1.0, arrays: Any = None, **config: Any) -> Path:
    """A trained-looking PEFT adapter."""
    folder.mkdir(parents=True, exist_ok=True)
    made = peft_arrays(layers=3, seed=seed) if arrays is None else arrays
    scaled = {name: (value * np.float32(factor) if "lora_B" in name else value) for name, value in made.items()}
    write_safetensors(folder / "adapter_model.safetensors", scaled)
    (folder / "adapter_config.json").write_text(json.dumps(peft_config(**config)))
    return folder


def write_fleet(root: Path, count: int = 14) -> Path:
    """So many adapters of one recipe in two folders, and what is no adapter beside them."""
    for number in range(count):
        write_adapter(root / f"team{number % 2}" / f"a{number:02d}", seed=number)
    (root / "notes.txt").write_text("nothing")
    (root / "team0" / "empty").mkdir()
    return root


def double(item: int) -> int:
    """A function for engines."""
    return 2 * item


def deadly(item: int) -> int:
    """Kills its process at some items, as a lack of memory does."""
    if item % 7 == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return 2 * item


def threads_of(item: int) -> int:
    """How many threads a worker uses."""
    from loradiag.linalg.threads import workers

    return workers() + 0 * item
