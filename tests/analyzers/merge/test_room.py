"""What a run needs is compared with what there is before work begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import loradiag
from loradiag.analyzers.merge import room
from loradiag.core.errors import UsageError
from tests.conftest import FIXTURES

BASE, HEALTHY = FIXTURES / "base", FIXTURES / "adapters" / "healthy"
LEDGER = FIXTURES / "text" / "ledger_heldout.jsonl"

pytestmark = pytest.mark.models


def stages() -> tuple[list[str], Any]:
    """What is told of the progress."""
    told: list[str] = []
    return told, lambda stage, _done, _total: told.append(stage)


def test_too_little_memory_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said with both numbers before any weight is read: twice 16 bits for the checkpoint, 32 to compute in, and logits."""
    monkeypatch.setattr(room, "_free_memory", lambda: 1_000_000)
    told, progress = stages()
    with pytest.raises(
        UsageError, match=r"needs about \d\.\d GB of memory, and 0\.0 GB are free; lower --batch-tokens"
    ):
        loradiag.merge_drift(BASE, HEALTHY, routes=["bf16"], prompts=LEDGER, fit=False, progress=progress)
    assert "weights" not in told


def test_too_little_disk_for_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept in a file, whose size is known once the text is cut."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=1, used=1, free=1000))
    with pytest.raises(UsageError, match=r"on disk for the reference's logits.*fewer or shorter prompts.*TMPDIR"):
        loradiag.merge_drift(BASE, HEALTHY, routes=["bf16"], prompts=LEDGER, limit=20, fit=False)


def test_too_little_memory_for_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only large ones are worth a look; fewer routes need less."""
    monkeypatch.setattr(room, "_free_memory", lambda: 10_000)
    loradiag.merge_drift(BASE, HEALTHY, routes=["bf16"], fit=False)
    monkeypatch.setattr(room, "_WHOLE", 1)
    with pytest.raises(UsageError, match="name fewer routes"):
        loradiag.merge_drift(BASE, HEALTHY, fit=False)
    monkeypatch.setattr(room, "_free_memory", lambda: None)  # the system does not say
    loradiag.merge_drift(BASE, HEALTHY, routes=["bf16"], fit=False)


def test_what_the_system_says() -> None:
    """The free memory that Linux reports, as bytes."""
    if not Path("/proc/meminfo").is_file():
        pytest.skip("the system has no /proc/meminfo")
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    found = room._free_memory()
    assert found is not None
    assert found == pytest.approx(int(lines["MemAvailable"].split()[0]) * 1024, rel=0.3)
