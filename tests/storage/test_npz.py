"""npz archives: arrays of numbers only, none larger than it is, and nothing unpickled."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.storage.opening import open_container
from tests.adapters import checks

ARRAYS = {"m.lora_a": np.arange(6, dtype=np.float32).reshape(3, 2), "m.lora_b": np.ones((2, 4), np.float32)}


def _archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


def _saved(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


VALID = _saved(**ARRAYS)


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("f8", "F64"),
        ("f4", "F32"),
        (">f4", "F32"),
        ("f2", "F16"),
        ("u1", "U8"),
        ("i1", "I8"),
        ("u2", "U16"),
        ("i8", "I64"),
        ("?", "BOOL"),
    ],
)
def test_formats(dtype: str, name: str, tmp_path: Path) -> None:
    """Every number format keeps its name and its values, in either byte order and either layout."""
    values = np.array([[0, 1, 2], [3, 4, 5]], dtype=dtype)
    path = tmp_path / "a.npz"
    np.savez(
        path, plain=values, turned=np.asfortranarray(values), empty=np.zeros((0, 3), dtype), scalar=np.array(7, dtype)
    )
    tensors = open_container(path).tensors
    assert {tensor.dtype for tensor in tensors.values()} == {name}
    for key in ("plain", "turned"):
        assert tensors[key].shape == (2, 3)
        np.testing.assert_array_equal(tensors[key].read(), values.reshape(-1))
    assert tensors["empty"].read().size == 0
    assert tensors["scalar"].shape == ()


def test_complex_numbers_are_named_and_not_read(tmp_path: Path) -> None:
    """A format that factors never have is reported as unsupported."""
    path = tmp_path / "adapters.npz"
    path.write_bytes(_saved(**{name: array.astype(np.complex64) for name, array in ARRAYS.items()}))
    adapter = checks.open_adapter(path)
    assert {row.reason for row in adapter.parts.unsupported} == {"stored as c8"}


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """An array of objects is a pickle: it is refused, and what is in it does not run."""
    trap = tmp_path / "sprung"
    array = np.empty(1, dtype=object)
    array[0] = _Bomb(str(trap))
    path = tmp_path / "adapters.npz"
    np.savez(path, a=array)
    checks.assert_unreadable(path, "header", says="pickled objects")
    path.write_bytes(_archive({"a.npy": pickle.dumps(_Bomb(str(trap)))}))
    checks.assert_unreadable(path, "header")
    assert not trap.exists()


BROKEN = {
    "cut in the middle": (VALID[: len(VALID) // 2], "truncated"),
    "no central directory": (VALID[:100], "truncated"),
    "damaged data": (VALID.replace(np.ones(4, np.float32).tobytes(), bytes(16), 1), "header"),
    "a shape that is not there": (
        _archive({"a.npy": _npy("{'descr':'<f4','fortran_order':False,'shape':(1000000000000,)}")}),
        "header",
    ),
    "a shape larger than its data": (
        _archive({"a.npy": _npy("{'descr':'<f4','fortran_order':False,'shape':(3,)}", b"12345678")}),
        "header",
    ),
    "a negative shape": (
        _archive({"a.npy": _npy("{'descr':'<f4','fortran_order':False,'shape':(-3,)}", b"12345678")}),
        "header",
    ),
    "a huge and empty shape": (
        _archive({"a.npy": _npy("{'descr':'<f4','fortran_order':False,'shape':(0, 99999999999999999999)}")}),
        "header",
    ),
    "objects": (_archive({"a.npy": _npy("{'descr':'|O','fortran_order':False,'shape':(1,)}", b"1234")}), "header"),
    "objects inside records": (
        _archive({"a.npy": _npy("{'descr':[('x','|O')],'fortran_order':False,'shape':(1,)}", b"1234")}),
        "header",
    ),
    "a header that is code": (_archive({"a.npy": _npy("__import__('os').system('true')")}), "header"),
    "a header of parentheses": (_archive({"a.npy": _npy("(" * 100)}), "header"),
    "another version": (_archive({"a.npy": _npy("{}", version=b"\x09\x00")}), "header"),
    "no magic": (_archive({"a.npy": b"no array"}), "header"),
    "an empty array file": (_archive({"a.npy": b""}), "header"),
    "other files": (
        _archive({"a.npy": _npy("{'descr':'<f4','fortran_order':False,'shape':(1,)}", b"1234"), "evil.sh": b"x"}),
        "header",
    ),
    "no numbers": (_archive({"a.npy": _npy("{'descr':'<U3','fortran_order':False,'shape':(0,)}")}), "no-adapter"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", BROKEN)
def test_broken_archives(name: str, tmp_path: Path) -> None:
    """Each flaw gives one line."""
    data, kind = BROKEN[name]
    path = tmp_path / "adapters.npz"
    path.write_bytes(data)
    checks.assert_unreadable(path, kind)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path: Path) -> None:
    """Programs differ on which of two members of one name they take."""
    path = tmp_path / "adapters.npz"
    path.write_bytes(VALID)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("m.lora_a.npy", archive.read("m.lora_b.npy"))
    checks.assert_unreadable(path, "duplicate-key", says="m.lora_a")


@pytest.mark.parametrize("name", ["adapters.npz", "adapter_model.bin"])
def test_bombs(name: str, tmp_path: Path) -> None:
    """An archive that unpacks to far more than its size is refused before it is unpacked."""
    path = tmp_path / name
    member = "a.npy" if name.endswith("npz") else "archive/data/0"
    path.write_bytes(_archive({member: bytes(100_000_000)}, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1_000_000
    checks.assert_unreadable(path, "header", says="would unpack to 100,000,0", allow_pickle=True)


def test_zeros_compress_and_are_no_bomb(tmp_path: Path) -> None:
    """A small adapter that was never trained compresses a hundredfold."""
    path = tmp_path / "adapters.npz"
    np.savez_compressed(
        path, **{"m.lora_a": np.zeros((1000, 100), np.float32), "m.lora_b": np.zeros((100, 1000), np.float32)}
    )
    assert len(checks.open_adapter(path).modules) == 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=3))
def test_mutated_bytes(position: int, patch: bytes) -> None:
    """A few bytes changed anywhere: it is taken or refused."""
    checks.survives(VALID[:position] + patch + VALID[position + len(patch) :], "adapters.npz", measured=False)
