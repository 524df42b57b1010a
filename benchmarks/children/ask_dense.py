"""What everyone can check by hand: the SVD of B · A, formed. ``ask_dense.py DIR OUT numpy|torch``."""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def read(folder: Path) -> dict[str, np.ndarray]:
    """Read the BF16 tensors of an adapter as float64."""
    data = (folder / "adapter_model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        bits = (
            np.frombuffer(data, dtype="<u2", count=(end - begin) // 2, offset=8 + length + begin).astype(np.uint32)
            << 16
        )
        tensors[name] = bits.view(np.float32).astype(np.float64).reshape(entry["shape"])
    return tensors


def singular_values(product: np.ndarray, library: str) -> list[float]:
    """All singular values, largest first."""
    if library == "numpy":
        return np.linalg.svd(product, compute_uv=False).tolist()
    import torch

    return torch.linalg.svdvals(torch.from_numpy(product)).tolist()


def main(folder: Path, out: Path, library: str) -> None:
    """Write ``{module: singular values of the update}``."""
    config = json.loads((folder / "adapter_config.json").read_text())
    scale, tensors, found = config["lora_alpha"] / config["r"], read(folder), {}
    for name in tensors:
        if name.endswith(".lora_A.weight"):
            stem = name.removesuffix(".lora_A.weight")
            product = tensors[f"{stem}.lora_B.weight"] @ tensors[name]
            values = singular_values(product, library)[: config["r"]]
            found[stem.removeprefix("base_model.model.")] = [scale * value for value in values]
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
