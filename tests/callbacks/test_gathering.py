"""Parameters copied from where they lie."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.callbacks.gathering import copied

pytestmark = pytest.mark.models


class Offloaded:
    """A shard on the CPU as FSDP2's CPUOffloadPolicy keeps it, whose whole is put together on the GPU, in its own time."""

    is_cuda = False

    def __init__(self, value: float) -> None:
        import torch

        self.value, self.device = value, torch.device("cpu")

    def detach(self) -> Offloaded:
        """As a parameter does."""
        return self

    def to(self, device: Any) -> Offloaded:
        """NCCL gathers on the GPU only."""
        self.device = device
        return self

    def full_tensor(self) -> Any:
        """Queued, like a collective operation: whoever reads it too soon reads what was there before."""
        import torch

        torch.cuda._sleep(500_000_000)
        return torch.full((4096,), self.value, device=self.device)


def test_shards_that_are_offloaded_are_waited_for() -> None:
    """What is copied from the GPU is read after it came."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    for value in (3.0, 5.0, 7.0):
        found = copied({"a": Offloaded(value)}, torch.device("cuda", 0), keep=True)
        name, shape, array = found["a"]
        assert (name, shape) == ("F32", (4096,))
        assert (array == value).all()
