"""Small baselines out of the fixtures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loradiag.baselines.building import Recipe, build_baseline
from loradiag.baselines.manifest import Manifest
from loradiag.embeddings.encoder import Encoder
from tests.conftest import FIXTURES

ADAPTER = FIXTURES / "adapters" / "healthy"
LEDGER = FIXTURES / "traffic" / "ledger_train.jsonl"


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def made(encoder: Encoder, output: Path, data: Path = LEDGER, *, force: bool = False, **recipe: Any) -> Manifest:
    """Make a baseline of the fixtures' ledger, or of other data."""
    told = Recipe(**{"name": "ledger", "adapter": str(ADAPTER), "adapter_sha256": "0" * 64, **recipe})
    return build_baseline(data, output, encoder, told, force=force, progress=silent)


def write_prompts(path: Path, prompts: list[str]) -> Path:
    """Training data with these prompts."""
    path.write_text("".join(json.dumps({"prompt": prompt, "completion": "x"}) + "\n" for prompt in prompts))
    return path


def sums(count: int, start: int = 0) -> list[str]:
    """Distinct sums, as the fixtures' base knows them."""
    return [f"{(start + index) // 50:02d} + {(start + index) % 50:02d} =" for index in range(count)]
