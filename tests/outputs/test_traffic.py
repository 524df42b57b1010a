"""Traffic in words: what drifted, what did not, and what cannot be said."""

from __future__ import annotations

import re

import msgspec
import pytest

from loradiag.api.judging import default_policy
from loradiag.core.drift import DriftWindow, PredictionShift, RouteShare
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.facts import facts
from loradiag.outputs.inshort import in_words
from loradiag.outputs.shifts import standing
from loradiag.outputs.style import Style
from loradiag.outputs.traffic import in_short, summary, verdict
from loradiag.outputs.trafficfacts import statements
from tests.outputs import samples, traffic_parts, traffic_reports
from tests.outputs.reading import PEOPLE, Make, only, shown
from tests.outputs.traffic_parts import (
    MIXED,
    attribution,
    baseline,
    drift,
    few,
    found_in,
    novel,
    watched,
    window,
)


def told(report: Report) -> str:
    """The paragraph: the verdict, and all that goes with it."""
    made = summary(report, found_in(report))
    return " / ".join((f"{made.tone}: {made.text}", *made.more))


def test_novel_requests_in_words() -> None:
    """How many, how many are expected, how sure, and where they belong."""
    assert told(only(traffic_reports.strange)) == (
        "fail: 12% of 200 requests are unlike anything in the baseline (5% expected, p = 2e-06); most of them belong to "
        "chant: route them there"
    )


def test_a_changed_mix_in_words() -> None:
    """It is told apart from novelty, and names the topics that grew and shrank."""
    assert told(only(traffic_reports.shifted)) == (
        "fail: 4.5% of 200 requests are unlike anything in the baseline (5% expected), but the mix of topics of the others "
        "has changed (Cohen's w 0.41, p = 1e-09) / topics: topic 0 grew from 5% to 21%, topic 3 grew from 7.1% to 11%, "
        "topic 15 shrank from 18% to 2.5%, topic 12 shrank from 5.5% to 1.5%"
    )
    assert "within topics rather than between them" in told(only(traffic_reports.within))
    assert "grew" not in told(only(traffic_reports.within))


def test_both_in_words() -> None:
    """Novelty first, the mix apart from it, then the answers."""
    said = told(only(traffic_reports.both))
    assert said.startswith("fail: 26% of 200 requests are unlike anything in the baseline (5% expected, p = 2e-06); ")
    assert "most of them belong to no other adapter either: route them to the base; apart from that, the mix of" in said
    assert said.endswith("answers: perplexity +12.0%, answer length +35.4%")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            traffic_reports.steady,
            "pass: steady: 4.5% of 200 requests are unlike anything in the baseline (5% expected), and no change in the mix "
            "of topics was shown",
        ),
        (traffic_reports.insufficient, "inconclusive: too few requests: 31 of the 50 needed"),
        (traffic_reports.unjudged, "inconclusive: not judged"),
        (
            lambda: traffic_reports.none()[:1],
            "inconclusive: none of 240 requests has an embedding by the baseline's encoder, encoders/small",
        ),
        (lambda: [watched(drift([]))], "inconclusive: no requests to look at"),
        (
            lambda: [watched(drift([few(0, 12), few(1, 40), few(2, 3)]))],
            "inconclusive: too few requests in each of 3 windows: at most 40 of the 50 needed",
        ),
        (
            lambda: [watched(drift([window(0, 4), window(1, 12)]))],
            "pass: steady in both windows: 2% to 6% of requests are unlike anything in the baseline (5% expected), and no "
            "change in the mix of topics was shown",
        ),
        (
            lambda: [
                watched(drift([window(0, 9), few(1), DriftWindow(adapter="x", start=None, end=None, requests=9, n=70)]))
            ],
            "inconclusive: steady in 1 of 3 windows: 4.5% of requests are unlike anything in the baseline (5% expected), and "
            "no change in the mix of topics was shown; 1 window with too few requests for the 50 needed, 1 not judged",
        ),
        (
            lambda: [watched(drift([window(mix_p=None, mmd_p=None)]))],
            "pass: steady: 4.5% of 200 requests are unlike anything in the baseline (5% expected), and too few others are "
            "left to compare their mix of topics",
        ),
    ],
)
def test_no_claim_beyond_what_was_seen(make: Make, expected: str) -> None:
    """Steady is what was tested, too few is said with what is needed, and nothing is nothing."""
    assert told(only(make)) == expected


def test_several_windows_in_words() -> None:
    """Counted by kind, the worst in full, and whether it is over."""
    said = told(watched(drift([window(0), novel(1), novel(2, 40), window(3, **MIXED), window(4)])))
    assert said.startswith(
        "fail: 3 of 5 windows drifted (2 novel, 1 shifted); the worst is 2026-11-04 to 2026-11-05: 20% of 200 requests"
    )
    assert "topics, 2026-11-05 to 2026-11-06: topic 0 grew" in said
    assert said.endswith("the newest window, 2026-11-06 to 2026-11-07: steady")
    assert told(watched(drift([window(0), novel(1)]))).startswith(
        "fail: 1 of 2 windows is novel; 2026-11-03 to 2026-11-04: 12% of"
    )
    assert "the newest" not in told(watched(drift([window(0), novel(1)])))
    assert told(watched(drift([novel(0), novel(1)]))).startswith(
        "fail: both windows are novel; the worst is 2026-11-03 to"
    )


def test_scattered_requests_are_recommended_nowhere() -> None:
    """Where no route takes most of them, shares are told; without other baselines, that there were none."""
    routes = [RouteShare(route="chant", count=10, share=10 / 24), RouteShare(route="base", count=14, share=14 / 24)]
    said = told(watched(drift([novel(routes=routes, recommended_route=None)])))
    assert "belong to" not in said
    assert said.endswith("novel requests are scattered: chant 42% (10), base 58% (14)")
    alone = told(watched(drift([novel(routes=[routes[1]], recommended_route="base")], others=[])))
    assert "belong to" not in alone
    assert alone.endswith("there was no other baseline to hold novel requests against")


def test_an_expired_baseline_leaves_it_open() -> None:
    """Steady beside the wrong baseline is no pass; the reason is told once."""
    report = only(traffic_reports.expired)
    assert told(report).startswith("inconclusive: steady: ")
    assert told(report).endswith("expired: the adapter at runs/ledger is not what it was, the encoder has changed")
    assert dict(facts(report))["made"] == "2026-10-04, 412 days old; expired"


def test_drift_that_the_policy_sets_aside_is_no_failure() -> None:
    """The reason stands beside it; if only some of it is set aside, it is a failure."""
    assert told(only(traffic_reports.ignored)).startswith("inconclusive: 1 of 2 windows is novel")
    assert told(only(traffic_reports.ignored)).endswith("the policy sets this aside: a campaign until Friday")
    half = msgspec.structs.replace(default_policy(), ignore=[Ignore(code="LD803", reason="known")])
    assert told(watched(drift([novel()]), half)).startswith("fail: ")


def test_answers_that_changed_fail_if_the_gate_does() -> None:
    """LD806 is an error, LD807 a warning."""
    rows = traffic_parts.compared()
    quiet = drift([window()])
    raised = told(watched(msgspec.structs.replace(quiet, predictions=rows[:2])))
    assert raised.startswith("fail: steady: ")
    assert raised.endswith("; answers have changed / answers: perplexity +12.0%")
    longer = watched(msgspec.structs.replace(quiet, predictions=rows[3:4]))
    assert told(longer).startswith("pass: steady: ")
    assert [standing(only(traffic_reports.both), row).tone for row in found_in(only(traffic_reports.both)).predictions[:4]] == [
        "fail", "pass", "pass", "inconclusive",
    ]  # fmt: skip


def test_a_word_or_two_for_each_adapter() -> None:
    """For overviews; nothing where no traffic was checked."""
    assert in_short(traffic_reports.fleet()) == [
        "novel 12%", "steady", "10 of 30 drifted, worst 20%, answers moved", "31 of 50 requests", "shifted, w 0.41",
        "not judged",
    ]  # fmt: skip
    assert in_short(traffic_reports.none()) == ["no requests", "no requests"]
    assert in_short([*traffic_reports.steady(), *samples.healthy()]) == ["steady", "–"]
    assert in_short(samples.healthy()) == []
    pairs = ([window(0), few(1)], [few(0), few(1)], [novel(0), novel(1)], [window(0), window(1)])
    several = [watched(drift(rows)) for rows in pairs]
    assert in_short(several) == ["1 of 2 steady", "2 of 2 too few", "2 of 2 novel, worst 12%", "steady"]
    assert in_words(traffic_reports.both()) == [("traffic", ["novel 26%, shifted, answers moved"])]


def test_the_head_is_of_traffic() -> None:
    """No rank and no parameters, but the baseline, the windows, and the requests."""
    said = dict(facts(only(traffic_reports.steady)))
    assert said == {
        "baseline": "8,000 references, 2,000 held out, 20 topics",
        "made": "2026-10-04, 29 days old",
        "encoder": "encoders/small, 384 dimensions",
        "novel": "below a cosine of 0.612 to the nearest reference: 5% of those held out",
        "windows": "1 of 1d",
        "requests": "7,240, 7,228 embedded",
        "lake": "lake",
        "sha256": "0a0a0a0a0a0a0a0a…",
    }
    other = watched(drift([window()], baseline=baseline(adapter="ledger-v2"), window="200"))
    assert dict(facts(other))["baseline"].startswith("8,000 references of ledger-v2, ")
    assert dict(facts(other))["windows"] == "1 of 200 requests"
    assert dict(facts(only(traffic_reports.unjudged)))["windows"] == "all requests"


@PEOPLE
def test_reports_on_traffic_show_no_adapter(name: str) -> None:
    """No empty head, no map of modules, no accounting; an overview has no column of modules."""
    text = shown(name, only(traffic_reports.steady))
    for word in ("parameters", "layers", "analysed", "rank", "‖ΔW‖", "unknown"):
        assert word not in text.partition("Policy")[0]
    assert "8,000 references" in text
    overview = renderer(name)(traffic_reports.fleet(), Style(width=160))
    assert "modules" not in overview.partition("Policy")[0].partition("</style>")[2 if name == "html" else 0]
    assert "10 of 30 drifted, worst 20%, answers moved" in overview


def test_mixed_overviews_keep_their_columns() -> None:
    """Adapters that were opened beside adapters whose traffic was checked."""
    text = renderer("text")([*samples.healthy(), *traffic_reports.steady()], Style(width=140))
    assert re.search(r"verdict +adapter +modules +traffic +stable", text)


def test_coverage_says_what_is_missing() -> None:
    """In numbers; a lake without requests is no division by nothing."""
    said = dict(statements(found_in(only(traffic_reports.both))))
    assert said["coverage"] == (
        "of 7,240 requests of this adapter 7,228 embedded, 4 embedded by another encoder, 7,240 with answers, 7,001 with "
        "log-probabilities of answers, 8 without a time"
    )
    assert said["unattributed"] == "310 of 24,800 requests in the lake (1.2%) name no adapter"
    assert said["others"] == "novel requests were held against the baselines of chant, grammar"
    assert said["left out"] == "1 file of the lake: lake/day=2026-11-01/ledger-3.parquet (is cut short)"
    nothing = dict(statements(found_in(only(traffic_reports.unjudged))))
    assert nothing["coverage"] == "no request names this adapter"
    assert "unattributed" not in nothing


def test_verdicts_of_odd_windows_are_sentences() -> None:
    """A report that another version wrote may lack what belongs to a status."""
    report = only(traffic_reports.steady)
    for status in ("novel", "shifted", "novel+shifted", "steady", "unjudged", "insufficient"):
        bare = DriftWindow(adapter="x", start=None, end=None, requests=60, n=60, status=status)  # type: ignore[arg-type]
        assert verdict(report, found_in(report), bare)
        known = msgspec.structs.replace(bare, novelty_share=0.5)
        assert "None" not in verdict(report, found_in(report), known)
    row = PredictionShift(
        metric="x", unit="", reference=None, current=None, n_reference=0, n=0, days_reference=0, days=0, status="moved"
    )
    odd = msgspec.structs.replace(drift([], predictions=[row]), attribution=attribution(requests=0, embedded=0))
    made = watched(drift([window()]))
    made = msgspec.structs.replace(made, measurements=msgspec.structs.replace(made.measurements, drift=odd))
    assert told(made).endswith("answers: x –")
