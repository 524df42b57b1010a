"""Files of tensors: safetensors, GGUF, npz, torch's pickles, indexes of shards."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.mutating import as_archive, as_json, as_safetensors, blindly
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.seeds import adapter_files, safetensors
from loradiag.core.errors import InputError
from loradiag.storage.opening import OpenContainer, open_container
from loradiag.storage.shards import names_in, shards_of


def _read_all(container: OpenContainer) -> None:
    """Every tensor, as an analyzer reads it: what its dtype cannot be read as is left alone there too."""
    from loradiag.core.dtypes import DTYPES

    for tensor in container.tensors.values():
        if tensor.dtype in DTYPES and tensor.size:
            assert len(tensor.read()) == tensor.size
    str(container.metadata).encode("utf-8", "backslashreplace")


def _file(data: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _safetensors(data: bytes, folder: Path) -> None:
    _read_all(open_container(_file(data, folder, "adapter_model.safetensors")))


def _gguf(data: bytes, folder: Path) -> None:
    _read_all(open_container(_file(b"GGUF" + data[4:], folder, "adapter.gguf")))


def _npz(data: bytes, folder: Path) -> None:
    _read_all(open_container(_file(data, folder, "adapters.npz")))


class _Trap:
    """What a hostile pickle does: a file appears where anything of it is called."""

    place = ""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.place, "w")


def is_sprung() -> bool:
    """Whether some pickle was executed."""
    return bool(_Trap.place) and Path(_Trap.place).exists()


def _pickle(data: bytes, folder: Path) -> None:
    path = _file(data, folder, "adapter_model.bin")
    try:
        open_container(path)
    except InputError:
        pass
    else:
        assert data[8:9] == b"{" or data[:4] == b"GGUF" or b".npy" in data, (
            "a pickle was opened without being asked for"
        )
    try:
        _read_all(open_container(path, allow_pickle=True))
    finally:
        assert not is_sprung(), "a pickle was executed"


def _shards(data: bytes, folder: Path) -> None:
    index = _file(data, folder, "adapter_model.safetensors.index.json")
    for path in shards_of(index):
        assert path.resolve().parent == folder.resolve()
    names_in(index)


def gguf_seeds() -> list[bytes]:
    """Adapters as llama.cpp writes them, plain and quantized."""
    import tempfile

    import gguf

    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in (None, gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.F16):
            path = f"{folder}/seed.gguf"
            writer = gguf.GGUFWriter(path, "llama")
            writer.add_string("general.type", "adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", 16.0)
            writer.add_array("tokens", ["a", "b"])
            for name, shape in (("lora_a", (4, 32)), ("lora_b", (16, 32))):
                values = np.ones(shape, dtype=np.float16 if kind == gguf.GGMLQuantizationType.F16 else np.float32)
                stored = gguf.quantize(values, kind) if kind == gguf.GGMLQuantizationType.Q8_0 else values
                writer.add_tensor(f"blk.0.attn_q.weight.{name}", stored, raw_dtype=kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            seeds.append(Path(path).read_bytes())
    return seeds


def npz_seeds() -> list[bytes]:
    """Archives as MLX writes them, and one of objects."""
    seeds = []
    for save, kind in ((np.savez, "<f4"), (np.savez_compressed, ">f8"), (np.savez, "<f2")):
        file = io.BytesIO()
        save(
            file,
            **{"layers.0.lora_a": np.ones((8, 4), kind), "layers.0.lora_b": np.asfortranarray(np.ones((4, 8), kind))},
        )
        seeds.append(file.getvalue())
    file = io.BytesIO()
    np.savez(file, objects=np.array([{}], dtype=object), flags=np.ones(3, bool))
    return [*seeds, file.getvalue()]


def pickle_seeds() -> list[bytes]:
    """Files of torch, new and old, and pickles that would run something."""
    import tempfile

    import torch

    _Trap.place = f"{tempfile.gettempdir()}/loradiag-fuzzing-trap"
    factors = {"base_model.model.q_proj.lora_A.weight": torch.ones(4, 8), "b": torch.ones(8, 4, dtype=torch.bfloat16)}
    seeds = []
    for content, old in (
        (factors, False),
        (factors, True),
        ([torch.ones(2, 3)], False),
        ({"state_dict": factors}, False),
    ):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=not old)
        seeds.append(file.getvalue())
    return [*seeds, pickle.dumps(_Trap()), pickle.dumps({"a": [1, 2]})]


def _shard_seeds() -> list[bytes]:
    shards = {"a": "adapter_model.safetensors.index.json", "b": "x-00001-of-00002.safetensors"}
    return [
        json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": shards["a"]}}).encode(),
        json.dumps({"weight_map": shards}).encode(),
    ]


TARGETS = {
    "safetensors": Target(
        _safetensors, lambda: [*safetensors(), *(weights for _, weights in adapter_files())], as_safetensors
    ),
    "gguf": Target(_gguf, gguf_seeds, blindly, 1 << 14),
    "npz": Target(_npz, npz_seeds, as_archive, 1 << 13),
    "pickle": Target(_pickle, pickle_seeds, as_archive, 1 << 13),
    "shards": Target(_shards, _shard_seeds, as_json, 1 << 12),
}
