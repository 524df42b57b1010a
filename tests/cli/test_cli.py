"""The command line as a user runs it: a process of its own, its streams and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loradiag.cli.main import COMMANDS
from loradiag.outputs import FORMATS
from tests.conftest import MakeAdapter, peft_arrays


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run loradiag and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "loradiag", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **environment},
        timeout=60,
        check=False,
    )


@pytest.fixture
def dead(make_adapter: MakeAdapter) -> Path:
    """An adapter with a dead module."""
    arrays = peft_arrays()
    arrays["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"][:] = 0
    return make_adapter(arrays, name="dead")


def test_inspect_sound_adapter(make_adapter: MakeAdapter) -> None:
    """Text on standard output, nothing on standard error, exit 0."""
    done = run("inspect", make_adapter())
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("LoRA", "someone/some-base", "attention.q", "PASS", "16 of 16 tensors analysed"):
        assert word in done.stdout


def test_gate_fails_with_1(dead: Path) -> None:
    """A dead module fails the gate, unless the level says otherwise."""
    done = run("inspect", dead)
    assert done.returncode == 1
    assert "LD107" in done.stdout
    assert run("inspect", dead, "--fail-on", "never").returncode == 0


@pytest.mark.parametrize(
    "arguments", [["inspect"], ["inspekt", "x"], ["inspect", "x", "--formatt", "json"], ["rule", "LD999"]]
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    """Missing arguments, unknown commands, options and rules: exit 2 and no traceback."""
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "not-json"])
def test_unreadable_is_3_in_one_line(make_adapter: MakeAdapter, tmp_path: Path, kind: str) -> None:
    """What cannot be read is one line on standard error that names it, and exit 3."""
    path = tmp_path / "nothing"
    if kind == "empty":
        path.mkdir()
    elif kind != "missing":
        path = make_adapter(name="x\x1b[31m")
        if kind == "cut":
            file = path / "adapter_model.safetensors"
            file.write_bytes(file.read_bytes()[:-100])
        else:
            (path / "adapter_config.json").write_text("{")
    done = run("inspect", path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


def test_one_bad_adapter_among_good_ones_loses_nothing(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The good ones are reported, the bad one says why, and the exit code is 3."""
    good = make_adapter()
    done = run("inspect", good, tmp_path / "nothing", good, "--format", "json")
    assert done.returncode == 3
    reports = json.loads(done.stdout)["reports"]
    assert [report["verdict"]["status"] for report in reports] == ["pass", "fail", "pass"]
    assert [finding["code"] for finding in reports[1]["findings"]] == ["LD101"]


def test_a_series_is_inspected_in_order(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Checkpoints come by step, not by name, and a broken one does not hide the others."""
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    for step in (1000, 200, 30):
        make_adapter(peft_arrays(seed=step), name=f"c{step}").rename(run_folder / f"checkpoint-{step}")
    (run_folder / "checkpoint-500").mkdir()
    done = run("inspect", run_folder, "--format", "json")
    assert done.returncode == 3
    reports = json.loads(done.stdout)["reports"]
    assert [Path(report["subject"]["path"]).name for report in reports] == [
        "checkpoint-30", "checkpoint-200", "checkpoint-500", "checkpoint-1000",
    ]  # fmt: skip
    assert [report["subject"]["step"] for report in reports] == [30, 200, None, 1000]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written_whole(dead: Path, tmp_path: Path, name: str) -> None:
    """Each format goes to standard output and, the same, to a file."""
    environment = {"SOURCE_DATE_EPOCH": "1700000000"}
    shown = run("inspect", dead, "--format", name, **environment)
    assert shown.returncode == 1
    file = tmp_path / "out" / "report"
    file.parent.mkdir()
    written = run("inspect", dead, "--format", name, "--output", file, **environment)
    assert written.stdout == ""
    assert file.read_text() == shown.stdout
    assert [child.name for child in file.parent.iterdir()] == ["report"]


def test_outputs_by_their_endings(dead: Path, tmp_path: Path) -> None:
    """Several files in one run, each in the format of its ending, and text on the terminal."""
    files = [tmp_path / name for name in ("r.json", "r.sarif", "r.html", "r.md", "r.xml")]
    done = run("inspect", dead, *[argument for file in files for argument in ("-o", file)])
    assert "FAIL" in done.stdout
    assert json.loads(files[0].read_text())["verdict"]["status"] == "fail"
    assert json.loads(files[1].read_text())["version"] == "2.1.0"
    assert all(file.stat().st_size > 200 for file in files)
    assert run("inspect", dead, "-o", tmp_path / "r.unknown").returncode == 2
    assert run("inspect", dead, "-o", tmp_path / "no" / "r.json").returncode == 2


def test_policy_file_and_discovery(dead: Path, tmp_path: Path) -> None:
    """A named policy, one found in the directory, and a wrong one."""
    project = tmp_path / "project"
    project.mkdir()
    ignore = '[[ignore]]\ncode = "LD107"\nreason = "on purpose"\n'
    (project / "loradiag.toml").write_text(ignore)
    assert run("inspect", dead, cwd=project).returncode == 0
    assert run("inspect", dead, cwd=tmp_path).returncode == 1
    assert run("inspect", dead, "--policy", project / "loradiag.toml", cwd=tmp_path).returncode == 0
    (project / "loradiag.toml").write_text("fail_on = 1\n")
    wrong = run("inspect", dead, cwd=project)
    assert wrong.returncode == 2
    assert "loradiag.toml" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1


def test_unused_ignores_are_told(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """An ignore that does nothing is named on standard error."""
    (tmp_path / "p.toml").write_text('[[ignore]]\ncode = "LD107"\nreason = "long gone"\n')
    done = run("inspect", make_adapter(), "--policy", tmp_path / "p.toml")
    assert done.returncode == 0
    assert "long gone" in done.stderr


def test_inconclusive_is_0_unless_the_policy_minds(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Unsupported parts leave the verdict open; the policy decides what that is worth."""
    arrays = {
        **peft_arrays(),
        "base_model.model.model.layers.0.mlp.up_proj.oft_r": peft_arrays()[
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
        ],
    }
    adapter = make_adapter(arrays)
    done = run("inspect", adapter)
    assert (done.returncode, "INCONCLUSIVE" in done.stdout) == (0, True)
    (tmp_path / "p.toml").write_text('inconclusive = "fail"\n')
    assert run("inspect", adapter, "--policy", tmp_path / "p.toml").returncode == 1


def test_judge_again_under_another_policy(dead: Path, tmp_path: Path) -> None:
    """A stored report is judged without the adapter, and the verdict follows the policy."""
    report = tmp_path / "report.json"
    run("inspect", dead, "--format", "json", "--output", report)
    for file in dead.iterdir():
        file.unlink()
    assert run("judge", report).returncode == 1
    (tmp_path / "p.toml").write_text('[severity]\nLD107 = "info"\n')
    done = run("judge", report, "--policy", tmp_path / "p.toml")
    assert done.returncode == 0
    assert "PASS" in done.stdout
    assert run("judge", tmp_path / "absent.json").returncode == 3


def test_rule_explains_and_lists() -> None:
    """One rule in full, all in a list, and as data."""
    assert "WHY IT MATTERS" in run("rule", "LD107").stdout
    assert "dead-modules" in run("rule").stdout
    rows = json.loads(run("rule", "--format", "json").stdout)
    assert len(rows) > 30
    assert {"code", "name", "severity", "thresholds", "documentation"} <= rows[0].keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """--help works and shows how it is used."""
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout


def test_help_lists_every_command() -> None:
    """The group's help names the commands of the table."""
    done = run("--help")
    assert all(f"  {command}" in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("columns", ["40", "60", "80", "100", "300", "0", "no number"])
def test_help_is_as_wide_as_click_makes_it(columns: str) -> None:
    """The width is asked for without click, which would import all of Python's compressions for it."""
    asked = "import sys; from loradiag.cli.main import cli; sys.argv[1:] = ['--help']; cli.main(prog_name='loradiag')"
    known = "import sys; from loradiag.cli.main import main; sys.argv[:] = ['loradiag', '--help']; main()"
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "COLUMNS": columns},
        )
        for code in (asked, known)
    ]
    assert told[0].stdout == told[1].stdout
    assert "merge-drift" in told[1].stdout
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", known], capture_output=True, text=True, timeout=60, check=False
    )
    assert "zlib" not in loaded.stderr


def test_a_closed_pipe_is_no_error(dead: Path) -> None:
    """``loradiag inspect … | head -1`` ends quietly."""
    done = subprocess.run(
        f"'{sys.executable}' -m loradiag inspect '{dead}' --format json | head -1",
        shell=True, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_quiet_prints_nothing_that_was_not_asked_for(dead: Path) -> None:
    """--quiet leaves the exit code and machine formats."""
    quiet = run("inspect", dead, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")
    assert json.loads(run("inspect", dead, "--quiet", "--format", "json").stdout)


def test_colours_only_when_wanted(dead: Path) -> None:
    """No escapes into a pipe; escapes when forced."""
    assert "\x1b[" not in run("inspect", dead).stdout
    assert "\x1b[" in run("inspect", dead, "--color", "always").stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_letter_has_the_verdict(make_adapter: MakeAdapter, encoding: str) -> None:
    """σ and ‖ are written as escapes; the exit code is that of the report."""
    for words, said in ((("inspect", make_adapter()), "PASS"), (("rule", "LD202"), "largest median share of")):
        done = subprocess.run(
            [sys.executable, "-m", "loradiag", *map(str, words)],
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert said in done.stdout.decode("latin-1")


def test_a_fault_of_its_own_is_not_a_failed_gate(make_adapter: MakeAdapter) -> None:
    """An unforeseen exception is one line and exit 2, never 1, and can be seen in full on demand."""
    code = (
        "import loradiag.api as api\n"
        "def broken(*a, **k): raise ZeroDivisionError('\\x1b[31mboom')\n"
        "api.inspect_all = broken\n"
        "from loradiag.cli.main import main\nimport sys\nsys.argv = ['loradiag', 'inspect', sys.argv[1]]\nmain()"
    )
    command = [sys.executable, "-c", code, str(make_adapter())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "ZeroDivisionError" in done.stderr
    assert "\x1b" not in done.stderr
    full = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LORADIAG_DEBUG": "1"}
    )
    assert "Traceback" in full.stderr


def test_an_interrupt_keeps_what_was_finished(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Reports of finished adapters are written; the exit code is a shell's for an interrupt."""
    code = (
        "import loradiag.api as api\n"
        "whole = api.inspect_all\n"
        "def stopped(path, *a, **k):\n"
        "    if path.endswith('second'): raise KeyboardInterrupt\n"
        "    yield from whole(path, *a, **k)\n"
        "api.inspect_all = stopped\n"
        "from loradiag.cli.main import main\nimport sys\nsys.argv = ['loradiag', 'inspect', *sys.argv[1:]]\nmain()"
    )
    out = tmp_path / "out.json"
    arguments = [str(make_adapter()), "second", "third", "--format", "json", "-o", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert json.loads(out.read_text())["verdict"]["status"] == "pass"
