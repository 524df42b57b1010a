"""Everything that decides a model's answers, for the names of remembered ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.analyzers.forgetting.remember import versions
from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.keep import tokenizer_digests
from loradiag.bases.fingerprint import fingerprint
from loradiag.bases.model import Base
from loradiag.core.lazy import require

if TYPE_CHECKING:
    from loradiag.analyzers.forgetting.served import ServedStage
    from loradiag.analyzers.forgetting.stage import Stage


def of_base(
    base: Base, wanted: Wanted, stage: Stage | ServedStage, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Identify the base and how it runs. All of its bytes are hashed, once: the hashes are remembered.

    Raises:
        InputError: A file ends before its header says.
    """
    return {
        "base": [fingerprint(base, full=True, progress=progress).full, dict(base.config)],
        "tokenizer": tokenizer_digests(Path(wanted.tokenizer) if wanted.tokenizer else base.path),
        "run": [
            stage.compute,
            wanted.batch,
            wanted.most_tokens,
            wanted.backend,
            wanted.device_map,
            wanted.options.chat,
        ],
        "machine": _machine(wanted.device_map or wanted.device),
        "settings": stage.plan.settings,
        "versions": versions(),
    }


def _machine(device: str) -> list[str]:
    """What computes: sums come out otherwise, in their last digits, on another kind."""
    torch = require("torch", "merge")
    if device == "cpu" or not torch.cuda.is_available():
        return [device.partition(":")[0], torch.backends.cpu.get_cpu_capability()]
    return [device.partition(":")[0], torch.cuda.get_device_name(None if device == "auto" else device)]


def of_adapter(inspection: Inspection, sha256: str, route: str | None) -> dict[str, Any]:
    """Identify an adapter and how it is deployed."""
    return {"adapter": sha256, "config": inspection.adapter.config, "route": route}
