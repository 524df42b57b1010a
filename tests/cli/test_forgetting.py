"""``loradiag forgetting`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loradiag.cli.forgetting import with_margins
from loradiag.core.errors import UsageError
from loradiag.core.policy import Policy, PolicyFile, resolve
from loradiag.rules import all_rules
from tests.cli.test_cli import run
from tests.conftest import FIXTURES, ROOT

BASE, ADAPTERS = Path("fixtures/base"), Path("fixtures/adapters")  # relative to the repository, where it is run
NARROW, UNTRAINED = ADAPTERS / "narrow_forgetting", ADAPTERS / "untrained"
TASKS: tuple[Any, ...] = ("--include-path", "fixtures/tasks", "--limit", 24, "--no-fit")
TEXT = "fixtures/text/base_heldout.jsonl"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache of this file's own: the base is asked once for all of its tests."""
    return str(tmp_path_factory.mktemp("cache"))


def ask(cache: str, *arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the repository's root."""
    return run("forgetting", *arguments, cwd=ROOT, LORADIAG_CACHE=cache, OMP_NUM_THREADS="1", **environment)


def reports_of(path: Path) -> list[Any]:
    """Reports as written."""
    found = json.loads(path.read_text())
    return list(found.get("reports", [found]))


@pytest.mark.models
def test_an_adapter_that_forgot(cache: str, tmp_path: Path) -> None:
    """The gate fails: the table in the terminal, JSON and HTML in files."""
    files = [tmp_path / "r.json", tmp_path / "r.html"]
    outputs = ["-o", files[0], "-o", files[1]]
    done = ask(cache, BASE, NARROW, "--tasks", "toy_facts,toy_arithmetic", *TASKS, *outputs)
    assert (done.returncode, done.stderr) == (1, "")
    for word in ("toy_facts", "toy_arithmetic", "forgot", "LD701", "FAIL", "lm-eval"):
        assert word in done.stdout
    (report,) = reports_of(files[0])
    assert report["verdict"] == {"status": "fail", "decided_by": ["LD701"]}
    rows = report["measurements"]["forgetting"]["tasks"]
    assert [(row["task"], row["n"], row["status"]) for row in rows] == [
        ("toy_facts", 24, "forgot"),
        ("toy_arithmetic", 24, "forgot"),
    ]
    page = files[1].read_text()
    assert "<html" in page
    assert "toy_arithmetic" in page


@pytest.mark.models
def test_several_adapters(cache: str, tmp_path: Path) -> None:
    """A report each; a margin of its own for a task, and one for all others; the worst verdict is the exit code."""
    out = tmp_path / "r.json"
    margins = ["--margin", "0.01", "--margin", "toy_a*=1", "--margin", "toy_facts=0.02"]
    tasks = ["--tasks", "toy_facts", "--tasks", "toy_arithmetic"]
    done = ask(cache, BASE, UNTRAINED, NARROW, *tasks, *TASKS, *margins, "-f", "json", "-o", out, "-q")
    assert (done.returncode, done.stdout) == (1, "")
    first, second = reports_of(out)
    assert second["verdict"] == {"status": "fail", "decided_by": ["LD701"]}
    assert first["verdict"] == {"status": "fail", "decided_by": ["LD106"]}  # it is untrained, and forgot nothing
    for row in first["measurements"]["forgetting"]["tasks"]:
        assert (row["status"], row["difference"], row["identical"]) == ("safe", 0, True)
    rows = {row["task"]: row for row in second["measurements"]["forgetting"]["tasks"]}
    assert rows["toy_facts"]["margin"] == pytest.approx(0.02 * rows["toy_facts"]["base"])
    assert rows["toy_arithmetic"]["margin"] == pytest.approx(rows["toy_arithmetic"]["base"])
    assert (rows["toy_facts"]["status"], rows["toy_arithmetic"]["status"] != "forgot") == ("forgot", True)


@pytest.mark.models
def test_what_does_not_fail(cache: str) -> None:
    """Undecided tasks and texts: JSON on standard output, and nothing beside it."""
    tasks = ["--tasks", "toy_arithmetic", "--text", TEXT]
    done = ask(cache, BASE, ADAPTERS / "healthy", *tasks, *TASKS, "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["verdict"]["status"] == "inconclusive"
    rows = report["measurements"]["forgetting"]["tasks"]
    assert [(row["task"], row["role"]) for row in rows] == [("toy_arithmetic", "task"), ("base_heldout", "text")]


@pytest.mark.models
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([BASE, NARROW], 2, "name what to ask"),
        ([BASE, NARROW, "--tasks", ","], 2, "name what to ask"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--margin", "5"], 2, "a share of the base's score from 0 to 1"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--margin", "toy_facts"], 2, "--margin toy_facts"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--metric", "acc"], 2, "write TASK=VALUE"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--metric", "=acc"], 2, "write TASK=VALUE"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--backend", "jax"], 2, "there are transformers, vllm"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--compute", "int8"], 2, "there are fp32"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--trained-on", "int2"], 2, "there are bf16"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--route", "nf5"], 2, "nf4"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--sweep"], 2, "--domain-text"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--device", "cuda:99"], 2, "cannot be used"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--policy", "missing.toml"], 2, "missing.toml"),
        ([BASE, NARROW, "--tasks", "toy_facts", "--include-path", "missing"], 2, "no such directory"),
        ([BASE, NARROW, "--text", TEXT, "--text", TEXT], 2, "another file is called base_heldout"),
        ([BASE, NARROW, "--tasks", "toy_facts", "-o", "nowhere/r.json"], 2, "nowhere/r.json: there is no such folder"),
        (["missing", NARROW, "--tasks", "toy_facts"], 3, "does not exist"),
        ([BASE, "missing", "--tasks", "toy_facts"], 3, "does not exist"),
        ([BASE, NARROW, "--text", "missing.jsonl"], 3, "does not exist"),
        ([BASE, ADAPTERS / "series", "--tasks", "toy_facts"], 3, "series of checkpoints"),
    ],
)
def test_errors_are_one_line(arguments: list[Any], code: int, said: str, cache: str) -> None:
    """With the exit code of the table."""
    done = ask(cache, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[BASE], [], [BASE, NARROW, "--limit", "0"], [BASE, NARROW, "--examples", "x"]])
def test_wrong_usage(arguments: list[Any], cache: str) -> None:
    """Missing arguments and wrong numbers."""
    done = ask(cache, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_data_that_is_missing(cache: str, tmp_path: Path) -> None:
    """Is named with its task, after the others were not asked."""
    pytest.importorskip("lm_eval", reason="it loads the task")
    text = (FIXTURES / "tasks" / "toy_facts.yaml").read_text()
    (tmp_path / "toy_facts.yaml").write_text(text.replace("fixtures/tasks", "nowhere"))
    done = ask(cache, BASE, NARROW, "--tasks", "toy_facts", "--include-path", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert "toy_facts" in done.stderr
    assert "relative to the directory" in done.stderr


def test_without_the_extra(cache: str, tmp_path: Path) -> None:
    """One line says what to install."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['lm_eval'] = None\n")
    done = ask(cache, BASE, NARROW, "--tasks", "toy_facts", *TASKS, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "loradiag[forgetting]" in done.stderr


def test_help(cache: str, tmp_path: Path) -> None:
    """Has examples, and loads nothing heavy."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules |= dict.fromkeys(('torch', 'lm_eval', 'transformers', 'numpy'))\n"
    )
    done = ask(cache, "--help", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "loradiag forgetting models/base/ my_adapter/ --tasks hellaswag,arc_easy,mmlu" in done.stdout
    for option in ("--tasks", "--margin [TASK=]SHARE", "--route", "--sweep", "--include-path"):
        assert option in done.stdout


@pytest.mark.models
def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    """130, with the tasks that were finished; the same command then asks the others."""
    cache, out = tmp_path / "cache", tmp_path / "r.json"
    arguments = [BASE, NARROW, "--tasks", "toy_*", *TASKS, "-o", out]
    command = [sys.executable, "-m", "loradiag", "forgetting", *map(str, arguments)]
    environment = {**os.environ, "LORADIAG_CACHE": str(cache), "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline and not list(cache.glob("scores-unfinished/*.json")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; what was finished is kept, and the same command goes on from there" in said
    assert "LD707" in shown
    (partial,) = reports_of(out)
    unfinished = partial["measurements"]["forgetting"]["unfinished"]
    finished = [row["task"] for row in partial["measurements"]["forgetting"]["tasks"]]
    assert finished
    assert unfinished
    assert all(name in shown for name in finished)
    assert partial["verdict"]["status"] != "pass"
    done = ask(str(cache), *arguments, "--fail-on", "never", "-v")
    assert done.returncode == 0
    assert "LD701" in done.stdout
    assert not list(cache.glob("scores-unfinished/*.json"))
    (whole,) = reports_of(out)
    rows = {row["task"]: row for row in whole["measurements"]["forgetting"]["tasks"]}
    assert len(rows) == 4
    for row in partial["measurements"]["forgetting"]["tasks"]:  # but for Holm's correction, which is over more of them
        assert rows[row["task"]] | {"p_adjusted": 0} == row | {"p_adjusted": 0}


def policy(**settings: Any) -> Policy:
    """A policy from a file's content."""
    return resolve(msgspec.convert(settings, PolicyFile), all_rules(), "test")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"margin": 0.05, "alpha": 0.05}),
        (("0.1",), {"margin": 0.1, "alpha": 0.05}),
        (("0",), {"margin": 0.0, "alpha": 0.05}),
        (("1e-2", "0.3"), {"margin": 0.3, "alpha": 0.05}),
        (("mmlu_*=0.2", "hellaswag=0"), {"margin": 0.05, "alpha": 0.05, "margin.mmlu_*": 0.2, "margin.hellaswag": 0.0}),
        (("a=b=0.2",), {"margin": 0.05, "alpha": 0.05, "margin.a=b": 0.2}),
    ],
)
def test_margins(words: tuple[str, ...], expected: dict[str, float]) -> None:
    """For all tasks, for one, for a pattern; the last one counts."""
    assert with_margins(policy(), words).thresholds["LD701"] == expected


def test_margins_of_the_command_line_come_first() -> None:
    """Before those of the policy, whose others stay."""
    before = policy(thresholds={"LD701": {"margin": 0.2, "margin.a": 0.3, "alpha": 0.01}})
    found = with_margins(before, ("a=0.1",)).thresholds["LD701"]
    assert found == {"margin": 0.2, "margin.a": 0.1, "alpha": 0.01}


@pytest.mark.parametrize("word", ["", "x", "a=", "-0.1", "1.1", "5%", "a=nan", "inf", "a=0,1"])
def test_margins_that_are_none(word: str) -> None:
    """Are shares from 0 to 1."""
    with pytest.raises(UsageError, match="a share of the base's score from 0 to 1"):
        with_margins(policy(), (word,))
