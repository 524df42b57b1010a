"""Where rules about traffic begin to speak: just short of each threshold, and at it."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.core.drift import BASE_ROUTE, Drift, RouteShare, TopicShare
from loradiag.core.findings import Finding
from tests.rules.traffic import answers, found, novel, report_of, window


def said(drift: Drift) -> dict[str, list[Finding]]:
    """Findings on traffic by code."""
    by_code: dict[str, list[Finding]] = {}
    for finding in report_of(drift).findings:
        if finding.code.startswith("LD8"):
            by_code.setdefault(finding.code, []).append(finding)
    return by_code


def shifted(**changes: Any) -> Drift:
    """A day whose mix has changed by one test."""
    return found(window(mix_effect=0.4, **changes))


def foreign(route: str, count: int, share: float) -> Drift:
    """A day on which a fifth is novel, and so much of it belongs elsewhere."""
    return found(novel(routes=[RouteShare(route=route, count=count, share=share)]))


SURE = {"ci_low": 0.01, "ci_high": 0.2}
MOVED = {"p_adjusted": 0.01}

SILENT: dict[str, Drift] = {
    "LD801 by luck": found(novel(novelty_adjusted=0.0501)),
    "LD801 too few to matter": found(novel(novelty_share=0.0799)),
    "LD802 by luck": shifted(mix_adjusted=0.0501, mmd_adjusted=0.0501),
    "LD803 strays": foreign("billing", 9, 0.9),
    "LD803 half of them": foreign("billing", 36, 0.5),
    "LD803 the base's": foreign(BASE_ROUTE, 36, 0.9),
    "LD804 just enough": found(window(n=50)),
    "LD805 a year old": found(window(), baseline={"age_days": 365.0}),
    "LD806 small": found(window(), predictions=[answers("perplexity", change=0.0499, **SURE)]),
    "LD806 unsure": found(window(), predictions=[answers("perplexity", change=0.2, ci_low=0.0, ci_high=0.4)]),
    "LD806 of lengths": found(window(), predictions=[answers("response_length", change=0.2, effect=0.5, **MOVED)]),
    "LD807 by luck": found(window(), predictions=[answers("entropy", effect=0.5, p_adjusted=0.0501)]),
    "LD807 small": found(window(), predictions=[answers("entropy", effect=-0.1469, **MOVED)]),
    "LD807 a small share": found(window(), predictions=[answers("truncated", effect=0.0499, **MOVED)]),
    "LD807 of perplexity": found(window(), predictions=[answers("perplexity", change=0.2, effect=0.5, **SURE)]),
    "LD808 a tenth unnamed": found(window(), attribution={"unattributed": 100}),
    "LD808 a tenth not embedded": found(window(), attribution={"embedded": 216}),
    "LD808 nothing embedded": found(attribution={"embedded": 0}),
    "LD809 just like it": found(window(mean_nn_cosine=0.7)),
    "LD810 just enough": found(window(), baseline={"calibration": 500}),
    "LD811 nothing asked": found(attribution={"requests": 0, "embedded": 0, "responses": 0}),
}
"""By the code that keeps silent, and why: as far as a case may go."""

SPEAKS: dict[str, Drift] = {
    "LD801": found(novel(novelty_adjusted=0.05, novelty_share=0.08)),
    "LD802 by topics": shifted(mix_adjusted=0.05),
    "LD802 by MMD": shifted(mmd_adjusted=0.05),
    "LD803": foreign("billing", 10, 0.51),
    "LD804": found(window(n=49)),
    "LD804 no window": found(),
    "LD805": found(window(), baseline={"age_days": 365.1}),
    "LD806": found(window(), predictions=[answers("perplexity", change=0.05, **SURE)]),
    "LD806 of prompts": found(window(), predictions=[answers("prompt_perplexity", change=0.05, **SURE)]),
    "LD807": found(window(), predictions=[answers("entropy", effect=-0.147, p_adjusted=0.05)]),
    "LD807 of shares": found(window(), predictions=[answers("truncated", effect=0.05, p_adjusted=0.05)]),
    "LD808 unnamed": found(window(), attribution={"unattributed": 101}),
    "LD808 not embedded": found(window(), attribution={"embedded": 215}),
    "LD809": found(window(mean_nn_cosine=0.6999)),
    "LD810": found(window(), baseline={"calibration": 499}),
    "LD811": found(attribution={"embedded": 0}),
}
"""By the code that speaks, and of what: as little as it takes."""


def test_sound_traffic_is_passed_over() -> None:
    """Nothing is said of a day without drift."""
    assert said(found(window(), predictions=[answers("perplexity"), answers("truncated")])) == {}


@pytest.mark.parametrize("case", SILENT)
def test_short_of_its_threshold_a_rule_is_silent(case: str) -> None:
    """Whatever others say of it."""
    assert case[:5] not in said(SILENT[case])


@pytest.mark.parametrize("case", SPEAKS)
def test_at_its_threshold_a_rule_speaks(case: str) -> None:
    """Once, of one window."""
    assert len(said(SPEAKS[case])[case[:5]]) == 1


def test_short_windows_are_counted() -> None:
    """The last one is described, and others are said to be like it; one alone is like no other."""
    (one,) = said(found(window(n=12)))["LD804"]
    assert "12 requests that count of 240, and 50 are needed" in one.message
    assert "like this" not in one.message
    (several,) = said(found(window(n=9), window(n=12)))["LD804"]
    assert several.message.endswith("; 2 windows like this")
    assert several.observed == 12


def test_every_reason_of_a_baseline_is_told() -> None:
    """Beside its age."""
    of_baseline = {"expired": ["other data", "another adapter"], "age_days": 400.0}
    messages = [finding.message for finding in said(found(window(), baseline=of_baseline))["LD805"]]
    assert [message.partition(";")[0] for message in messages] == [
        "other data",
        "another adapter",
        "the baseline is 400 days old",
    ]


def test_a_change_of_the_mix_names_what_grew() -> None:
    """The two topics that grew most, as a share and by a record; none that shrank."""
    rows = [(3, 6.0, 0.3), (5, -7.0, 0.01), (8, 2.0, 0.12), (9, 1.0, 0.07)]
    topics = [
        TopicShare(topic=topic, expected=0.05, observed=observed, residual=residual, example=topic)
        for topic, residual, observed in rows
    ]
    (finding,) = said(shifted(mix_adjusted=1e-6, topics=topics))["LD802"]
    assert "topic 3 5% → 30% (like record 3); topic 8 5% → 12% (like record 8)" in finding.message
    assert "topic 5" not in finding.message
    assert "topic 9" not in finding.message


def test_changes_are_written_in_their_own_unit() -> None:
    """Lengths in per cent, others as they are; what is not known as a question mark."""
    rows = [
        answers("response_length", change=-0.2, ci_low=-0.3, ci_high=None, effect=-0.3, **MOVED),
        answers("repetition", change=0.125, ci_low=0.1, ci_high=0.15, effect=0.3, **MOVED),
    ]
    repetition, length = (finding.message for finding in said(found(window(), predictions=rows))["LD807"])
    assert "length of answers: 2 → 2.02, -20.0% (95% interval -30.0% to ?, 7 days beside 28), Cliff's δ -0.30" in length
    assert "repetition in answers: 2 → 2.02, +0.125 (95% interval +0.1 to +0.15" in repetition


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-02 to 2026-11-03: "),
        ("2026-11-02T06:00:00Z", "2026-11-03T00:00:00Z", "2026-11-02T06:00:00Z to 2026-11-03T00:00:00Z: "),
        ("2026-11-02T00:00:00Z", "2026-11-02T06:00:00Z", "2026-11-02T00:00:00Z to 2026-11-02T06:00:00Z: "),
        (None, None, "all requests: "),
        (None, "2026-11-03T00:00:00Z", "all requests: "),
    ],
)
def test_windows_are_told_by_days_or_moments(start: str | None, end: str | None, words: str) -> None:
    """Whole days by their dates; one without ends is of all requests."""
    (finding,) = said(found(novel(start=start, end=end)))["LD801"]
    assert finding.message.startswith(f"{words}20.0% (95% interval 15.0% to 26.0%) of 200 requests")
    assert "where 5.0% are expected; p = 1e-09" in finding.message


@pytest.mark.parametrize(("effect", "words"), [(0.4, "has changed, Cohen's w 0.40, p = "), (None, "has changed, p = ")])
def test_the_size_of_a_change_of_the_mix_is_told_where_it_is_known(effect: float | None, words: str) -> None:
    """And topics that are as they were are none that grew."""
    same = [TopicShare(topic=3, expected=0.05, observed=0.05, residual=0.0, example=3)]
    (finding,) = said(found(window(mix_effect=effect, mmd_adjusted=0.01, topics=same)))["LD802"]
    assert words in finding.message
    assert "most grown" not in finding.message


@pytest.mark.parametrize(("metric", "threshold"), [("entropy", 0.147), ("truncated", 0.05)])
def test_shares_have_a_threshold_of_their_own(metric: str, threshold: float) -> None:
    """And it is the one that is told."""
    (finding,) = said(found(window(), predictions=[answers(metric, effect=0.5, **MOVED)]))["LD807"]
    assert finding.threshold == threshold
