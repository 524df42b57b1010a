"""The processes of a training run, and what they must agree on."""

from __future__ import annotations

from typing import Any

from loradiag.core.lazy import require


class World:
    """This process among those that train together.

    Args:
        args: transformers' ``TrainingArguments``.
        state: transformers' ``TrainerState``.
    """

    def __init__(self, args: Any, state: Any) -> None:
        self.device = args.device
        self.is_first = bool(state.is_world_process_zero)
        distributed = require("torch", "merge").distributed
        joined = distributed.is_available() and distributed.is_initialized()
        self.size = distributed.get_world_size() if joined else 1

    def agreed(self, answer: bool) -> bool:
        """Return the first process's answer in every process. All of them must call this.

        A process that stopped, or began to gather shards, by itself would leave the others waiting for ever.
        """
        if self.size == 1:
            return answer
        torch = require("torch", "merge")
        flag = torch.tensor([int(answer)], device=self.device)
        torch.distributed.broadcast(flag, src=0)
        return bool(flag.item())
