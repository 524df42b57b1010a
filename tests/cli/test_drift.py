"""``loradiag drift``, as a user calls it, on the fixtures' month of requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.drift import drift
from loradiag.cli.traffic import traffic
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

ENCODER = str(FIXTURES / "encoder")
ADAPTERS = {"ledger": "healthy", "chant": "narrow_forgetting", "grammar": "healthy_seed2"}


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(drift, list(arguments))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures' traffic in a lake, and a baseline for each adapter."""
    folder = tmp_path_factory.mktemp("served")
    log = str(FIXTURES / "traffic" / "requests.jsonl.gz")
    done = CliRunner().invoke(
        traffic, ["ingest", log, "--lake", str(folder / "lake"), "--encoder", ENCODER, "--base-model", "base"]
    )
    assert done.exit_code == 0, done.output
    for name, adapter in ADAPTERS.items():
        data = FIXTURES / "traffic" / f"{name}_train.jsonl"
        made = run(
            *("baseline", str(FIXTURES / "adapters" / adapter), "--name", name, "--data", str(data)),
            *("--encoder", ENCODER, "-o", str(folder / "baselines" / name)),
        )
        assert made.exit_code == 0, made.output
        assert f"baseline of {name}" in made.stdout
    return folder


def check(served: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the reports by adapter."""
    result = run(
        "check", "--baseline", str(served / "baselines"), "--lake", str(served / "lake"), "-f", "json", *arguments
    )
    document = json.loads(result.stdout)
    reports = document.get("reports", [document])
    return result.exit_code, {report["subject"]["path"]: report for report in reports}


def statuses(report: dict[str, Any]) -> list[str]:
    """Of its windows."""
    return [window["status"] for window in report["measurements"]["drift"]["windows"]]


def test_the_month_is_read_as_it_was_made(served: Path) -> None:
    """The ledger's drift to the base from the 19th on; chants come to grammar from the 26th; the chant's own stay."""
    code, reports = check(served, "--window", "7d", "--last", "all", "--since", "2026-11-01")
    assert code == 1
    truth = json.loads((FIXTURES / "TRUTH.json").read_text())["traffic"]
    assert set(reports) == set(ADAPTERS)
    for name, report in reports.items():
        told = report["measurements"]["drift"]["attribution"]
        assert told["requests"] == told["embedded"] == truth["models"][name]["requests"]
    assert set(statuses(reports["chant"])) == {"steady"}
    ledger = reports["ledger"]["measurements"]["drift"]["windows"]
    before = [window for window in ledger if window["end"] <= "2026-11-19T00:00:00Z"]
    after = [window for window in ledger if window["start"] >= "2026-11-19T00:00:00Z"]
    assert {window["status"] for window in before} == {"steady"}
    assert all("novel" in window["status"] and window["recommended_route"] == "base" for window in after)
    assert reports["grammar"]["measurements"]["drift"]["windows"][-1]["recommended_route"] == "chant"
    assert {"LD801", "LD803"} <= {finding["code"] for finding in reports["grammar"]["findings"]}


def test_answers_that_changed(served: Path) -> None:
    """The ledger's perplexity rose and its answers are cut off more often, beyond what days differ; the chant's did neither."""
    _, reports = check(served)
    rows = {row["metric"]: row for row in reports["ledger"]["measurements"]["drift"]["predictions"]}
    assert rows["perplexity"]["status"] == "moved"
    assert rows["perplexity"]["ci_low"] > 0.05
    assert rows["truncated"]["status"] == "moved"
    assert {"LD806", "LD807"} <= {finding["code"] for finding in reports["ledger"]["findings"]}
    moved = [
        row["metric"] for row in reports["chant"]["measurements"]["drift"]["predictions"] if row["status"] == "moved"
    ]
    assert moved == []


def test_before_the_drift_all_is_well(served: Path) -> None:
    """Until the 18th: exit 0."""
    code, reports = check(served, "--until", "2026-11-19")
    assert code == 0
    assert {report["verdict"]["status"] for report in reports.values()} == {"pass"}


def test_one_adapter_and_other_windows(served: Path) -> None:
    """--adapter, a number of requests, and the newest two of them."""
    code, reports = check(served, "--adapter", "ledger", "--window", "100", "--last", "2")
    assert code == 1
    assert list(reports) == ["ledger"]
    assert [window["n"] for window in reports["ledger"]["measurements"]["drift"]["windows"]] == [100, 100]


@pytest.mark.parametrize("format_", ["text", "markdown", "html", "sarif", "junit", "github", "gitlab"])
def test_every_format(served: Path, format_: str) -> None:
    """Each names the adapter and the finding that decided."""
    result = run("check", "--baseline", str(served / "baselines"), "--lake", str(served / "lake"), "-f", format_)
    assert result.exit_code == 1
    assert "LD801" in result.stdout
    assert "ledger" in result.stdout


def test_texts_only_on_purpose(served: Path, tmp_path: Path) -> None:
    """Without --show-text no prompt is in a report, also where the lake keeps them."""
    lake = str(tmp_path / "lake")
    log = str(FIXTURES / "traffic" / "requests.jsonl.gz")
    CliRunner().invoke(
        traffic, ["ingest", log, "--lake", lake, "--encoder", ENCODER, "--base-model", "base", "--keep-text"]
    )
    arguments = ("check", "--baseline", str(served / "baselines" / "ledger"), "--lake", lake, "-f", "json")
    quiet = json.loads(run(*arguments).stdout)["measurements"]["drift"]["windows"][-1]
    assert {row["text"] for row in quiet["exemplars"]} == {None}
    told = json.loads(run(*arguments, "--show-text").stdout)["measurements"]["drift"]["windows"][-1]
    assert all(row["text"] for row in told["exemplars"])


def test_calibrate_check(served: Path) -> None:
    """The rate that was promised is kept, and said with its interval."""
    result = run("calibrate-check", str(served / "baselines" / "ledger"), "--trials", "30", "--window", "100")
    assert result.exit_code == 0, result.output
    assert "30 windows of 100 held-out requests, 400 left to calibrate with" in result.stdout
    assert "5.0% at most: as promised" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--adapter", "nobody"], "has no baseline"),
        (["--window", "soon"], "such as 1d"),
        (["--since", "soon"], "2026-11-02"),
        (["--tolerance", "3"], "such as 0.1"),
        (["--baseline", "BASELINES/ledger"], "both are baselines of ledger"),
    ],
)
def test_wrong_usage_is_one_line(served: Path, arguments: list[str], said: str) -> None:
    """It names what is wrong."""
    from loradiag.core.errors import LoradiagError

    words = [word.replace("BASELINES", str(served / "baselines")) for word in arguments]
    result = run("check", "--baseline", str(served / "baselines"), "--lake", str(served / "lake"), *words)
    assert isinstance(result.exception, LoradiagError)
    assert said in str(result.exception)


def test_an_adapter_under_another_name(served: Path) -> None:
    """One baseline and one adapter belong together, whatever they are called; a lake without the adapter says who is there."""
    from loradiag.core.errors import InputError

    ledger = str(served / "baselines" / "ledger")
    result = run("check", "--baseline", ledger, "--lake", str(served / "lake"), "--adapter", "chant", "-f", "json")
    report = json.loads(result.stdout)
    assert report["subject"]["path"] == "chant"
    window = report["measurements"]["drift"]["windows"][-1]
    assert (window["adapter"], window["novelty_share"]) == ("chant", 1.0)
    (served / "empty").mkdir(exist_ok=True)
    missing = run("check", "--baseline", ledger, "--lake", str(served / "empty"))
    assert isinstance(missing.exception, InputError)
    assert "has no request of ledger" in str(missing.exception)
