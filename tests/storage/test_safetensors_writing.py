"""Safetensors files as they are written, read back by the format's own package."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from loradiag.core.dtypes import DTYPES
from loradiag.storage.safetensors import SafetensorsFile
from loradiag.storage.safetensors_writing import Entry, in_blocks, write_safetensors

NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


def entry(name: str, array: npt.NDArray[Any], dtype: str, size: int = 3) -> Entry:
    """A tensor, given a few bytes at a time."""
    data = array.tobytes()
    return Entry(name, dtype, array.shape, in_blocks(lambda start, stop: data[start:stop], len(data), size))


def header(path: Path) -> dict[str, Any]:
    """As the file spells it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert (8 + length) % 8 == 0
    found: dict[str, Any] = json.loads(data[8 : 8 + length])
    return found


shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
tables = st.dictionaries(
    st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__" and name.isprintable()),
    st.tuples(st.sampled_from(sorted(NUMPY)), shapes),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(
    table=tables,
    metadata=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    size=st.integers(1, 50),
)
def test_what_is_written_is_what_the_package_reads(
    table: dict[str, tuple[str, tuple[int, ...]]],
    metadata: dict[str, str],
    size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Names in any script, shapes without extents and without entries, metadata."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(-100, 100, shape).astype(NUMPY[dtype]) for name, (dtype, shape) in table.items()}
    path = tmp_path_factory.mktemp("written") / "x.safetensors"
    write_safetensors(path, [entry(name, arrays[name], table[name][0], size) for name in table], metadata)
    found = load_file(path)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with safe_open(path, "np") as file:
        assert (file.metadata() or {}) == metadata
    assert set(SafetensorsFile(path).tensors) == set(arrays)


@pytest.mark.models
def test_types_that_numpy_lacks(tmp_path: Path) -> None:
    """As torch reads them."""
    torch: Any = pytest.importorskip("torch", reason="numpy has no BF16")
    from safetensors.torch import load_file as load

    kinds = {"BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "BOOL": torch.bool}
    tensors = {name: (torch.arange(12).reshape(3, 4) % 2).to(kind) for name, kind in kinds.items()}
    raw = {name: tensor.view(torch.uint8).numpy().tobytes() for name, tensor in tensors.items()}
    entries = [Entry(name, name, (3, 4), lambda data=raw[name]: [data]) for name in kinds]  # type: ignore[misc]
    write_safetensors(tmp_path / "x", entries, {})
    found = load(tmp_path / "x")
    assert all(found[name].view(torch.uint8).equal(tensor.view(torch.uint8)) for name, tensor in tensors.items())
    assert {name: tensor.dtype for name, tensor in found.items()} == kinds


def test_wide_elements_come_first(tmp_path: Path) -> None:
    """So each tensor begins at a multiple of its elements' size; then by name; without gaps."""
    names = ["b.U8", "a.U8", "z.F64", "c.F16", "a.F32", "b.F32"]
    write_safetensors(tmp_path / "x", [entry(name, np.ones(3, NUMPY[name[2:]]), name[2:]) for name in names], {})
    rows = sorted(header(tmp_path / "x").items(), key=lambda row: row[1]["data_offsets"][0])
    assert [name for name, _ in rows] == ["z.F64", "a.F32", "b.F32", "c.F16", "a.U8", "b.U8"]
    end = 0
    for name, row in rows:
        start, stop = row["data_offsets"]
        assert start == end
        assert start % DTYPES[name[2:]].itemsize == 0
        end = stop
    assert (tmp_path / "x").stat().st_size == 8 + struct.unpack("<Q", (tmp_path / "x").read_bytes()[:8])[0] + end


def test_metadata_only_where_there_is_some(tmp_path: Path) -> None:
    """The package's own writer leaves the key out."""
    write_safetensors(tmp_path / "x", [], {})
    write_safetensors(tmp_path / "y", [], {"format": "pt"})
    assert (header(tmp_path / "x"), header(tmp_path / "y")) == ({}, {"__metadata__": {"format": "pt"}})


@pytest.mark.parametrize("given", [[], [b"1234"], [b"1234", b"56789"]])
def test_a_tensor_of_another_size_than_it_says(given: list[bytes], tmp_path: Path) -> None:
    """Too few bytes, or too many, are an error that names it."""
    with pytest.raises(ValueError, match=r"short: [049] bytes for a tensor of 8"):
        write_safetensors(tmp_path / "x", [Entry("short", "F32", (2,), lambda: given)], {})


@pytest.mark.parametrize(("size", "step"), [(0, 4), (1, 4), (8, 4), (9, 4), (9, 1), (3, 100)])
def test_blocks(size: int, step: int) -> None:
    """All parts, in order, no more than a step at once; again when they are asked for again."""
    whole = bytes(range(size))
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return whole[start:stop]

    blocks = in_blocks(read, size, step)
    assert b"".join(blocks()) == whole == b"".join(blocks())
    assert all(0 < stop - start <= step for start, stop in asked)


def test_sizes() -> None:
    """Bytes of a tensor without extents, with some, and with none of one."""
    sizes = [Entry("x", "F16", shape, list).nbytes for shape in ((), (3, 5), (3, 0))]
    assert sizes == [2, 30, 0]
