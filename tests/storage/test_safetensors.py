"""safetensors: whatever is wrong with a file, it is one line and never a crash, and no byte is read that is not a tensor's."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.factors import measure_factors
from loradiag.core.errors import InputError
from loradiag.storage.safetensors import SafetensorsFile
from tests.adapters import checks, hostile
from tests.adapters.hostile import entry, safetensors_bytes

HEADER, BODY = hostile.valid()
VALID = safetensors_bytes(HEADER, BODY)
A, B = (name for name in HEADER if name != "__metadata__")


def _with(**changes: Any) -> str:
    """The valid header with changes to the entry of B."""
    header = copy.deepcopy(HEADER)
    header[B] |= changes
    return json.dumps(header)


BROKEN: dict[str, tuple[bytes, str]] = {
    "five bytes": (b"\x05\0\0\0\0", "truncated"),
    "header longer than the file": (safetensors_bytes(HEADER, BODY, claimed=5000), "truncated"),
    "header of 101 MB": (safetensors_bytes(HEADER, BODY, claimed=101_000_000), "header"),
    "header of 2^64 - 1 bytes": (safetensors_bytes(HEADER, BODY, claimed=2**64 - 1), "header"),
    "header of no bytes": (safetensors_bytes(b""), "header"),
    "header no JSON": (safetensors_bytes("{this is none}"), "header"),
    "header no text": (safetensors_bytes(b'{"\xff\xfe":1}'), "header"),
    "header nested": (safetensors_bytes('{"a":' * 5000 + "1" + "}" * 5000), "header"),
    "header of lists nested": (safetensors_bytes('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "header"),
    "header a list": (safetensors_bytes("[1, 2]".ljust(16)), "header"),
    "header a number": (safetensors_bytes("17".ljust(16)), "header"),
    "header cut": (safetensors_bytes(json.dumps(HEADER)[:-1], BODY), "header"),
    "header with NaN": (safetensors_bytes('{"a":NaN}'), "header"),
    "header with a long number": (safetensors_bytes('{"a":' + "9" * 5000 + "}"), "header"),
    "entry a list": (safetensors_bytes({A: [1]}), "header"),
    "entry null": (safetensors_bytes({A: None}), "header"),
    "entry a text": (safetensors_bytes({A: "F32"}), "header"),
    "entry without offsets": (safetensors_bytes({A: {"dtype": "F32", "shape": [1]}}, b"1234"), "header"),
    "dtype a number": (safetensors_bytes(_with(dtype=7), BODY), "header"),
    "dtype unknown": (safetensors_bytes(_with(dtype="F33"), BODY), "header"),
    "dtype too wide": (safetensors_bytes(_with(dtype="F64"), BODY), "header"),
    "shape a number": (safetensors_bytes(_with(shape=8), BODY), "header"),
    "shape negative": (safetensors_bytes(_with(shape=[-4, -2]), BODY), "header"),
    "shape of fractions": (safetensors_bytes(_with(shape=[4.0, 2.0]), BODY), "header"),
    "shape of booleans": (safetensors_bytes(_with(shape=[True, 8]), BODY), "header"),
    "shape too large": (safetensors_bytes(_with(shape=[4, 3]), BODY), "header"),
    "shape huge": (safetensors_bytes(_with(shape=[2**63, 2]), BODY), "header"),
    "shape that wraps around to the right size": (safetensors_bytes(_with(shape=[2**32, 2**32 + 8]), BODY), "header"),
    "shape huge and empty": (safetensors_bytes(_with(shape=[2**62, 0], data_offsets=[80, 80]), BODY), "header"),
    "shape of many dimensions": (safetensors_bytes(_with(shape=[1] * 70 + [8]), BODY), "header"),
    "offsets three": (safetensors_bytes(_with(data_offsets=[48, 60, 80]), BODY), "header"),
    "offsets negative": (safetensors_bytes(_with(data_offsets=[-4, 28]), BODY), "header"),
    "offsets backwards": (safetensors_bytes(_with(data_offsets=[80, 48]), BODY), "header"),
    "offsets of fractions": (safetensors_bytes(_with(data_offsets=[48.0, 80.0]), BODY), "header"),
    "offsets overlapping": (safetensors_bytes(_with(data_offsets=[44, 76]), BODY), "header"),
    "offsets the same": (safetensors_bytes({A: entry([8], [0, 32]), B: entry([8], [0, 32])}, BODY[:32]), "header"),
    "offsets with a hole": (safetensors_bytes(_with(data_offsets=[52, 84]), BODY + b"1234"), "header"),
    "offsets beyond the end": (safetensors_bytes(_with(data_offsets=[48, 8080], shape=[1004, 2]), BODY), "truncated"),
    "offsets astronomical": (safetensors_bytes(_with(data_offsets=[0, 2**63]), BODY), "header"),
    "bytes after the end": (safetensors_bytes(HEADER, BODY + b"more"), "header"),
    "names twice": (
        safetensors_bytes(json.dumps(HEADER)[:-1] + f', "{A}": {json.dumps(HEADER[B])}}}', BODY),
        "duplicate-key",
    ),
    "metadata twice": (safetensors_bytes('{"__metadata__":{}, "__metadata__":{}}'), "duplicate-key"),
    "a metadata key twice": (safetensors_bytes('{"__metadata__":{"a":"b","a":"c"}}'), "duplicate-key"),
    "dtype twice": (
        safetensors_bytes('{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}}', b"1234"),
        "duplicate-key",
    ),
    "names twice by escapes": (
        safetensors_bytes(
            '{"ab":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
            '"\\u0061b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
            b"12",
        ),
        "duplicate-key",
    ),
    "metadata a list": (safetensors_bytes({"__metadata__": [1], A: entry([1], [0, 4])}, b"1234"), "header"),
    "metadata of numbers": (safetensors_bytes({"__metadata__": {"a": 1}, A: entry([1], [0, 4])}, b"1234"), "header"),
    "half a surrogate pair": (
        safetensors_bytes('{"\\ud800":' + json.dumps(entry([1], [0, 4])) + "}", b"1234"),
        "header",
    ),
    "no tensors": (safetensors_bytes({"__metadata__": {"format": "pt"}}), "empty"),
    "no tensors and no metadata": (safetensors_bytes({}), "empty"),
    "an escape in a broken name": (safetensors_bytes({"\x1b]0;owned\x07\r\n": None}), "header"),
    "a name of a megabyte": (safetensors_bytes({"a" * 1_000_000: entry([1], [0, 4])}, b"1234"), "header"),
    "a name of dots": (safetensors_bytes({"." * 100_000: entry([1], [0, 4])}, b"1234"), "header"),
    "a broken name of a megabyte": (safetensors_bytes({"\u202ea" * 300_000: None}), "header"),
    "an empty file": (b"", "empty"),
    "zeros": (bytes(4096), "header"),
    "text": (b"<!DOCTYPE html><html><body>Not found</body></html>", "header"),
    "a git-LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
        "lfs-pointer",
    ),
    "a pickle by another name": (b"\x80\x02}q\x00.", "truncated"),
    "a pickle by another name, longer": (b"\x80\x02}q\x00" + b"." * 100, "header"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name: str, tmp_path: Path) -> None:
    """Each flaw gives one line that says what is wrong, and the kind that rules go by."""
    data, kind = BROKEN[name]
    checks.assert_unreadable(hostile.write(tmp_path, data), kind)


def test_the_size_of_a_git_lfs_pointer_is_told(tmp_path: Path) -> None:
    """The line says what to run and how much there is to fetch."""
    path = hostile.write(tmp_path, BROKEN["a git-LFS pointer"][0])
    checks.assert_unreadable(path, "lfs-pointer", says="12,345 bytes")


def test_deepest_truth() -> None:
    """The file that the other tests damage is sound."""
    with tempfile.TemporaryDirectory() as folder:
        adapter = open_adapter(hostile.write(Path(folder), VALID))
        (module,) = adapter.modules
        numbers = 0.25 * np.arange(1, 21, dtype=np.float32)
        np.testing.assert_array_equal(module.factors["A"].load(), numbers[:12].reshape(2, 6))
        np.testing.assert_array_equal(module.factors["B"].load(), numbers[12:].reshape(4, 2))
        assert adapter.metadata == {"format": "pt"}


def test_cut_anywhere() -> None:
    """A file that ends early is never taken, wherever it ends."""
    for length in range(len(VALID)):
        assert not checks.survives(VALID[:length]), length


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=4))
def test_mutated_bytes(position: int, patch: bytes) -> None:
    """A few bytes changed anywhere: it is taken or refused."""
    checks.survives(VALID[:position] + patch + VALID[position + len(patch) :])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["x.safetensors", "x.npz", "x.gguf", "x.bin", "x.pt"]))
def test_random_bytes(data: bytes, name: str) -> None:
    """Random bytes under any name are refused."""
    assert not checks.survives(data, name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [A, B, "__metadata__", "x.lora_a", "unet:0:up", "lora_unet_x.alpha", "w_a_000", "list:0", "\x1b[31m"]
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=4))
def test_headers_of_any_json(header: dict[str, Any]) -> None:
    """A header of well-formed nonsense is refused, or taken if it happens to describe nothing but metadata."""
    assert not checks.survives(safetensors_bytes(header, BODY))


def test_reads_are_exact(tmp_path: Path) -> None:
    """Part of a tensor is read from where it lies, in its own format."""
    values = np.arange(24, dtype=np.float16).reshape(4, 6)
    path = hostile.write(tmp_path, safetensors_bytes({"x": entry([4, 6], [0, 48], "F16")}, values.tobytes()))
    tensor = SafetensorsFile(path).tensors["x"]
    np.testing.assert_array_equal(tensor.read(5, 7), np.arange(5, 12, dtype=np.float16))
    assert tensor.read(0, 0).size == 0


def test_a_file_that_shrinks_is_an_error(tmp_path: Path) -> None:
    """A file cut after its header was read ends in an error, not in a signal."""
    path = hostile.write(tmp_path, VALID)
    adapter = open_adapter(path)
    path.write_bytes(VALID[:-8])
    with pytest.raises(InputError, match="ends inside tensor"):
        measure_factors(adapter, lambda _done, _total: None)


def test_a_closed_file_is_an_error(tmp_path: Path) -> None:
    """Reading after closing is refused like any failed read."""
    file = SafetensorsFile(hostile.write(tmp_path, VALID))
    file.close()
    with pytest.raises(InputError, match="cannot be read"):
        file.tensors[A].read()
