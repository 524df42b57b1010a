"""``loradiag traffic``, as a user calls it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.traffic import traffic
from tests.traffic.filling import plain, write_log
from tests.traffic.logs import vllm


def run(*arguments: str, text: str | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(traffic, list(arguments), input=text)


def test_ingest_stats_and_compact(tmp_path: Path) -> None:
    """The three in a row, on one lake."""
    lake = str(tmp_path / "lake")
    log = write_log(tmp_path / "a.jsonl", [vllm(1), vllm(2), plain(3), "broken", plain(4, adapter=None)])
    done = run("ingest", str(log), "--lake", lake)
    assert done.exit_code == 0
    assert "4 requests written" in done.stdout
    assert "adapters  support 3" in done.stdout
    assert "rejected  is not JSON 1" in done.stdout
    assert "1 without adapter" in done.stdout
    again = run("ingest", str(log), "--lake", lake)
    assert "0 requests written, 4 known already" in again.stdout
    shown = run("stats", "--lake", lake, "--csv", str(tmp_path / "c.csv"))
    assert shown.exit_code == 0
    assert "support" in shown.stdout
    assert "(nobody)" in shown.stdout
    assert "kept aside is not JSON 2" in shown.stdout
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert [(row["adapter"], row["requests"]) for row in rows] == [("support", "3"), ("", "1")]
    merged = run("compact", "--lake", lake)
    assert merged.exit_code == 0
    assert json.loads(run("stats", "--lake", lake, "-f", "json").stdout)["requests"] == 4


def test_standard_input_and_names(tmp_path: Path) -> None:
    """``-``, with --adapter, as JSON."""
    lines = "".join(json.dumps(plain(number)) + "\n" for number in range(3))
    done = run("ingest", "-", "--lake", str(tmp_path / "lake"), "--adapter", "mine", "-f", "json", text=lines)
    told = json.loads(done.stdout)
    assert (told["written"], told["adapters"]) == (3, {"mine": 3})


def test_a_map_of_fields(tmp_path: Path) -> None:
    """A table of somebody's own."""
    (tmp_path / "a.csv").write_text("prompt_col,lora,ts\nhello,x,2026-11-01\nbye,y,2026-11-02\n")
    done = run(
        "ingest",
        str(tmp_path / "a.csv"),
        "--lake",
        str(tmp_path / "lake"),
        "--map",
        "text=prompt_col,time=ts",
        "-f",
        "json",
    )
    told = json.loads(done.stdout)
    assert (told["adapters"], told["without_time"], told["without_text"]) == ({"x": 1, "y": 1}, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none*.jsonl"], "names no log"),
        (["-", "--follow"], "--follow watches files"),
        (["-", "--from", "xml"], "there are otel"),
        (["-", "--from", "openai", "--map", "text=a"], "leave --from out"),
        (["-", "--alias", "x"], "LOGGED=NAME"),
        (["-", "--models", "none.json"], "/v1/models"),
        (["-", "--encoder", "./none"], "does not exist"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    """It names what is wrong, before anything is read."""
    from loradiag.core.errors import LoradiagError

    result = run("ingest", *arguments, "--lake", str(tmp_path / "lake"), text="")
    assert isinstance(result.exception, LoradiagError)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize("name", ["none", "x" * 300])
def test_a_lake_that_is_none(tmp_path: Path, name: str) -> None:
    """Also where the system refuses to look."""
    from loradiag.core.errors import InputError

    result = run("stats", "--lake", str(tmp_path / name))
    assert isinstance(result.exception, InputError)
    assert "is no lake" in str(result.exception)


def test_a_log_of_nothing_but_rubbish(tmp_path: Path) -> None:
    """Exit 3: nothing could be read."""
    log = write_log(tmp_path / "a.jsonl", ["rubbish", "more"])
    result = run("ingest", str(log), "--lake", str(tmp_path / "lake"))
    assert result.exit_code == 3
    assert "is not JSON 2" in result.stdout


def test_names_from_logs_are_shown_escaped(tmp_path: Path) -> None:
    """An adapter called by an escape sequence reaches no terminal."""
    log = write_log(tmp_path / "a.jsonl", [plain(0, adapter="\x1b]0;owned\x07")])
    shown = run("ingest", str(log), "--lake", str(tmp_path / "lake")).stdout
    shown += run("stats", "--lake", str(tmp_path / "lake")).stdout
    assert "\x1b" not in shown
    assert "\\x1b]0;owned" in shown
