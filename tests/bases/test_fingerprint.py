"""The identity of a base: what changes it, what does not, and the cache of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.bases import cache
from loradiag.bases import fingerprint as module
from loradiag.bases.fingerprint import Fingerprint, fingerprint, part_of
from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from loradiag.storage.tensors import Tensor
from tests.bases.making import Stored, base_tensors, stored, write_base, write_shards, write_tensors


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, which remembers even what was written a moment ago."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LORADIAG_CACHE", str(folder))
    monkeypatch.setattr(cache, "SETTLED", 0)
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tensors that were hashed as a whole."""
    names: list[str] = []
    whole = module._whole

    def noting(tensor: Tensor) -> str:
        names.append(tensor.name)
        return whole(tensor)

    monkeypatch.setattr(module, "_whole", noting)
    return names


def identity(path: Path, full: bool = True) -> Fingerprint:
    """The identity of what lies at a path."""
    return fingerprint(open_base(path), full=full)


def large(size: int = 300_000, name: str = "model.big.weight") -> dict[str, Stored]:
    """A tensor that is larger than its sample."""
    return {name: stored(np.random.default_rng(0).integers(0, 256, size).astype("|u1")), **base_tensors(1)}


def test_full_is_as_documented(tmp_path: Path) -> None:
    """SHA-256 over lines of name, dtype, shape and the SHA-256 of the bytes, sorted by name."""
    tensors = base_tensors()
    lines = [
        f"{name} {dtype} {','.join(map(str, shape))} {hashlib.sha256(data).hexdigest()}\n"
        for name, (dtype, shape, data) in sorted(tensors.items())
    ]
    found = identity(write_base(tmp_path, tensors))
    assert found.full == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (found.tensors, found.bytes) == (len(tensors), sum(len(data) for _, _, data in tensors.values()))


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 10), max_size=4, unique=True).map(sorted), seed=st.integers(0, 1000))
def test_neither_shards_nor_order_matter(cuts: list[int], seed: int) -> None:
    """The same tensors, in another order and cut into other shards, are the same base."""
    tensors = base_tensors()
    names = list(tensors)
    np.random.default_rng(seed).shuffle(names)
    with tempfile.TemporaryDirectory() as folder:
        one = identity(write_base(Path(folder) / "one", tensors))
        many = identity(write_shards(Path(folder) / "many", {name: tensors[name] for name in names}, cuts))
    assert one == many


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_byte_changes_the_full_identity(data: st.DataObject) -> None:
    """One bit anywhere: full differs; sampled and the part too where the sample covers the tensor."""
    tensors = large()
    name = data.draw(st.sampled_from(sorted(tensors)))
    dtype, shape, content = tensors[name]
    position, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        before = identity(write_base(Path(folder) / "a", tensors))
        after = identity(write_base(Path(folder) / "b", {**tensors, name: (dtype, shape, bytes(changed))}))
    assert before.full != after.full
    if len(content) < 65_536:
        assert before.sampled != after.sampled
        differing = [part for part in before.parts if before.parts[part] != after.parts[part]]
        assert differing == [part_of(name)]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update({"x.weight": t.pop("model.norm.weight")}),
        lambda t: t.update({"model.norm.weight": ("I32", *t["model.norm.weight"][1:])}),
        lambda t: t.update({"model.norm.weight": ("F32", (6, 8), t["model.norm.weight"][2])}),
        lambda t: t.update({"extra.weight": stored(np.zeros(0, "<f4"))}),
        lambda t: t.pop("lm_head.weight"),
    ],
    ids=["name", "dtype", "shape", "empty tensor", "missing tensor"],
)
def test_what_the_header_says_counts(change: Callable[[dict[str, Stored]], Any], tmp_path: Path) -> None:
    """Names, formats and shapes are part of the identity."""
    tensors = base_tensors()
    before = identity(write_base(tmp_path / "a", tensors))
    change(tensors)
    after = identity(write_base(tmp_path / "b", tensors))
    assert before.full != after.full
    assert before.sampled != after.sampled


@pytest.mark.parametrize(("dtype", "bits"), [("F8_E8M0", 8), ("F8_E4M3", 8), ("C64", 64), ("BOOL", 8)])
def test_formats_whose_numbers_cannot_be_read_count(dtype: str, bits: int, tmp_path: Path) -> None:
    """Scales of microscaling formats and complex numbers are hashed as bytes."""
    tensors = base_tensors()
    found = []
    for value in (0, 1):
        tensors["x.scale"] = (dtype, (4,), bytes([0] * (bits // 2 - 1) + [value]))
        found.append(identity(write_base(tmp_path / str(value), tensors)))
    assert found[0].full != found[1].full
    assert found[0].sampled != found[1].sampled
    assert found[0].bytes == sum(len(data) for _, _, data in tensors.values())


def test_a_format_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """Bytes that cannot be told from others are not left out in silence."""
    tensor = Tensor("x\x1b", "Q7_NEW", (3,), open_base(write_base(tmp_path)).tensors["model.norm.weight"].container)
    with pytest.raises(InputError, match="not known"):
        module._as_bytes(tensor)


@settings(deadline=None)
@given(size=st.integers(0, 10_000_000), name=st.text(min_size=1, max_size=8))
def test_sampled_positions(size: int, name: str) -> None:
    """They depend on name and size alone, lie within the tensor, do not overlap, and cover small tensors entirely."""
    tensor = Tensor(name, "U8", (size,), None)  # type: ignore[arg-type]
    positions = module._positions(tensor)
    assert positions == module._positions(Tensor(name, "U8", (size,), object()))  # type: ignore[arg-type]
    assert all(start >= 0 and start + count <= size for start, count in positions)
    assert all(first[0] + first[1] <= second[0] for first, second in pairwise(positions))
    assert sum(count for _, count in positions) == min(size, 16 * 4096)


def test_sampled_positions_stay_as_they_are() -> None:
    """Stamps of years ago must still match: positions calculated by hand from the documented scheme."""
    name, size = "model.embed_tokens.weight", 1_000_000
    seed = hashlib.sha256(f"{name} {size}".encode()).digest()
    expected = []
    for index in range(16):
        fraction = (seed[2 * index] + 256 * seed[2 * index + 1]) / 65536
        expected.append((index * 62_500 + int(fraction * (62_500 - 4096 + 1)), 4096))
    assert module._positions(Tensor(name, "U8", (size,), None)) == expected  # type: ignore[arg-type]


def test_the_fixture_keeps_its_identity() -> None:
    """A change of these numbers breaks every stamp in the world."""
    from tests.conftest import FIXTURES

    found = identity(FIXTURES / "base")
    assert found.sampled == "83c032b901c0576ec8ad0a21e83f448482a2c018023d2c21601a7c46796e24a1"
    assert found.full == "39370ef85c5c99bb019455b0cae1c4049014f21e6832c05ab96b2b83a5032e24"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.10.mlp.up_proj.weight", "model.layers.10"),
        ("lm_head.weight", "lm_head"),
        ("model.embed_tokens.weight", "model.embed_tokens"),
        ("h.0.attn.c_attn.weight", "h.0"),
        ("down_blocks.1.attentions.0.proj_in.weight", "down_blocks.1"),
        ("scalar", "scalar"),
        ("x\ud800.weight", "x\\ud800"),
    ],
)
def test_parts(name: str, part: str) -> None:
    """A layer, else a module."""
    assert part_of(name) == part


def test_progress_counts_bytes(tmp_path: Path) -> None:
    """It grows, and ends at the number of all bytes."""
    seen: list[tuple[int, int]] = []
    base = open_base(write_base(tmp_path))
    found = fingerprint(base, full=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (found.bytes, found.bytes)


def test_full_is_known_without_reading_once_it_was_computed(tmp_path: Path, own_cache: Path, hashed: list[str]) -> None:
    """First not known, then computed, then remembered: one small file for each weight file."""
    path = write_shards(tmp_path / "base", base_tensors(), [3])
    assert identity(path, full=False).full is None
    computed = identity(path)
    assert len(hashed) == computed.tensors
    assert identity(path) == identity(path, full=False) == computed
    assert len(hashed) == computed.tensors
    entries = list((own_cache / "fingerprints").iterdir())
    assert len(entries) == 2
    assert {name for entry in entries for name in json.loads(entry.read_text())} == base_tensors().keys()


@pytest.mark.parametrize("how", ["content", "time", "time set back", "replaced", "moved"])
def test_a_changed_file_is_hashed_again(how: str, tmp_path: Path, own_cache: Path, hashed: list[str]) -> None:
    """Whatever shows that the file may be another one. Also if its time of change was set back, as archives do."""
    path = write_base(tmp_path / "base") / "model.safetensors"
    before = identity(path)
    status, data, expected = path.stat(), bytearray(path.read_bytes()), before.full
    if how in ("content", "time set back"):
        data[-1] ^= 1
        path.write_bytes(data)
        expected = None
    if how == "time set back":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_mtime_ns == status.st_mtime_ns
    elif how == "time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))
    elif how == "replaced":
        path.rename(tmp_path / "old")
        path.write_bytes(data)
    elif how == "moved":
        path = path.rename(tmp_path / "elsewhere.safetensors")
    assert identity(path, full=False).full is None
    assert (identity(path).full == before.full) == (expected is not None)
    assert len(hashed) == 2 * before.tensors


def test_what_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes of half the old and half the new content must not pass for those of the new."""
    path = write_base(tmp_path / "base") / "model.safetensors"
    whole = module._whole

    def disturbed(tensor: Tensor) -> str:
        os.utime(path, ns=(0, 0))
        return whole(tensor)

    monkeypatch.setattr(module, "_whole", disturbed)
    assert identity(path).full is not None
    assert not own_cache.exists()


def test_what_was_written_a_moment_ago_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes within one tick of the file system's clock look like one."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "SETTLED", 3_600_000_000_000)
    assert identity(write_base(tmp_path / "base")).full is not None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": "b"}', b"\xff"])
def test_a_damaged_entry_is_computed_again(content: bytes, tmp_path: Path, own_cache: Path) -> None:
    """And written anew."""
    path = write_base(tmp_path / "base")
    before = identity(path)
    (entry,) = (own_cache / "fingerprints").iterdir()
    sound = entry.read_bytes()
    entry.write_bytes(content)
    assert identity(path, full=False).full is None
    assert identity(path) == before
    assert entry.read_bytes() == sound


@pytest.mark.parametrize("folder", ["file", "file/below", ""])
def test_a_cache_that_cannot_be_written(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No error: the hashes are computed again. An empty name is the usual place."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "SETTLED", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / folder) if folder else "")
    path = write_base(tmp_path / "base")
    assert identity(path).full == identity(path).full is not None


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """LORADIAG_CACHE, else below the user's cache directory."""
    monkeypatch.setenv("LORADIAG_CACHE", "/c")
    assert cache.folder() == Path("/c")
    monkeypatch.delenv("LORADIAG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache.folder() == Path("/x/loradiag")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert cache.folder() == Path("/h/.cache/loradiag")


def test_processes_that_write_at_once(tmp_path: Path, own_cache: Path) -> None:
    """Four processes share a cache: all find the same, and what is left is whole."""
    path = write_shards(tmp_path / "base", base_tensors(), [3, 6])
    script = (
        "import sys; from loradiag.bases import cache; cache.SETTLED = 0\n"
        "from loradiag.bases.fingerprint import fingerprint; from loradiag.bases.opening import open_base\n"
        "for _ in range(20): print(fingerprint(open_base(sys.argv[1]), full=True).full)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    printed = {line for process in running for line in process.communicate(timeout=120)[0].split()}
    assert [process.returncode for process in running] == [0] * 4
    assert printed == {identity(path).full}
    files = sorted((own_cache / "fingerprints").iterdir())
    assert len(files) == 3
    assert all(json.loads(file.read_text()) for file in files)


def test_a_file_that_ends_too_early(tmp_path: Path, own_cache: Path) -> None:
    """Cut short after it was opened: an error about the input, and nothing is remembered."""
    path = write_tensors(tmp_path / "model.safetensors", large())
    base = open_base(path)
    os.truncate(path, 100_000)
    for full in (True, False):
        with pytest.raises(InputError, match="ends inside"):
            fingerprint(base, full=full)
    assert not own_cache.exists()
