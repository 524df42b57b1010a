"""Writes so many small adapters below a folder, those that are not there: ``fill_fleet.py FOLDER COUNT``."""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYERS, RANK, WIDTH = 24, 8, 1024
CONFIG = {
    "peft_type": "LORA",
    "base_model_name_or_path": "someone/some-base",
    "r": RANK,
    "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
    "bias": "none",
    "task_type": "CAUSAL_LM",
}


def main(root: Path, count: int) -> None:
    """Write them."""
    for number in range(count):
        folder = root / f"team{number % 20:02d}" / f"adapter-{number:04d}"
        if (folder / "adapter_config.json").is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        arrays = {}
        for layer in range(LAYERS):
            for target in ("q_proj", "v_proj"):
                name = f"base_model.model.model.layers.{layer}.self_attn.{target}"
                arrays[f"{name}.lora_A.weight"] = rng.standard_normal((RANK, WIDTH), dtype=np.float32) / 32
                arrays[f"{name}.lora_B.weight"] = rng.standard_normal((WIDTH, RANK), dtype=np.float32) / 50
        save_file(arrays, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps(CONFIG))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
