"""``loradiag serve-check``, as a user calls it, on a server that is told to misbehave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.main import cli
from loradiag.core.errors import InputError, UsageError
from tests.analyzers.served.server import Manners, serving
from tests.analyzers.served.speaking import speak

QUICK = ("--limit", "6", "--switches", "2")


def run(*arguments: str) -> Result:
    """Run the command in this process; errors that ``main`` makes lines of are raised."""
    return CliRunner().invoke(cli, ["serve-check", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def _keyless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_exit_codes() -> None:
    """0 where all is well or undecided, 1 where an adapter serves the base."""
    with serving(Manners(speak)) as url:
        assert run(url, *QUICK).exit_code == 0
    with serving(Manners(speak, silent=["a"])) as url:
        assert run(url, *QUICK).exit_code == 1
        assert run(url, *QUICK, "--fail-on", "never").exit_code == 0
    with serving(Manners(speak, logprobs=False, silent=["a"])) as url:
        assert run(url, *QUICK).exit_code == 0


def test_json_has_what_readers_rely_on(tmp_path: Path) -> None:
    """Rows of adapters with what was counted; and files by their endings."""
    with serving(Manners(speak)) as url:
        result = run(url, *QUICK, "--adapters", "a, b", "--chat", "-f", "json")
        run(url, *QUICK, "-q", "-o", str(tmp_path / "served.html"), "-o", str(tmp_path / "served.md"))
    report = json.loads(result.stdout)
    found = report["measurements"]["served"]
    assert (report["subject"]["path"], found["url"], found["api"]) == (url, url, "chat")
    assert [row["name"] for row in found["adapters"]] == ["a", "b"]
    assert {"asked", "failed", "beside", "loaded", "taken", "times", "isolation"} <= set(found["adapters"][0])
    assert "each answers as itself" in (tmp_path / "served.html").read_text()
    assert "### Served" in (tmp_path / "served.md").read_text()


def test_text_says_what_is_wrong_first() -> None:
    """With the names, and a line of help for everything."""
    with serving(Manners(speak, silent=["a"])) as url:
        text = run(url, *QUICK).stdout
    assert "✗ do not send traffic: a (serves the base)" in text
    assert "Examples:" in run("--help").stdout


def test_wrong_usage_is_said_in_a_line(tmp_path: Path) -> None:
    """A file that is not there, a number that is none, no names."""
    with serving(Manners(speak)) as url:
        for error, arguments, said in (
            (UsageError, ["--limit", "0"], "limit: from 1"),
            (UsageError, ["--field", "x"], "--field names a field of --prompts"),
            (UsageError, ["--max-requests", "5"], "--max-requests"),
            (InputError, ["--prompts", str(tmp_path / "none.jsonl")], "none.jsonl"),
            (InputError, ["--report", str(tmp_path / "none.json")], "none.json"),
        ):
            with pytest.raises(error, match=said):
                run(url, *arguments)
        assert run(url, "--adapters", ",").exit_code == 2
    with pytest.raises(UsageError, match="no address"):
        run("localhost:8000")
