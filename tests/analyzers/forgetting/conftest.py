"""One thread for torch, where a test asks for it: several wait for each other longer than they compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For the tests of a file."""
    torch: Any = pytest.importorskip("torch", reason="models run in torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
