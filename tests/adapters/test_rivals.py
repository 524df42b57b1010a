"""Weight files beside the one that was read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.adapters.rivals import rival_problems
from tests.conftest import peft_arrays, write_safetensors

ARRAYS = peft_arrays(layers=1)


def _torch_archive(arrays: dict[str, Any]) -> bytes:
    """What torch.save writes, as far as its records go: the bytes of each tensor, and a pickle that nobody opens."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"never opened")
        for index, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{index}", array.tobytes())
        archive.writestr("archive/version", b"3")
    return buffer.getvalue()


def _kinds(folder: Path) -> list[tuple[str, str | None]]:
    return [(problem.kind, problem.tensor) for problem in rival_problems(open_adapter(folder))]


def _folder(folder: Path, **rivals: bytes) -> Path:
    write_safetensors(folder / "adapter_model.safetensors", ARRAYS)
    for name, data in rivals.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_the_same_values(tmp_path: Path) -> None:
    """A torch file of the same tensors is no conflict, in whatever order it keeps them."""
    backwards = dict(reversed(ARRAYS.items()))
    assert _kinds(_folder(tmp_path, adapter_model__bin=_torch_archive(backwards))) == []


def test_other_values(tmp_path: Path) -> None:
    """One value that differs is a conflict."""
    changed = {name: array.copy() for name, array in ARRAYS.items()}
    next(iter(changed.values()))[0, 0] += 1
    folder = _folder(tmp_path, adapter_model__bin=_torch_archive(changed))
    assert _kinds(folder) == [("conflicting-files", "adapter_model.bin")]


def test_fewer_tensors(tmp_path: Path) -> None:
    """A file that lacks a tensor is a conflict."""
    fewer = dict(list(ARRAYS.items())[1:])
    assert _kinds(_folder(tmp_path, adapter_model__bin=_torch_archive(fewer))) == [
        ("conflicting-files", "adapter_model.bin")
    ]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_another_precision(dtype: Any, tmp_path: Path) -> None:
    """The same tensors in another precision may hold the same values: that is not called a conflict."""
    other = {name: array.astype(dtype) for name, array in ARRAYS.items()}
    assert _kinds(_folder(tmp_path, adapter_model__bin=_torch_archive(other))) == [
        ("unread-weights", "adapter_model.bin")
    ]


@pytest.mark.parametrize("data", [b"", b"\x80\x02}q\x00.", b"no format", b"PK\x03\x04 cut", _torch_archive({})])
def test_what_cannot_be_compared(data: bytes, tmp_path: Path) -> None:
    """Old pickles and damaged files are named, and not opened."""
    assert _kinds(_folder(tmp_path, adapter_model__bin=data)) == [("unread-weights", "adapter_model.bin")]


@pytest.mark.parametrize(
    ("compression", "damage"),
    [
        (zipfile.ZIP_STORED, "cut"),
        (zipfile.ZIP_STORED, "changed"),
        (zipfile.ZIP_DEFLATED, "changed"),
        (zipfile.ZIP_BZIP2, "changed"),
        (zipfile.ZIP_LZMA, "changed"),
    ],
)
def test_a_record_that_cannot_be_unpacked(compression: int, damage: str, tmp_path: Path) -> None:
    """The archive's directory is whole, and what it leads to ends early or is nonsense."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data/0", np.random.default_rng(0).bytes(5000))
        member = archive.infolist()[0]
        if damage == "cut":
            member.compress_size += 10_000_000
            member.file_size += 10_000_000
    data = bytearray(buffer.getvalue())
    if damage == "changed":
        data[100:140] = b"\xa5" * 40
    assert _kinds(_folder(tmp_path, adapter_model__bin=bytes(data))) == [("unread-weights", "adapter_model.bin")]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A rival that unpacks to an absurd size is left alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(100_000_000))
    assert _kinds(_folder(tmp_path, adapter_model__bin=buffer.getvalue())) == [("unread-weights", "adapter_model.bin")]


def test_formats_that_have_no_values_here(tmp_path: Path) -> None:
    """A tensor in an unknown format cannot be compared, and is no crash."""
    from tests.adapters.hostile import entry, safetensors_bytes

    name = "base_model.model.a.lora_A.weight"
    (tmp_path / "adapter_model.safetensors").write_bytes(
        safetensors_bytes({name: entry([1, 1], [0, 8], "C64")}, bytes(8))
    )
    (tmp_path / "adapter_model.bin").write_bytes(_torch_archive(ARRAYS))
    assert _kinds(tmp_path) == [("unread-weights", "adapter_model.bin")]


def test_snapshots_are_no_rivals(tmp_path: Path) -> None:
    """MLX's numbered files are earlier steps."""
    arrays = {"q.lora_a": np.ones((3, 2), np.float32), "q.lora_b": np.ones((2, 4), np.float32)}
    write_safetensors(tmp_path / "adapters.safetensors", arrays)
    write_safetensors(tmp_path / "0000100_adapters.safetensors", {name: array * 2 for name, array in arrays.items()})
    assert _kinds(tmp_path) == []
