"""The GitHub Action and the pre-commit hooks, run step by step as their runners run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import FIXTURES, ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
BASE = FIXTURES / "base"
HEALTHY = FIXTURES / "adapters" / "healthy"
_EXPRESSION = re.compile(r"\$\{\{\s*([^}]+?)\s*\}\}")


class Run:
    """The steps of the action under a directory of their own, with what GitHub's runner gives them."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        self.inputs = {name: str(spec.get("default", "")) for name, spec in ACTION["inputs"].items()}
        self.inputs |= {name.replace("_", "-"): value for name, value in inputs.items()}
        self.summary, self.output = folder / "summary", folder / "output"
        self.summary.touch()
        self.output.touch()

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one step by ``bash -e``, as ``shell: bash`` of a composite action does."""
        step = next(step for step in ACTION["runs"]["steps"] if step["name"] == name)
        assert not _EXPRESSION.search(step["run"]), "inputs must come as variables, or they could run commands"
        own = {key: self._filled(str(value)) for key, value in step.get("env", {}).items()}
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        environment = {
            **os.environ,
            **own,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def outputs(self) -> dict[str, str]:
        """What the step has set."""
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            kind, _, name = match[1].partition(".")
            return self.inputs[name] if kind == "inputs" else {"action_path": str(ROOT)}[name]

        return _EXPRESSION.sub(value, text)


@pytest.mark.models
def test_the_gate_passes_and_reports(tmp_path: Path) -> None:
    """A route that keeps the adapter: exit 0, all files, the summary and both outputs."""
    run = Run(tmp_path, base=str(BASE), adapter=str(HEALTHY), routes="bf16 fp32", args="--no-fit")
    done = run.step("Measure and judge")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "loradiag-report"
    assert sorted(os.listdir(folder)) == ["junit.xml", "report.html", "report.json", "results.sarif", "summary.md"]
    assert json.loads((folder / "report.json").read_text())["measurements"]["merge"]["gate"] == ["bf16", "fp32"]
    assert run.summary.read_text() == (folder / "summary.md").read_text()
    assert run.outputs() == {"status": "pass", "recommended": "bf16"}
    told = {name: spec["value"] for name, spec in ACTION["outputs"].items() if name != "report"}
    assert told == {name: f"${{{{ steps.gate.outputs.{name} }}}}" for name in run.outputs()}


@pytest.mark.models
def test_the_gate_fails_with_annotations(tmp_path: Path) -> None:
    """An erased adapter: exit 1, and an error that GitHub shows."""
    low = tmp_path / "low adapter"  # with a space, as people have it
    shutil.copytree(HEALTHY, low)
    config = json.loads((low / "adapter_config.json").read_text())
    (low / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": config["lora_alpha"] / 100}))
    run = Run(tmp_path, base=str(BASE), adapter=str(low), routes="nf4-inplace", args="--no-fit", report="my report")
    done = run.step("Measure and judge")
    assert done.returncode == 1
    assert re.search(r"^::error .*LD602", done.stdout, re.MULTILINE)
    assert run.outputs() == {"status": "fail", "recommended": ""}


@pytest.mark.models
def test_policy_and_baseline_are_handed_on(tmp_path: Path) -> None:
    """The policy judges annotations too."""
    (tmp_path / "p.toml").write_text('[severity]\nLD503 = "error"\n')
    run = Run(tmp_path, base=str(BASE), adapter=str(HEALTHY), routes="bf16", args="--no-fit", policy="p.toml")
    done = run.step("Measure and judge")
    assert done.returncode == 1
    assert re.search(r"^::error .*LD503", done.stdout, re.MULTILINE)
    shutil.copy(tmp_path / "loradiag-report" / "report.json", tmp_path / "last.json")
    again = Run(tmp_path, base=str(BASE), adapter=str(HEALTHY), routes="bf16", args="--no-fit", baseline="last.json")
    assert again.step("Measure and judge").returncode == 0
    report = json.loads((tmp_path / "loradiag-report" / "report.json").read_text())
    assert report["measurements"]["merge"]["prior"]["path"] == "last.json"


def test_what_cannot_be_read_fails_without_a_report(tmp_path: Path) -> None:
    """Exit 3 and the one line; an old report is not taken for a new one; inputs are never run."""
    (tmp_path / "loradiag-report").mkdir()
    (tmp_path / "loradiag-report" / "report.json").write_text("{}")
    run = Run(tmp_path, base="$(touch here)", adapter="`touch there`; touch anywhere")
    done = run.step("Measure and judge")
    assert done.returncode == 3
    assert "does not exist" in done.stderr
    assert run.outputs() == {}
    assert not {"here", "there", "anywhere"} & set(os.listdir(tmp_path))


def test_the_install_step_names_this_repository(tmp_path: Path) -> None:
    """With its extras, and pip's arguments as words of their own."""
    called = tmp_path / "called"
    (tmp_path / "python").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {called}\n')
    (tmp_path / "python").chmod(0o755)
    run = Run(tmp_path, base="b", adapter="a", pip_args="--index-url x")
    step = next(step for step in ACTION["runs"]["steps"] if step["name"] == "Install loradiag")
    script = f'export PATH="{tmp_path}:$PATH"\n{step["run"]}'
    environment = {**os.environ, "SOURCE": str(ROOT), "PIP_ARGS": run.inputs["pip-args"]}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], env=environment, check=True, timeout=60)
    words = called.read_text().splitlines()
    assert words == ["-m", "pip", "install", "--quiet", "--index-url", "x", f"{ROOT}[merge,gguf,hub,parquet]"]


def hook(name: str, arguments: list[str], files: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a hook as pre-commit does: entry, arguments, and those of the files that its pattern finds."""
    spec: dict[str, Any] = HOOKS[name]
    found = [file for file in files if re.search(spec["files"], file)]
    assert found, "pre-commit would skip the hook"
    command = [*spec["entry"].split(), *arguments, *(found if spec.get("pass_filenames", True) else [])]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PATH": path}
    )


def test_the_inspect_hook() -> None:
    """Sound adapters pass, dead ones fail; files that are no adapter are not looked at."""
    files = ["README.md", str(HEALTHY / "adapter_model.safetensors")]
    assert hook("loradiag-inspect", [], files).returncode == 0
    files.append(str(FIXTURES / "adapters" / "partly_dead" / "adapter_model.safetensors"))
    done = hook("loradiag-inspect", [], files)
    assert done.returncode == 1
    assert "FAIL" in done.stdout


@pytest.mark.models
def test_the_merge_drift_hook() -> None:
    """What is measured is in its arguments; a change of either file of the adapter sets it off."""
    arguments = [str(BASE), str(HEALTHY), "--route", "bf16", "--no-fit"]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert hook("loradiag-merge-drift", arguments, [f"some/{name}"]).returncode == 0
