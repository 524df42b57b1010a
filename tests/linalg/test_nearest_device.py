"""The search for a GPU, on the processor: the same code, and the numbers of the other searches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.errors import UsageError
from loradiag.linalg import nearest, nearest_device
from loradiag.linalg.nearest import BlockedSearch, search_over
from loradiag.linalg.nearest_device import DeviceSearch
from tests.linalg.test_nearest import check, vectors


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 900), st.integers(1, 60), st.integers(1, 40), st.integers(0, 10**6))
def test_it_is_exact_whatever_the_sizes(references: int, queries: int, dimension: int, seed: int) -> None:
    """Against a dense product in float64."""
    there, asked = vectors(references, dimension, seed), vectors(queries, dimension, seed + 1)
    check(DeviceSearch(there, "cpu"), asked, there)


def test_blocks_and_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Many small blocks, from memory and from a map that does not fit onto the device: the numbers of plain products."""
    monkeypatch.setattr(nearest_device, "_QUERIES", 7)
    monkeypatch.setattr(nearest_device, "_REFERENCES", 64)
    there, asked = vectors(1000, 24, 1), vectors(100, 24, 2)
    np.save(tmp_path / "index.npy", there)
    mapped = np.load(tmp_path / "index.npy", mmap_mode="r")
    expected = BlockedSearch(there).nearest(asked)
    streamed = DeviceSearch(mapped, "cpu")
    streamed._kept = None
    for search in (DeviceSearch(there, "cpu"), streamed):
        cosines, found = search.nearest(asked)
        assert cosines.tolist() == expected[0].tolist()
        assert found.tolist() == expected[1].tolist()


def test_half_precision_that_was_allowed_is_not_used_and_allowed_again() -> None:
    """Whoever set it for his own products finds it as it was."""
    import torch

    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        check(DeviceSearch(vectors(300, 16, 3), "cpu"), vectors(20, 16, 4), vectors(300, 16, 3))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "cuda"])
def test_a_device_that_is_not_there_is_said(device: str) -> None:
    """In a line that names it."""
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UsageError, match=f"device {device}"):
        DeviceSearch(vectors(10, 8, 5), device)


def test_few_references_are_searched_on_the_processor_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending them to a device costs more than the products; many go to a GPU, where there is one."""
    monkeypatch.setattr(nearest, "_has_gpu", lambda: True)
    asked: list[str] = []
    monkeypatch.setattr(nearest_device, "DeviceSearch", lambda references, device: asked.append(device))
    few, many = vectors(100, 8, 6), vectors(33_000, 8, 7)
    assert isinstance(search_over(few), BlockedSearch)
    assert isinstance(search_over(few, "cpu"), BlockedSearch)
    search_over(few, "cuda:1")
    search_over(many)
    assert asked == ["cuda:1", "cuda"]
    assert not isinstance(search_over(many, "cpu"), type(None))
    assert asked == ["cuda:1", "cuda"]
