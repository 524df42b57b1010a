"""``loradiag compare``, as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loradiag.api.comparing import short_names
from loradiag.cli.compare import compare
from loradiag.core.errors import UsageError
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays

ADAPTERS = FIXTURES / "adapters"


def run(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(compare, [str(argument) for argument in arguments])


def test_two_adapters() -> None:
    """Who they are, the pair, where they meet, and what it comes to."""
    done = run(ADAPTERS / "healthy", ADAPTERS / "healthy_seed2")
    assert done.exit_code == 0
    for said in ("learned alike", "+0.434", "interference by role and layer", "LD615", "LD521", "PASS"):
        assert said in done.stdout, said


def test_all_with_all_in_files(tmp_path: Path) -> None:
    """Several formats at once; the JSON has every pair."""
    names = ("healthy", "bf16", "dora", "narrow_forgetting")
    files = [tmp_path / f"report.{ending}" for ending in ("json", "html", "md", "sarif", "xml")]
    done = run(*(ADAPTERS / name for name in names), *(part for file in files for part in ("-o", file)))
    assert done.exit_code == 0
    report = json.loads(files[0].read_text())
    found = report["measurements"]["comparison"]
    assert [adapter["label"] for adapter in found["adapters"]] == list(names)
    assert len(found["pairs"]) == 6
    assert found["pairs"][0]["relation"] == "same"
    assert report["schema_version"] == "1.8"
    assert all(file.stat().st_size > 1000 for file in files)


def test_a_gate() -> None:
    """Exit 1 where a copy is to be no copy."""
    assert run(ADAPTERS / "healthy", ADAPTERS / "bf16").exit_code == 0
    assert run(ADAPTERS / "healthy", ADAPTERS / "bf16", "--fail-on", "warning").exit_code == 1


def test_what_cannot_be_read_costs_its_own_place(tmp_path: Path) -> None:
    """The others are compared; the exit code is 3, and a line names the file."""
    done = run(
        ADAPTERS / "healthy", FIXTURES / "broken" / "truncated", tmp_path / "none", ADAPTERS / "dora", "-f", "json"
    )
    assert done.exit_code == 3
    reports = json.loads(done.stdout)["reports"]
    assert len(reports[0]["measurements"]["comparison"]["adapters"]) == 2
    assert [finding["code"] for report in reports[1:] for finding in report["findings"]] == ["LD101", "LD101"]
    assert "none: does not exist" in done.stderr


def test_other_bases_and_nothing_in_common_are_said(make_adapter: MakeAdapter) -> None:
    """And the rest goes on."""
    one = make_adapter(peft_arrays(), name="one")
    two = make_adapter(peft_arrays(d_in=64), name="two", base_model_name_or_path="other/base")
    three = make_adapter(peft_arrays(targets=("up_proj",)), name="three")
    done = run(one, two, three)
    assert done.exit_code == 0
    for said in ("LD518", "different shapes", "LD519", "no module in common", "INCONCLUSIVE"):
        assert said in done.stdout, said


def test_a_run_stands_by_its_last_checkpoint(tmp_path: Path) -> None:
    """Beside another adapter, and its own story is told as well."""
    done = run(ADAPTERS / "series", ADAPTERS / "healthy", "-f", "json")
    assert done.exit_code in (0, 1)
    comparison, story = json.loads(done.stdout)["reports"]
    assert comparison["measurements"]["comparison"]["adapters"][0]["step"] == 180
    assert [step["step"] for step in story["measurements"]["trajectory"]["steps"]] == [30, 60, 90, 120, 150, 180]


def test_a_run_with_a_broken_checkpoint_goes_on(tmp_path: Path) -> None:
    """The last one that can be read stands for it."""
    shutil.copytree(ADAPTERS / "series", tmp_path / "series")
    weights = tmp_path / "series" / "checkpoint-180" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    done = run(tmp_path / "series", ADAPTERS / "healthy", "-f", "json")
    comparison = json.loads(done.stdout)["reports"][0]["measurements"]["comparison"]
    assert comparison["adapters"][0]["step"] == 150


def test_a_run_of_which_nothing_can_be_read_costs_its_own_place(tmp_path: Path) -> None:
    """The others are compared; a line names what is wrong, and the exit code is 3, also where it is alone."""
    shutil.copytree(ADAPTERS / "series", tmp_path / "series")
    for weights in (tmp_path / "series").glob("*/adapter_model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:5000])
    done = run(tmp_path / "series", ADAPTERS / "healthy", ADAPTERS / "dora", "-f", "json")
    comparison, lost = json.loads(done.stdout)["reports"]
    assert [row["label"] for row in comparison["measurements"]["comparison"]["adapters"]] == ["healthy", "dora"]
    assert [finding["code"] for finding in lost["findings"]] == ["LD101"]
    alone = run(tmp_path / "series")
    assert (done.exit_code, alone.exit_code, alone.stdout) == (3, 3, "")
    assert done.stderr == alone.stderr
    assert "holds 6 checkpoints, and none can be read" in alone.stderr


def test_one_adapter_has_nothing_beside_it(tmp_path: Path) -> None:
    """Nor do two of which one cannot be read."""
    done = run(ADAPTERS / "healthy")
    assert isinstance(done.exception, UsageError)
    assert "two adapters, or one directory with checkpoints" in str(done.exception)
    done = run(ADAPTERS / "healthy", tmp_path / "none")
    assert done.exit_code == 3


def test_help_has_examples() -> None:
    """What to type."""
    assert "loradiag compare support-v1/ support-v2/" in run("--help").stdout


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a/x", "b/y"], ["x", "y"]),
        (["a/x", "b/x"], ["a/x", "b/x"]),
        (["run/checkpoint-1", "run/checkpoint-2"], ["checkpoint-1", "checkpoint-2"]),
        (["x", "x", "x"], ["x", "x (2)", "x (3)"]),
        (["/a/m/x", "/b/m/x", "/b/n/y"], ["a/m/x", "b/m/x", "b/n/y"]),
    ],
)
def test_names_tell_paths_apart(paths: list[str], expected: list[str]) -> None:
    """By as many of their last parts as that takes."""
    assert short_names(paths) == expected
