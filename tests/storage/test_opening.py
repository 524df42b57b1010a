"""Files as they are opened, whatever they hold: nothing of them stays open, or in memory, once they are dropped."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.bases.opening import open_base
from loradiag.storage.opening import open_container
from tests.bases.making import base_tensors, write_shards
from tests.conftest import FIXTURES, peft_arrays, write_safetensors
from tests.storage.test_gguf import VALID


def safetensors(folder: Path) -> Path:
    """A file of factors."""
    write_safetensors(folder / "x.safetensors", peft_arrays(layers=1))
    return folder / "x.safetensors"


def npz(folder: Path) -> Path:
    """An archive."""
    np.savez(folder / "x.npz", **{"m.lora_a": np.ones((3, 2)), "m.lora_b": np.ones((2, 4))})
    return folder / "x.npz"


def gguf(folder: Path) -> Path:
    """A file by hand."""
    (folder / "x.gguf").write_bytes(VALID)
    return folder / "x.gguf"


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """Python's search for cycles comes when it likes: nothing may need it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
@pytest.mark.parametrize("make", [safetensors, npz, gguf])
def test_what_is_dropped_is_closed_at_once(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """With the last of its tensors, and not before."""
    path, before = make(tmp_path), descriptors()
    container = open_container(path)
    tensor = next(iter(container.tensors.values()))
    values = weakref.ref(tensor.container)
    del container
    assert tensor.read().size == tensor.size
    del tensor
    assert values() is None
    assert descriptors() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_hundreds_one_after_the_other(tmp_path: Path) -> None:
    """A scan of a fleet has one adapter open at a time; of a base all shards are let go."""
    base, before = write_shards(tmp_path / "base", base_tensors(), [3, 6]), descriptors()
    for _ in range(3):
        adapter = open_adapter(FIXTURES / "adapters" / "sharded")
        assert adapter.modules[0].factors["A"].load().size
        del adapter
        assert descriptors() == before
        opened = open_base(base)
        assert len(opened.weights) == 11
        del opened
        assert descriptors() == before
