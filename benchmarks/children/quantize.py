"""The floor of measuring weights: every linear weight read and sent through the route's quantizer and back.

``quantize.py ADAPTER BASE ROUTE DEVICE``: bf16 (read, and round W once), nf4 (bitsandbytes, double quantization).
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import torch
from safetensors import safe_open

logging.disable(logging.WARNING)


def main(adapter: str, base: str, route: str, device: str) -> None:
    """Do it for the weights that the adapter changes."""
    with safe_open(Path(adapter) / "adapter_model.safetensors", "pt") as file:
        names = {name.removeprefix("base_model.model.").rpartition(".lora_")[0] for name in file.keys()}  # noqa: SIM118
    index = json.loads((Path(base) / "model.safetensors.index.json").read_text())["weight_map"]
    for shard in sorted(set(index.values())):
        with safe_open(Path(base) / shard, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                if name.removesuffix(".weight") in names:
                    once(file.get_tensor(name).to(device), route)
    if device != "cpu":
        torch.cuda.synchronize()


def once(weight: torch.Tensor, route: str) -> torch.Tensor:
    """The round trip of one weight."""
    if route == "bf16":
        return weight.float().to(torch.bfloat16)
    import bitsandbytes.functional as functional

    codes, state = functional.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    return functional.dequantize_4bit(codes, state)


if __name__ == "__main__":
    main(*sys.argv[1:])
