"""Two processes that train together, over gloo on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.models


def both(folder: Path, task: str) -> list[dict[str, Any]]:
    """Run a task of ``processes.py`` in two processes and return what each of them found."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*command, "tests.callbacks.processes", task, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_shards_are_gathered_and_measured_once(tmp_path: Path) -> None:
    """FSDP2 has half of each parameter in each process: the first measures the whole, as of a model that is in one piece.

    The budget is decided by the first process alone, or the second would wait for shards that nobody sends.
    """
    first, second = both(tmp_path, "sharded")
    assert first["local"] == second["local"] == first["whole"] / 2
    assert first["spectrum"] == first["expected"]
    assert (first["taken"], second["taken"]) == (3, 0)
    assert first["failures"] == second["failures"] == 0
    assert sorted(first["logged"]) == ["2", "3", "6"]
    assert second["logged"] == {}
    assert first["skipped"] == 3


def test_both_processes_stop_together(tmp_path: Path) -> None:
    """DistributedDataParallel: the second process learns from the first that the run is over, and neither hangs."""
    first, second = both(tmp_path, "stopped")
    assert first["step"] == second["step"] == 3
    assert first["stopped_by"] == "LD106"
    assert (first["taken"], second["taken"]) == (3, 0)
    assert second["reports"] == first["reports"] == ["checkpoint-2/loradiag-report.json"]
