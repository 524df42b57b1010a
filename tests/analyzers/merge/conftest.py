"""One thread for torch too: several wait for each other longer than they compute."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
    transformers: Any = pytest.importorskip("transformers", reason="bases are its models")
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
