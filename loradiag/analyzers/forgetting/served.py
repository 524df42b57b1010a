"""The base in vLLM's engine, adapters as its LoRA requests: for models that transformers is too slow for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from loradiag.analyzers.forgetting.fitness import AS_STORED
from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.reference import read_by_peft
from loradiag.analyzers.merge.routes import Plan, Route, carrier, plan_routes
from loradiag.bases.model import Base
from loradiag.core.errors import InputError, MissingExtraError, UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.models.harness.quiet import quietly
from loradiag.models.loading import COMPUTE

EXTRA = "vllm"
BY_VLLM = "vllm"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Largest ranks that vLLM lays out memory for; one of them has to be named."""


class ServedStage:
    """The model in vLLM, in lm-eval's wrapper. The same face as :class:`loradiag.analyzers.forgetting.stage.Stage`.

    Args:
        base: What to load.
        wanted: How.
        precisions: That base weights will be given; vLLM loads them as they are stored.
        adapters: Whatever will be asked.

    Raises:
        InputError: vLLM cannot load the base, or does not read an adapter.
        MissingExtraError: vLLM is not installed.
        UsageError: Something else is wanted that it does not do.
    """

    def __init__(self, base: Base, wanted: Wanted, precisions: Sequence[str], adapters: Sequence[Inspection]) -> None:
        _check(base, wanted, precisions, adapters)
        self.held = carrier(base)
        self.plan: Plan = plan_routes(base)
        self.compute = COMPUTE[wanted.compute or self.held]
        self.loads = 1
        self.wrapped = _engine(base, wanted, self.compute, adapters)
        self.tokenizer = self.wrapped.tokenizer
        self._numbers = {str(inspection.adapter.path): index for index, inspection in enumerate(adapters, 1)}

    @contextlib.contextmanager
    def base(self, precision: str) -> Iterator[Any]:  # noqa: ARG002
        """Give the base: no LoRA in the request."""
        self.wrapped.lora_request = None
        yield self.wrapped

    def way(self, inspection: Inspection) -> str:  # noqa: ARG002
        """How an adapter is put beside the base."""
        return BY_VLLM

    @contextlib.contextmanager
    def adapter(self, inspection: Inspection, precision: str) -> Iterator[tuple[Any, str]]:  # noqa: ARG002
        """Give the base with an adapter in the request, and how that was done."""
        request = require("vllm.lora.request", EXTRA).LoRARequest
        path = str(inspection.adapter.path)
        number = self._numbers.setdefault(path, len(self._numbers) + 1)
        self.wrapped.lora_request = request(f"adapter-{number}", number, path)
        try:
            yield self.wrapped, BY_VLLM
        finally:
            self.wrapped.lora_request = None

    def route(self, inspection: Inspection, route: Route) -> NoReturn:  # noqa: ARG002
        """Refuse: the engine folds nothing."""
        raise UsageError(
            "--route: weights cannot be exchanged in vLLM; save the merged checkpoint and give it as a base"
        )

    def reduce_intruders(self, *_arguments: object) -> NoReturn:
        """Refuse: the engine has no layers of PEFT's."""
        raise UsageError("intruder dimensions are reduced by PEFT: --backend transformers")


def _check(base: Base, wanted: Wanted, precisions: Sequence[str], adapters: Sequence[Inspection]) -> None:
    if wanted.routes or any(precision != AS_STORED for precision in precisions):
        raise UsageError("--backend vllm: cannot be combined with --route or --trained-on, which exchange weights")
    if wanted.device_map:
        raise UsageError("--backend vllm: spreads the model itself; leave --device-map out")
    if not base.path.is_dir():
        raise InputError(
            base.path, "is one file, and vLLM loads whatever lies in its folder", "name the folder as the base"
        )
    for inspection in adapters:
        if not read_by_peft(inspection.adapter):
            raise InputError(inspection.adapter.path, "is not in PEFT's layout, which is what vLLM reads", "convert it")


def _engine(base: Base, wanted: Wanted, compute: str, adapters: Sequence[Inspection]) -> Any:
    require("vllm", EXTRA)
    make = require("lm_eval.models.vllm_causallms", "forgetting").VLLM
    rank = max((module.rank for inspection in adapters for module in inspection.adapter.modules), default=RANKS[0])
    try:
        with quietly():
            return make(
                pretrained=str(base.path),
                dtype=compute,
                tokenizer=wanted.tokenizer,
                trust_remote_code=wanted.trust_remote_code,
                batch_size=wanted.batch,
                max_model_len=wanted.most_tokens,
                lora_local_path=str(adapters[0].adapter.path),
                max_lora_rank=_room_for(rank),
            )
    except MissingExtraError:
        raise
    except Exception as error:  # an engine of many parts, each with its own errors
        problem = f"cannot be loaded by vLLM ({reason_of(error, 200)})"
        raise InputError(base.path, problem, "use --backend transformers") from error


def _room_for(rank: int) -> int:
    for size in RANKS:
        if rank <= size:
            return size
    raise UsageError(
        f"--backend vllm: takes ranks up to {RANKS[-1]}, and this adapter has {rank}; cut it with loradiag resize"
    )
