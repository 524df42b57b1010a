"""``loradiag merge-drift`` as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_cli import run
from tests.conftest import FIXTURES, write_safetensors

pytestmark = pytest.mark.models

BASE = FIXTURES / "base"
HEALTHY = FIXTURES / "adapters" / "healthy"
LEDGER = FIXTURES / "text" / "ledger_heldout.jsonl"


@pytest.fixture
def low(tmp_path: Path) -> Path:
    """The healthy adapter with a hundredth of its scale."""
    folder = tmp_path / "low"
    shutil.copytree(HEALTHY, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["lora_alpha"] /= 100
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def report_of(path: Path) -> Any:
    """A report as written."""
    return json.loads(path.read_text())


def test_outputs_and_files(tmp_path: Path) -> None:
    """All routes, on text: the table and the recommendation in the terminal, JSON and HTML in files."""
    files = [tmp_path / "r.json", tmp_path / "r.html"]
    done = run("merge-drift", BASE, HEALTHY, "--prompts", LEDGER, "--limit", 40, "-o", files[0], "-o", files[1])
    assert (done.returncode, done.stderr) == (0, "")
    merge = report_of(files[0])["measurements"]["merge"]
    assert len(merge["routes"]) == 15
    assert merge["recommended"] in done.stdout
    assert merge["outputs"]["sequences"] == 40
    assert all(row["effect_loss"] is not None and row["status"] != "unfinished" for row in merge["routes"])
    assert "<html" in files[1].read_text()


def test_a_low_norm_adapter_is_erased_in_place_and_kept_in_16_bits(low: Path, tmp_path: Path) -> None:
    """The gate is about the routes that were asked for."""
    out = tmp_path / "r.json"
    done = run("merge-drift", BASE, low, "--route", "nf4-inplace", "--no-fit", "-f", "json", "-o", out)
    assert done.returncode == 1
    report = report_of(out)
    assert "LD602" in report["verdict"]["decided_by"]
    assert report["measurements"]["merge"]["routes"][0]["gain"] < 0.1
    done = run("merge-drift", BASE, low, "--route", "bf16", "--no-fit", "-f", "json", "-o", out)
    assert done.returncode == 0
    assert report_of(out)["measurements"]["merge"]["routes"][0]["gain"] > 0.9
    done = run("merge-drift", BASE, low, "--no-fit", "-f", "json", "-o", out)
    assert done.returncode == 0
    merge = report_of(out)["measurements"]["merge"]
    assert (merge["gate"], merge["recommended"]) == ([], "bf16")


def test_weights_alone_do_not_decide_four_bits(tmp_path: Path) -> None:
    """Inconclusive, which is an error only where the policy says so."""
    out = tmp_path / "r.json"
    done = run("merge-drift", BASE, HEALTHY, "--route", "nf4", "--no-fit", "-f", "json", "-o", out)
    assert done.returncode == 0
    assert report_of(out)["verdict"]["status"] == "inconclusive"
    (tmp_path / "strict.toml").write_text('inconclusive = "fail"\n')
    again = run("judge", out, "--policy", tmp_path / "strict.toml", "--verbose")
    assert again.returncode == 1
    assert "model.layers.0.self_attn.q_proj" in again.stdout


def test_one_sample_is_no_evidence(tmp_path: Path) -> None:
    """It is measured, and called too little."""
    out = tmp_path / "r.json"
    arguments = ["--route", "bf16", "--prompts", LEDGER, "--limit", 1, "--no-fit", "-f", "json", "-o", out]
    assert run("merge-drift", BASE, HEALTHY, *arguments).returncode == 0
    report = report_of(out)
    assert report["verdict"]["status"] == "inconclusive"
    assert "LD608" in report["verdict"]["decided_by"]


def test_a_release_that_keeps_less_fails(low: Path, tmp_path: Path) -> None:
    """Beside the report of the last release; beside itself nothing has changed."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    gate = ["--route", "nf4-inplace", "--no-fit", "--fail-on", "error"]
    run("merge-drift", BASE, HEALTHY, *gate, "-f", "json", "-o", before)
    same = run("merge-drift", BASE, HEALTHY, *gate, "--baseline", before, "-f", "json", "-o", after)
    assert same.returncode == 0
    assert report_of(after)["measurements"]["merge"]["prior"]["routes"][0]["route"] == "nf4-inplace"
    worse = run("merge-drift", BASE, low, *gate, "--baseline", before, "-f", "json", "-o", after)
    assert worse.returncode == 1
    assert "LD612" in report_of(after)["verdict"]["decided_by"]


def test_save(tmp_path: Path, low: Path) -> None:
    """The checkpoint of the only route; nothing of a route that failed, and the exit code says so."""
    done = run("merge-drift", BASE, HEALTHY, "--route", "bf16", "--no-fit", "--save", tmp_path / "out", "-q")
    assert (done.returncode, done.stdout) == (0, "")
    assert "read back and checked" in done.stderr
    assert (tmp_path / "out" / "model.safetensors").is_file()
    done = run(
        "merge-drift", BASE, low, "--route", "nf4-inplace", "--no-fit", "--save", tmp_path / "no", "--fail-on", "never"
    )
    assert done.returncode == 1
    assert "does not keep the adapter, so nothing was written" in done.stderr
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([BASE, HEALTHY, "--route", "nf5"], 2, "did you mean nf4?"),
        ([BASE, HEALTHY, "--trained-on", "int2"], 2, "there are bf16"),
        ([BASE, HEALTHY, "--block-size", "48"], 2, "bitsandbytes has 32"),
        ([BASE, HEALTHY, "--compute", "int8"], 2, "there are fp32"),
        ([BASE, HEALTHY, "--max-length", "1"], 2, "--max-length must be"),
        ([BASE, HEALTHY, "--device", "cuda:99"], 2, "cannot be used"),
        ([BASE, HEALTHY, "--force"], 2, "name the directory with --save"),
        ([BASE, HEALTHY, "--save", BASE], 2, "is, or holds, the base itself"),
        ([BASE, HEALTHY, "--save", HEALTHY.parent], 2, "holds, the adapter itself"),
        ([BASE, HEALTHY, "-o", "nowhere/r.json"], 2, "--output nowhere/r.json: there is no such folder"),
        (["missing", HEALTHY], 3, "does not exist"),
        ([BASE, "missing"], 3, "does not exist"),
        ([BASE, HEALTHY, "--prompts", "missing"], 3, "does not exist"),
        ([BASE, HEALTHY, "--baseline", "missing"], 3, "cannot be read"),
        ([BASE, FIXTURES / "adapters" / "series"], 3, "series of checkpoints"),
    ],
)
def test_errors_are_one_line(arguments: list[Any], code: int, said: str, tmp_path: Path) -> None:
    """With the exit code of the table."""
    done = run("merge-drift", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b'{"text": "a"}\n{"text": "\xff"}\n', "UTF-8"), (b'{"text": "a"}\n{"text": \n', "line 2")],
)
def test_prompts_that_are_no_text(content: bytes, said: str, tmp_path: Path) -> None:
    """Named with the place, before anything is measured."""
    file = tmp_path / "p.jsonl"
    file.write_bytes(content)
    done = run("merge-drift", BASE, HEALTHY, "--prompts", file)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "p.jsonl" in done.stderr
    assert said in done.stderr


def test_a_base_without_a_tokenizer(tmp_path: Path) -> None:
    """Outputs cannot be measured, and the message says what can."""
    base = tmp_path / "base"
    shutil.copytree(BASE, base, ignore=shutil.ignore_patterns("tokenizer*"))
    done = run("merge-drift", base, HEALTHY, "--route", "bf16", "--prompts", LEDGER, "--no-fit")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "has no tokenizer that can be loaded" in done.stderr
    assert run("merge-drift", base, HEALTHY, "--route", "bf16", "--no-fit").returncode == 0


def test_an_adapter_for_another_base(tmp_path: Path) -> None:
    """Widths that differ: not folded, each module named, and the gate fails."""
    base = tmp_path / "base"
    shutil.copytree(BASE, base)
    for file in base.glob("model*"):
        file.unlink()
    rng = np.random.default_rng(0)
    names = [f"model.layers.{layer}.self_attn.{part}_proj.weight" for layer in range(4) for part in "qkvo"]
    write_safetensors(base / "model.safetensors", {name: rng.normal(size=(64, 64)) for name in names})
    out = tmp_path / "r.json"
    done = run("merge-drift", base, HEALTHY, "--route", "bf16", "--no-fit", "-f", "json", "-o", out)
    assert done.returncode == 1
    report = report_of(out)
    assert "LD610" in report["verdict"]["decided_by"]
    assert len(report["measurements"]["merge"]["refused"]) == 28


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    """What was finished is kept; the second run gives what an uninterrupted one gives."""
    cache, out = tmp_path / "cache", tmp_path / "r.json"
    arguments = ["merge-drift", BASE, HEALTHY, "--prompts", LEDGER, "--limit", 30, "--no-fit", "-f", "json", "-o", out]
    environment = {**os.environ, "LORADIAG_CACHE": str(cache)}
    command = [sys.executable, "-m", "loradiag", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline and not list(cache.glob("merge/*/bf16.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in cache.glob("merge/*/*")}
    assert "bf16.json" in kept
    assert run(*arguments, LORADIAG_CACHE=str(cache)).returncode == 0
    assert not list(cache.glob("merge/*"))  # complete: the report has everything
    again = tmp_path / "again.json"
    assert run(*arguments[:-1], again, LORADIAG_CACHE=str(tmp_path / "other")).returncode == 0
    first, second = (report_of(path)["measurements"]["merge"] for path in (out, again))
    assert first == second
