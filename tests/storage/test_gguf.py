"""GGUF files: every count in them is doubted."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.storage.opening import open_container
from tests.adapters import checks


def text(value: str) -> bytes:
    """A string as GGUF stores it."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    """A key and its value."""
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, extents: tuple[int, ...], offset: int, kind: int = 0) -> bytes:
    """A tensor's description, fastest extent first."""
    return text(name) + struct.pack(f"<I{len(extents)}QIQ", len(extents), *extents, kind, offset)


def file(
    pairs: list[bytes],
    tensors: list[bytes],
    body: bytes = b"",
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    """A GGUF file, whose counts may lie."""
    many = counts or (len(tensors), len(pairs))
    head = b"GGUF" + struct.pack("<IQQ", version, *many) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + body


ADAPTER = pair("general.type", 8, text("adapter"))
NUMBERS = np.arange(1, 9, dtype=np.float32)
VALID = file(
    [
        ADAPTER,
        pair("adapter.lora.alpha", 6, struct.pack("<f", 4.0)),
        pair("tags", 9, struct.pack("<IQ", 8, 1) + text("x")),
    ],
    [tensor("blk.0.attn_q.weight.lora_a", (4, 1), 0), tensor("blk.0.attn_q.weight.lora_b", (1, 4), 32)],
    NUMBERS[:4].tobytes() + bytes(16) + NUMBERS[4:].tobytes(),
)


def test_the_layout_is_that_of_the_format(tmp_path: Path) -> None:
    """A file written by hand from ggml's description is read as the numbers in it, α included."""
    path = tmp_path / "a.gguf"
    path.write_bytes(VALID)
    adapter = checks.open_adapter(path)
    dense = 4.0 * np.outer(NUMBERS[4:], NUMBERS[:4])
    checks.assert_same_spectra(checks.our_spectra(adapter), {"blk.0.attn_q": checks.spectrum(dense)})
    assert adapter.metadata["general.type"] == "adapter"


def test_every_kind_of_value(tmp_path: Path) -> None:
    """Numbers of all widths, truth values, texts and arrays of arrays are passed over or kept as text."""
    kinds = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    pairs = [pair(f"k{kind}", kind, struct.pack(form, 1)) for kind, form in kinds.items()]
    inner = struct.pack("<IQ", 0, 3) + b"abc"
    pairs.append(pair("nested", 9, struct.pack("<IQ", 9, 2) + inner + inner))
    pairs.append(pair("numbers", 9, struct.pack("<IQ3I", 4, 3, 1, 2, 3)))
    path = tmp_path / "a.gguf"
    path.write_bytes(file([ADAPTER, *pairs], [tensor("x.lora_a", (2,), 0)], bytes(8)))
    metadata = open_container(path).metadata
    assert {metadata[f"k{kind}"] for kind in kinds} == {"1", "1.0", "True"}
    assert "nested" not in metadata


BROKEN = {
    "four bytes": b"GGUF",
    "version 1": file([ADAPTER], [], version=1),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + bytes(64),
    "2^63 pairs": file([ADAPTER], [], counts=(0, 2**63)),
    "2^60 tensors": file([ADAPTER], [], counts=(2**60, 1)),
    "more pairs than there are": file([ADAPTER], [], bytes(64), counts=(0, 3)),
    "a text of 2^60 bytes": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60) + bytes(64),
    "an array of 2^60 bytes": file([pair("a", 9, struct.pack("<IQ", 0, 2**60))], [], bytes(64)),
    "an array of 2^60 texts": file([pair("a", 9, struct.pack("<IQ", 8, 2**60))], [], bytes(64)),
    "an array of 2^61 wide numbers": file([pair("a", 9, struct.pack("<IQ", 12, 2**61))], [], bytes(64)),
    "arrays all the way down": file([pair("a", 9, struct.pack("<IQ", 9, 1) * 50)], [], bytes(64)),
    "an unknown kind of value": file([pair("a", 77, b"1234")], []),
    "a key that is no text": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2) + b"\xff\xfe" + bytes(64),
    "a key twice": file([ADAPTER, ADAPTER], []),
    "a tensor twice": file([ADAPTER], [tensor("x.lora_a", (1,), 0), tensor("x.lora_a", (1,), 0)], bytes(64)),
    "an unknown kind of tensor": file([ADAPTER], [tensor("x.lora_a", (32,), 0, 999)], bytes(64)),
    "blocks that do not fill a row": file([ADAPTER], [tensor("x.lora_a", (31,), 0, 8)], bytes(64)),
    "300 dimensions": file([ADAPTER], [text("x.lora_a") + struct.pack("<I", 300) + bytes(2400) + bytes(12)]),
    "an astronomical extent": file([ADAPTER], [tensor("x.lora_a", (2**62,), 0)], bytes(64)),
    "extents that wrap around": file([ADAPTER], [tensor("x.lora_a", (2**33, 2**33), 0)], bytes(64)),
    "an astronomical offset": file([ADAPTER], [tensor("x.lora_a", (1,), 2**63)], bytes(64)),
    "a tensor beyond the end": file([ADAPTER], [tensor("x.lora_a", (100,), 0)], bytes(64)),
    "alignment 0": file([ADAPTER, pair("general.alignment", 4, bytes(4))], [tensor("x.lora_a", (1,), 0)], bytes(64)),
    "alignment a text": file(
        [ADAPTER, pair("general.alignment", 8, text("\x1b[2J"))], [tensor("x.lora_a", (1,), 0)], bytes(64)
    ),
    "no tensors": file([ADAPTER], []),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name: str, tmp_path: Path) -> None:
    """Each flaw gives one line, at once."""
    path = tmp_path / "a.gguf"
    path.write_bytes(BROKEN[name])
    with pytest.raises(checks.InputError) as caught:
        checks.open_adapter(path)
    checks.assert_plain(caught.value)


@pytest.mark.parametrize(("kind", "extents", "size"), [(0, (32, 4), 512), (8, (32, 4), 136)], ids=["F32", "Q8_0"])
def test_a_file_that_shrinks_is_an_error(kind: int, extents: tuple[int, ...], size: int, tmp_path: Path) -> None:
    """Cut after its header was read, in a tensor of plain numbers or of blocks."""
    path = tmp_path / "a.gguf"
    path.write_bytes(file([ADAPTER], [tensor("x.lora_a", extents, 0, kind)], bytes(size)))
    stored = open_container(path).tensors["x.lora_a"]
    assert not stored.read().any()
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(checks.InputError, match="ends inside tensor"):
        stored.read()


def test_cut_anywhere() -> None:
    """A file that ends early is never taken."""
    for length in range(4, len(VALID)):
        assert checks.survives(VALID[:length], "a.gguf") is None, length


@settings(max_examples=200, deadline=None)
@given(st.integers(4, len(VALID) - 1), st.binary(min_size=1, max_size=9))
def test_mutated_bytes(position: int, patch: bytes) -> None:
    """A few bytes changed anywhere: it is taken or refused."""
    checks.survives(VALID[:position] + patch + VALID[position + len(patch) :], "a.gguf", measured=False)
