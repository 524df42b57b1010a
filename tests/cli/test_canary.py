"""``loradiag drift canary``, as a user calls it, on lakes of requests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from loradiag.cli.main import cli
from loradiag.core.errors import InputError, UsageError
from tests.watching.making import write


def run(*arguments: str) -> Result:
    """Run the command in this process; errors that ``main`` makes lines of are raised."""
    return CliRunner().invoke(cli, ["drift", "canary", *arguments], catch_exceptions=False)


def served(lake: Path, adapter: str, seed: int, *, slower: float = 1.0, cut: float = 0.02, prompt: int = 40) -> None:
    """Three days of requests."""
    generator = np.random.default_rng(seed)
    for day in range(3):
        count = 300
        write(
            lake,
            count,
            adapter=adapter,
            seed=seed,
            day=day,
            latency_ms=(slower * generator.lognormal(5, 0.2, count)).tolist(),
            truncated=(generator.random(count) < cut).tolist(),
            nll=generator.normal(1.0, 0.1, count).tolist(),
            prompt_chars=np.maximum(1, generator.normal(prompt, 5, count)).astype(int).tolist(),
            failed=[number % 100 == 0 for number in range(count)],
        )


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """An adapter, one that is as good, one that is slower, and one that is asked longer prompts."""
    folder = tmp_path / "lake"
    served(folder, "old", 1)
    served(folder, "same", 2)
    served(folder, "slow", 3, slower=1.5)
    served(folder, "other", 4, prompt=80)
    return folder


def found(lake: Path, new: str, *arguments: str) -> tuple[int, dict[str, object], list[str]]:
    """The exit code, the measurement and the findings."""
    result = run("old", new, "--lake", str(lake), "-f", "json", *arguments)
    report = json.loads(result.stdout)
    return result.exit_code, report["measurements"]["canary"], [row["code"] for row in report["findings"]]


def test_what_is_worse_is_rolled_back(lake: Path) -> None:
    """Latency by half: exit 1, with the metric that decided."""
    code, canary, codes = found(lake, "slow")
    assert (code, canary["decision"], canary["pairs"]) == (1, "roll back", 900)
    statuses = {row["metric"]: row["status"] for row in canary["metrics"]}  # type: ignore[attr-defined]
    assert statuses["latency"] == "worse"
    assert codes == ["LD815"]


def test_what_is_as_good_is_promoted_or_waited_for(lake: Path) -> None:
    """With wide margins it is promoted; with the usual ones shares are not yet certain after 900 pairs."""
    code, canary, codes = found(lake, "same", "--metric", "latency", "--metric", "perplexity")
    assert (code, canary["decision"], codes) == (0, "promote", [])
    code, canary, codes = found(lake, "same", "--metric", "truncated", "--margin", "truncated=0.005")
    assert (code, canary["decision"], codes) == (0, "keep going", ["LD816"])
    (row,) = canary["metrics"]  # type: ignore[misc]
    assert row["margin"] == 0.005
    assert row["more"] is None or row["more"] > 0


def test_failed_requests_are_a_metric_though_windows_leave_them_out(lake: Path) -> None:
    """Three of 300 a day failed."""
    _, canary, _ = found(lake, "same", "--metric", "failed")
    (row,) = canary["metrics"]  # type: ignore[misc]
    assert row["old"] == pytest.approx(0.01)
    assert row["new"] == pytest.approx(0.01)


def test_an_uneven_split_is_said_and_nothing_is_promoted(lake: Path) -> None:
    """Prompts twice as long."""
    code, canary, codes = found(lake, "other", "--metric", "latency")
    assert (code, canary["decision"], canary["uneven"]) == (0, "keep going", ["prompt_characters"])
    assert codes == ["LD817"]


def test_days_can_be_chosen(lake: Path) -> None:
    """One of three."""
    _, canary, _ = found(lake, "same", "--since", "2026-11-02", "--until", "2026-11-03")
    assert canary["pairs"] == 300


def test_text_says_what_to_do_and_how_sure(lake: Path) -> None:
    """With every metric and its interval."""
    text = run("old", "slow", "--lake", str(lake)).stdout
    assert "roll back: slow is worse than old in latency" in text
    assert "always-valid interval" in text
    assert "Examples:" in run("--help").stdout


def test_wrong_usage_is_said_in_a_line(lake: Path) -> None:
    """An adapter that is not there, a metric that is none, a margin that is none, twice the same."""
    where = ["--lake", str(lake)]
    for error, arguments, said in (
        (InputError, ["old", "nobody", *where], "no request of nobody"),
        (UsageError, ["old", "old", *where], "same adapter"),
        (UsageError, ["old", "same", *where, "--metric", "speed"], "there are perplexity"),
        (UsageError, ["old", "same", *where, "--margin", "latency=-1"], "above 0"),
        (UsageError, ["old", "same", *where, "--alpha", "2"], "alpha"),
        (InputError, ["old", "same", "--lake", str(lake / "no")], "no lake"),
    ):
        with pytest.raises(error, match=said):
            run(*arguments)
    for margin, said in (("latency", "write NAME=VALUE"), ("=0.2", "write NAME=VALUE"), ("latency=much", "no number")):
        with pytest.raises(UsageError, match=said):
            run("old", "same", *where, "--margin", margin)
