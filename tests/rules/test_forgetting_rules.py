"""Rules about forgetting: where each begins, what it leaves to the others, and what margins do."""

from __future__ import annotations

import bisect
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scipy import stats

from loradiag.api.judging import judged
from loradiag.core.findings import Finding, Severity
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.measurements import Measurements
from loradiag.core.policy import PolicyFile, resolve
from loradiag.core.report import Accounting, Report, Subject
from loradiag.rules import all_rules
from tests.rules.abilities import found, memory, score, swept


def report_of(measurement: Forgetting, **policy: Any) -> Report:
    """Judge a measurement under a policy."""
    settings = resolve(msgspec.convert(policy, PolicyFile), all_rules(), "test")
    return judged(Subject(path="x"), Measurements(forgetting=measurement), Accounting(), settings)


def said(measurement: Forgetting, **policy: Any) -> dict[str, Finding]:
    """Findings by code."""
    return {finding.code: finding for finding in report_of(measurement, **policy).findings if finding.code >= "LD7"}


def status(row: Score, **policy: Any) -> tuple[str, str]:
    """What becomes of one task, and of the run."""
    report = report_of(found(row), **policy)
    measured = report.measurements.forgetting
    assert measured is not None
    return measured.tasks[0].status, report.verdict.status.value


@pytest.mark.parametrize(
    ("base", "adapter", "half", "expected"),
    [
        (0.9, 0.9, 0.02, ("safe", "pass")),
        (0.9, 0.6, 0.02, ("forgot", "fail")),
        (0.9, 0.95, 0.02, ("safe", "pass")),
        (0.9, 0.86, 0.03, ("inconclusive", "inconclusive")),
        (0.9, 0.85, 0.2, ("inconclusive", "inconclusive")),
    ],
)
def test_three_ways(base: float, adapter: float, half: float, expected: tuple[str, str]) -> None:
    """The interval decides: above the margin, below it, or astride."""
    assert status(score(base, adapter, half)) == expected


def test_a_margin_for_all_and_one_for_a_task() -> None:
    """The task's own counts; a pattern counts where no name does."""
    row = score(0.9, 0.8)
    assert status(row)[0] == "forgot"
    assert status(row, thresholds={"LD701": {"margin": 0.2}})[0] == "safe"
    assert status(row, thresholds={"LD701": {"margin.toy": 0.2}})[0] == "safe"
    assert status(row, thresholds={"LD701": {"margin.t*": 0.2, "margin.toy": 0.01}})[0] == "forgot"
    assert status(row, thresholds={"ability-lost": {"margin.other": 0.2}})[0] == "forgot"


def test_a_rise_of_perplexity_is_a_loss() -> None:
    """And a fall a gain."""
    fields = {"metric": "perplexity", "higher_is_better": False, "binary": False}
    assert status(score(10.0, 14.0, 0.5, **fields))[0] == "forgot"
    assert status(score(10.0, 7.0, 0.5, **fields))[0] == "safe"
    assert "LD705" in said(found(score(10.0, 7.0, 0.5, **fields)))


def test_one_of_many_is_not_enough() -> None:
    """A difference that Holm does not let stand fails nothing."""
    row = score(0.9, 0.8, p_adjusted=0.2)
    assert status(row)[0] == "inconclusive"
    assert status(row, thresholds={"LD701": {"alpha": 0.3}})[0] == "forgot"


def test_identical_answers_are_safe_whatever_the_margin() -> None:
    """Nothing was sampled that could have come out otherwise."""
    row = score(0.9, 0.9, 0.0, identical=True, n=3)
    assert status(row, thresholds={"LD701": {"margin": 0.0}})[0] == "safe"


def test_what_the_base_cannot_do_cannot_be_lost() -> None:
    """A base that is never right."""
    assert status(score(0.0, 0.0, 0.02))[0] == "safe"


def test_how_many_documents_would_decide() -> None:
    """((z₀.₉₅ + z₀.₈)·SE·√n/(distance to the margin))² + z₀.₉₅²/2, by hand; none is named where the answer is known."""
    row = score(0.9, 0.87, 0.04)
    measured = report_of(found(row)).measurements.forgetting
    assert measured is not None
    spread = 0.04 / 1.96 * 1000**0.5
    expected = (2.48648 * spread / (0.045 - 0.03)) ** 2 + 1.35
    assert measured.tasks[0].needed == pytest.approx(expected, rel=1e-3)
    assert f"{measured.tasks[0].needed:,} documents" in said(found(row))["LD702"].message
    decided = report_of(found(score(0.9, 0.6))).measurements.forgetting
    assert decided is not None
    assert decided.tasks[0].needed is None


def test_what_is_served_is_judged_where_a_route_was_asked_for() -> None:
    """What the adapter does beside its base is then a warning."""
    fields = {"unmerged": 0.6, "unmerged_difference": 0.28, "unmerged_low": 0.25, "unmerged_high": 0.31}
    report = report_of(found(score(0.9, 0.6), score(0.9, 0.88, 0.01, route="nf4", **fields), routes=["nf4"]))
    assert report.verdict.status.value == "pass"
    (lost,) = [finding for finding in report.findings if finding.code == "LD701"]
    assert (lost.severity, lost.route) == (Severity.WARNING, None)


def test_parts_of_a_group_are_warnings() -> None:
    """The group is what was asked."""
    group = score(0.9, 0.9, 0.01, task="all", role="group", parts=["toy"])
    report = report_of(found(score(0.9, 0.6, asked=False), groups=[group]))
    assert report.verdict.status.value == "pass"
    assert [finding.code for finding in report.findings if finding.severity is Severity.WARNING] == ["LD703"]


def test_an_inconclusive_part_leaves_nothing_open() -> None:
    """Only what was asked."""
    group = score(0.9, 0.9, 0.01, task="all", role="group", parts=["toy"])
    assert report_of(found(score(0.9, 0.87, 0.1, asked=False), groups=[group])).verdict.status.value == "pass"


def test_ignored_tasks_do_not_count() -> None:
    """By name, as modules are."""
    ignore = [{"code": "LD701", "modules": ["toy"], "reason": "not needed"}]
    assert report_of(found(score(0.9, 0.6)), ignore=ignore).verdict.status.value == "pass"


@pytest.mark.parametrize(
    ("measurement", "silent"),
    [
        (found(score(0.9, 0.9)), "LD701 LD702 LD703 LD704 LD705 LD706 LD707 LD708 LD709 LD713"),
        (found(score(0.9, 0.9, chance=0.25)), "LD706"),
        (found(memorisation=memory()), "LD710 LD711"),
        (found(memorisation=memory(recited=1, p_value=0.5)), "LD710"),
        (found(memorisation=memory(flagged=15, flag_p=0.2)), "LD711"),
        (found(score(0.9, 0.6), sweep=swept(None)), "LD712"),
        (found(score(0.9, 0.6), sweep=swept("adapter")), "LD712"),
    ],
)
def test_silence(measurement: Forgetting, silent: str) -> None:
    """Rules keep silent where there is nothing to say."""
    assert not said(measurement).keys() & set(silent.split())


@pytest.mark.parametrize("chance", [0.25, 0.5, 0.1])
@pytest.mark.parametrize("n", [50, 100, 300, 1000, 3000])
def test_nearly_all_that_guess_are_told(n: int, chance: float) -> None:
    """With any number of documents: 94% and more by the binomial distribution, of scores that the rule takes for guesses."""

    def guesses(right: int) -> bool:
        return "LD706" in said(found(score(right / n, right / n, n=n, chance=chance)))

    most = bisect.bisect_left(range(n + 1), True, key=lambda right: not guesses(right)) - 1
    assert stats.binom.cdf(most, n, chance) >= 0.94
    assert most + 1 >= n * (chance + 0.02)


def test_who_knows_something_is_told_from_one_who_guesses() -> None:
    """Where there are documents enough: 10 points above a chance of a quarter, by 300; two points of 10,000 are enough."""
    assert "LD706" in said(found(score(0.29, 0.29, n=300, chance=0.25)))
    assert "LD706" not in said(found(score(0.295, 0.295, n=300, chance=0.25)))
    assert "LD706" in said(found(score(0.269, 0.269, n=10_000, chance=0.25)))
    assert "LD706" not in said(found(score(0.271, 0.271, n=10_000, chance=0.25)))
    message = said(found(score(0.29, 0.29, n=300, chance=0.25)))["LD706"].message
    assert "chance is 0.2500, and 300 documents tell from 0.2928 on" in message


def test_names_of_tasks_are_escaped() -> None:
    """A task's name comes from a file."""
    message = said(found(score(0.9, 0.6, task="\x1b[31mtoy")))["LD701"].message
    assert "\x1b" not in message
    assert "\\x1b" in message


def test_a_report_is_judged_again_with_another_margin(tmp_path: Path) -> None:
    """Measurements stay, statuses change: from JSON on disk."""
    import loradiag
    from loradiag.core.report import encode

    (tmp_path / "r.json").write_bytes(encode(report_of(found(score(0.9, 0.8)))))
    (report,) = loradiag.read_reports(tmp_path / "r.json")
    policy = resolve(msgspec.convert({"thresholds": {"LD701": {"margin": 0.5}}}, PolicyFile), all_rules(), "test")
    again = loradiag.judge(report, policy)
    assert report.verdict.status.value == "fail"
    assert again.verdict.status.value == "pass"
    assert again.measurements.forgetting is not None
    assert again.measurements.forgetting.tasks[0].margin == pytest.approx(0.45)
