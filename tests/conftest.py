"""What tests share: small adapters written to disk, and paths to fixtures."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
SHARED = ROOT.parent / "shared"

Arrays = Mapping[str, npt.NDArray[Any]]


# A change is judged on the same examples wherever it is tested, so that it fails for what it changed. New examples are
# looked for on purpose: `pytest --hypothesis-profile explore`.
settings.register_profile("explore", deadline=None, print_blob=True)
settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Text is laid out for a terminal of this width, whatever the one is that the tests run in."""
    os.environ["COLUMNS"] = "100"


def write_safetensors(path: Path, arrays: Arrays, dtype: str = "F32") -> None:
    """Write a safetensors file by hand: the header as the format describes it, then the bytes.

    ``dtype`` BF16 takes float32 arrays and cuts them, which is exact for values that are BF16 numbers already.
    """
    header: dict[str, Any] = {}
    blobs, offset = [], 0
    for name, array in arrays.items():
        if dtype == "BF16":
            blob = (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
        else:
            blob = np.ascontiguousarray(array, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def peft_arrays(
    layers: int = 4,
    rank: int = 8,
    d_in: int = 48,
    d_out: int = 32,
    targets: tuple[str, ...] = ("q_proj", "v_proj"),
    seed: int = 0,
) -> dict[str, npt.NDArray[Any]]:
    """Factors of a trained-looking PEFT adapter: A as initialised, B of a tenth of its size."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for layer in range(layers):
        for target in targets:
            name = f"base_model.model.model.layers.{layer}.self_attn.{target}"
            arrays[f"{name}.lora_A.weight"] = (rng.uniform(-1, 1, (rank, d_in)) / np.sqrt(d_in)).astype(np.float32)
            arrays[f"{name}.lora_B.weight"] = rng.normal(0, 0.02, (d_out, rank)).astype(np.float32)
    return arrays


def peft_config(**changes: Any) -> dict[str, Any]:
    """An adapter_config.json of today's PEFT, as far as loradiag looks at it."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": "someone/some-base",
        "revision": "0123456789abcdef",
        "r": 8,
        "lora_alpha": 16,
        "target_modules": ["q_proj", "v_proj"],
        "fan_in_fan_out": False,
        "bias": "none",
        "task_type": "CAUSAL_LM",
        "peft_version": "0.21.2",
        **changes,
    }


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache, nor does a process that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORADIAG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


MakeAdapter = Callable[..., Path]


@pytest.fixture
def make_adapter(tmp_path: Path) -> MakeAdapter:
    """Return a function that writes a PEFT adapter directory from arrays and configuration changes."""

    def make(
        arrays: Arrays | None = None,
        *,
        name: str = "adapter",
        dtype: str = "F32",
        config: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_safetensors(folder / "adapter_model.safetensors", peft_arrays() if arrays is None else arrays, dtype)
        (folder / "adapter_config.json").write_text(json.dumps(peft_config(**changes) if config is None else config))
        return folder

    return make


@pytest.fixture(scope="session")
def encoder() -> Any:
    """The encoder of the fixtures: real, small, and of words that mean nothing elsewhere. For tests marked ``models``."""
    from loradiag.embeddings.encoder import load_encoder

    return load_encoder(str(FIXTURES / "encoder"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration as a user makes it. For tests marked ``models``: requests are embedded."""
    from click.testing import CliRunner

    from loradiag.cli.demo import demo

    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    result = CliRunner().invoke(demo, ["--folder", str(folder), "--only-data"])
    assert result.exit_code == 0, result.output
    assert str(folder) in result.stdout
    assert "making lake/" in result.stderr
    return folder
