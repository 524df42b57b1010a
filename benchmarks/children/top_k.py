"""The floor of ``inspect --base``: read every adapted weight, ask scipy for leading singular vectors, merged and not.

No norms, no rounding, no evidence, no report. ``top_k.py ADAPTER BASE``.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

OLD, NEW = 17, 11


def headers(folder: Path) -> dict[str, tuple[Path, int, tuple[int, ...]]]:
    """Where every tensor lies: file, first byte, shape."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            found[name] = (path, 8 + length + entry["data_offsets"][0], tuple(entry["shape"]))
    return found


def load(place: tuple[Path, int, tuple[int, ...]]) -> np.ndarray:
    """Read a BF16 tensor as float32."""
    path, start, shape = place
    bits = np.fromfile(path, dtype="<u2", count=int(np.prod(shape)), offset=start).astype(np.uint32)
    bits <<= 16
    return bits.view(np.float32).reshape(shape)


def leading(matrix: np.ndarray, count: int) -> None:
    """The leading left singular vectors, by ARPACK; by LAPACK where it would need as many vectors as there are."""
    if 2 * count + 18 >= min(matrix.shape):
        np.linalg.svd(matrix)
        return

    def product(x: np.ndarray) -> np.ndarray:
        return matrix @ (matrix.T @ x)

    rows = matrix.shape[0]
    operator = LinearOperator((rows, rows), matvec=product, matmat=product, dtype=np.float32)
    start = np.random.default_rng(0).standard_normal(rows).astype(np.float32)
    eigsh(operator, k=count, tol=1e-5, ncv=2 * count + 18, v0=start)


def main(adapter: Path, base: Path) -> None:
    """Do it for every module."""
    weights, factors = headers(base), headers(adapter)
    for name in factors:
        if name.endswith("lora_A.weight"):
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            weight = load(weights[f"{module}.weight"])
            leading(weight, OLD)
            leading(weight + 2.0 * load(factors[name.replace("lora_A", "lora_B")]) @ load(factors[name]), NEW)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
