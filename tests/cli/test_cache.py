"""``loradiag cache`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loradiag.api import open_overview, scan_fleet
from loradiag.cli.cache import cache, size_words
from loradiag.core.report import encode
from loradiag.storage.remote import RemoteFolder
from tests.fleet.making import write_adapter


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with the answers of a base whose name holds an escape sequence."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path))
    (tmp_path / "scores").mkdir()
    about = {"base": "evil\x1b[31m", "task": "toy", "documents": "7"}
    (tmp_path / "scores" / "a.json").write_text(json.dumps({"about": about, "scored": {}}))
    return tmp_path


def test_ls(filled: Path) -> None:
    """Says what there is, and prints no control characters."""
    done = CliRunner().invoke(cache, ["ls"])
    assert done.exit_code == 0
    assert "toy" in done.output
    assert "7 documents" in done.output
    assert "\x1b" not in done.output
    assert str(filled) in done.output


def test_ls_as_json(filled: Path) -> None:
    """A list of objects."""
    done = CliRunner().invoke(cache, ["ls", "-f", "json"])
    (row,) = json.loads(done.output)
    assert (row["kind"], row["task"], row["path"]) == ("scores", "toy", str(filled / "scores" / "a.json"))


@pytest.mark.parametrize(("color", "bold"), [("always", True), ("never", False), ("auto", False)])
def test_ls_in_color(color: str, bold: bool, filled: Path) -> None:
    """Kinds stand out where colours are wanted; what a file holds colours nothing."""
    done = CliRunner().invoke(cache, ["ls", "--color", color])
    assert ("\x1b[1mscores" in done.output) is bold
    assert "\x1b[31m" not in done.output
    assert str(filled) in done.output


def test_copies_of_what_lies_elsewhere(filled: Path) -> None:
    """Are listed and cleared, but for what was never sent; the state of a watch lies nowhere else, and stays."""
    (filled / "there").mkdir()
    (filled / "there" / "a.txt").write_text("12345")
    copy = RemoteFolder(f"file://{filled}/there", filled)
    copy.fetch()
    (copy.local / "waits.txt").write_text("w")
    (copy.local / "_state").mkdir()
    (copy.local / "_state" / "watch.sqlite").write_text("s")
    (filled / "mlflow" / "0123" / "adapter").mkdir(parents=True)
    (filled / "mlflow" / "0123" / "adapter" / "adapter_config.json").write_text("{}")
    rows = json.loads(CliRunner().invoke(cache, ["ls", "--kind", "remote", "--kind", "mlflow", "-f", "json"]).output)
    assert [(row["kind"], row["bytes"]) for row in rows] == [("remote", 6), ("mlflow", 2)]
    done = CliRunner().invoke(cache, ["clear"])
    assert (done.exit_code, "1 file could not be removed: copies stay that" in done.output) == (2, True)
    assert (not (copy.local / "a.txt").exists(), any((filled / "mlflow").iterdir())) == (True, False)
    copy.send()
    assert (filled / "there" / "waits.txt").read_text() == "w"
    assert (filled / "there" / "a.txt").read_text() == "12345"
    assert CliRunner().invoke(cache, ["clear"]).exit_code == 0
    assert [path.name for path in copy.local.rglob("*")] == ["_state", "watch.sqlite"]


def test_clear(filled: Path) -> None:
    """What is young stays if only old things are to go."""
    kept = CliRunner().invoke(cache, ["clear", "--older-than", "1"])
    assert (kept.exit_code, kept.output) == (0, "removed 0 files, 0 B\n")
    assert (filled / "scores" / "a.json").exists()
    other = CliRunner().invoke(cache, ["clear", "--kind", "merge"])
    assert other.output == "removed 0 files, 0 B\n"
    done = CliRunner().invoke(cache, ["clear", "--kind", "scores"])
    assert done.output.startswith("removed 1 file, ")
    assert not (filled / "scores" / "a.json").exists()


def test_sizes() -> None:
    """In the unit that people read."""
    assert [size_words(count) for count in (0, 999, 1000, 2_500_000, 3 * 10**9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
    ]


def test_what_a_scan_and_the_dashboard_remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is listed where they have put it, and a scan after it was cleared measures again."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    write_adapter(tmp_path / "one")
    report = scan_fleet([tmp_path / "one"])
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "fleet.json").write_bytes(encode(report))
    open_overview(reports=tmp_path / "reports")
    listed = json.loads(CliRunner().invoke(cache, ["ls", "-f", "json"]).output)
    assert [row["kind"] for row in listed] == ["fleet", "overview"]
    assert all(row["bytes"] > 1000 for row in listed)
    assert CliRunner().invoke(cache, ["clear", "--kind", "fleet"]).output.startswith("removed 1 file, ")
    assert [row["kind"] for row in json.loads(CliRunner().invoke(cache, ["ls", "-f", "json"]).output)] == ["overview"]
    again = scan_fleet([tmp_path / "one"]).measurements.fleet
    assert again is not None
    assert again.read == 1
