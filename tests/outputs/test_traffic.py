"""Traffic in every output: what drifted, what did not, and what cannot be said, in words and figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from rich.cells import cell_len

from loradiag.api.judging import default_policy, judge
from loradiag.core.drift import Drift, DriftWindow, PredictionShift, RouteShare
from loradiag.core.findings import Severity
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.facts import facts
from loradiag.outputs.inshort import in_words
from loradiag.outputs.notes import asides, cards, named, noun_of
from loradiag.outputs.novel import change, group, topics
from loradiag.outputs.shifts import called, change_words, interval_words, standing, value_words
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.forest import Scale
from loradiag.outputs.terminal.windows import strip
from loradiag.outputs.traffic import in_short, p_said, summary, verdict
from loradiag.outputs.trafficfacts import statements
from loradiag.outputs.windowfigures import effect_words, figures, rate_words
from loradiag.outputs.windowfigures import interval_words as between
from loradiag.outputs.windows import began, ended, first, most_shifted, strangest, when, worst
from tests.outputs import samples, traffic_parts, traffic_reports
from tests.outputs.traffic_parts import MIXED, answers, attribution, baseline, drift, few, novel, watched, window

PEOPLE = pytest.mark.parametrize("name", ["text", "markdown", "html"])
Make = Callable[[], list[Report]]
LONG = [traffic_reports.both, traffic_reports.month, traffic_reports.crowd, traffic_reports.by_count]


def only(make: Make) -> Report:
    """The one report of a sample."""
    (made,) = make()
    return made


def found_in(report: Report) -> Drift:
    """What it says of traffic."""
    assert report.measurements.drift is not None
    return report.measurements.drift


def told(report: Report) -> str:
    """The paragraph: the verdict, and all that goes with it."""
    made = summary(report, found_in(report))
    return " / ".join((f"{made.tone}: {made.text}", *made.more))


def shown(name: str, report: Report, **style: object) -> str:
    """A rendered report without tags, in single blanks: what a reader reads."""
    rendered = renderer(name)([report], Style(**{"width": 180, **style}))  # type: ignore[arg-type]
    rendered = re.sub(r"<(style|script)>.*?</\1>", "", rendered, flags=re.DOTALL)
    rendered = re.sub(r"<[^>]*>|\*\*|`", "", re.sub("</t[dh]>", " ", rendered))
    return re.sub(r"\s+", " ", rendered.replace("&#x27;", "'").replace("&#35;", "#").replace("&lt;", "<"))


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


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-02 to 2026-11-03"),
        ("2026-11-02T06:00:00Z", "2026-11-02T12:00:00Z", "2026-11-02 06:00 to 12:00"),
        ("2026-11-02T18:00:00Z", "2026-11-03T00:00:00Z", "2026-11-02 18:00 to 2026-11-03 00:00"),
        ("2026-11-02T06:00:07Z", "2026-11-03T08:30:00Z", "2026-11-02 06:00:07 to 2026-11-03 08:30"),
        (None, None, "all requests"),
        ("yester\x1bday", "2026-11-03T00:00:00Z", "yester\\x1bday to 2026-11-03 00:00"),
    ],
)
def test_windows_are_called_by_their_days(start: str | None, end: str | None, expected: str) -> None:
    """Midnights are left out where both ends have them, and the day where both have the same."""
    assert when(window(start=start, end=end)) == expected


def test_columns_of_times() -> None:
    """Days alone in a table of days; else the time, without its day at the end."""
    quarter = window(start="2026-11-02T06:00:00Z", end="2026-11-02T12:00:00Z")
    assert (began(quarter, by_day=False), ended(quarter, by_day=False)) == ("2026-11-02 06:00", "12:00")
    assert (began(window(), by_day=True), ended(window(), by_day=True)) == ("2026-11-02", "2026-11-03")
    assert (began(window(start=None), by_day=True), ended(window(end=None), by_day=True)) == ("all requests", "–")


def test_the_worst_window_is_found() -> None:
    """By status, then by p-value, then by share; of two alike, the later."""
    rows = [window(0, **MIXED), novel(1), novel(2, 40), few(3), window(4), novel(5, 40)]
    settled = found_in(watched(drift(rows))).windows
    assert worst(settled) is settled[5]
    assert strangest(settled) is settled[5]
    assert most_shifted(settled) is settled[0]
    assert worst([]) is None
    assert strangest([few()]) is None
    assert most_shifted([few()]) is None


def test_first_windows_are_the_newest_and_the_gravest() -> None:
    """Fourteen of thirty, in the order of time; drift of long ago is among them."""
    settled = found_in(
        watched(drift([novel(index) if index in (2, 3) else window(index) for index in range(30)]))
    ).windows
    kept = [settled.index(row) for row in first(settled)]
    assert kept[:2] == [2, 3]
    assert kept[2:] == list(range(18, 30))
    assert first(settled[:14]) == settled[:14]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (rate_words(0.05), "5%"),
        (rate_words(0.045), "4.5%"),
        (rate_words(0.1234), "12%"),
        (rate_words(1.0), "100%"),
        (between(0.0814, 0.1722), "8.1–17.2%"),
        (between(None, 0.1), "–"),
        (effect_words(None), "–"),
        (effect_words(0.412), "0.41"),
        (p_said(0.0), "p < 1e-300"),
        (p_said(2e-6), "p = 2e-06"),
        (p_said(None), "p = –"),
        (called(answers("perplexity")), "perplexity of generated tokens"),
        (called(answers("prompt_perplexity", unit="of prompt tokens")), "perplexity of prompt tokens"),
        (called(answers("entropy", top=5)), "entropy of the top 5, nats"),
        (called(answers("response_characters", unit="characters")), "answer length, characters"),
        (called(answers("new\x07one", unit="")), "new\\x07one"),
        (change_words(answers("perplexity"), 0.121), "+12.1%"),
        (change_words(answers("truncated"), -0.0031), "-0.3 pp"),
        (change_words(answers("truncated"), -0.00001), "0.0 pp"),
        (change_words(answers("entropy"), 0.0312), "+0.0312"),
        (change_words(answers("entropy"), None), "–"),
        (interval_words(answers("refusal_like", ci_low=-0.004, ci_high=0.02)), "-0.4 to +2.0"),
        (interval_words(answers("perplexity", ci_low=None)), "–"),
        (value_words(answers("truncated"), 0.0213), "2.1%"),
        (value_words(answers("response_length"), 287.4), "287"),
        (change(traffic_parts.topics(0.16)[0]), "5.0% → 21.0% ↗"),
        (change(traffic_parts.topics(0.0)[0]), "5.0% → 5.0%"),
        (group(traffic_parts.exemplars()[4]), "2 (8)"),
    ],
)
def test_figures_are_written_short(said: str, expected: str) -> None:
    """With a sign and a unit where it is a change."""
    assert said == expected


def test_topics_that_grew_come_first() -> None:
    """And those that shrank most come last."""
    assert [row.topic for row in topics(window(**MIXED))] == [0, 3, 6, 9, 12, 15]


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


def test_the_strip_stands_where_the_numbers_are() -> None:
    """On a scale of 0 to 20% in 21 cells a percent is a cell: 5% expected, 8% matters, 12% of 8.2 to 17.2%."""
    on = Scale(0.0, 0.2, 21)
    row = found_in(only(traffic_reports.strange)).windows[0]
    assert strip(row, on, 0.05, 0.08) == "     │  ╫───×─────   "
    assert strip(window(0, 10), on, 0.05, None) == "   ──•────           "
    assert strip(few(), on, 0.05, 0.08) == ""
    beyond = strip(msgspec.structs.replace(row, novelty_high=0.9), on, 0.05, 0.08)
    assert beyond.endswith("▸")


@pytest.mark.parametrize("make", LONG, ids=lambda make: make.__name__)
@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_tables_keep_to_the_terminal(make: Make, width: int) -> None:
    """At any width the windows keep their share and their status, and no line is too wide."""
    for verbose in (False, True):
        text = renderer("text")(make(), Style(width=width, verbose=verbose))
        assert max(map(cell_len, text.splitlines())) <= width
        head = next(line for line in text.splitlines() if line.startswith("from "))
        assert " novel " in head
        assert head.rstrip().endswith("status")


def test_verbose_shows_everything() -> None:
    """Every window, every topic, every request with its texts; in short only what drifted, and of it some."""
    report = only(traffic_reports.month)
    brief, whole = shown("text", report), shown("text", report, verbose=True)
    assert "and 16 windows more (14 steady, 2 too few): --verbose shows all" in brief
    assert brief.count("? too few") == 1  # of an answer's days
    assert whole.count("? too few ") == 2 + 1
    assert "p novel alone" in whole
    assert "p novel alone" not in brief
    texts = shown("text", only(traffic_reports.both), verbose=True)
    assert texts.count("nearest sing me the second verse of the harvest song, slowly") >= 2
    assert "topic 6" in texts
    assert "topic 6" not in shown("text", only(traffic_reports.both))
    assert "topics " not in shown("text", only(traffic_reports.steady)).partition("traffic")[2].partition("findings")[
        0
    ].replace("topics was", "")


@PEOPLE
def test_every_figure_is_in_every_format_for_people(name: str) -> None:
    """Shares, intervals, p-values, effects, cosines beside the convention, routes, exemplars, answers."""
    text = shown(name, only(traffic_reports.both), verbose=True)
    for said in (
        "26.0%", "20.4–32.5%", "2e-06", "0.41", "1e-09", "0.012", "0.661↓", "base", "novel+shifted", "chatcmpl-0003-5f3a9c",
        "#4,081", "2 (8)", "0.330", "which of my invoices is overdue", "+6.1% to +18.3%", "1e-11", "+0.13", "too few days",
        "base 77% (40), chant 23% (12)", "is cut short",
    ):  # fmt: skip
        assert said in text, said


def test_low_cosines_are_marked_by_the_policy() -> None:
    """The mark follows the threshold of LD809, and the status does not follow the mark."""
    rows = [window(mean_nn_cosine=0.65)]
    policy = default_policy()
    strict = msgspec.structs.replace(policy, thresholds={**policy.thresholds, "LD809": {"least_cosine": 0.6}})
    for made, expected in ((watched(drift(rows)), "0.650↓"), (watched(drift(rows), strict), "0.650")):
        (cosine,) = [figure for figure in figures(made, found_in(made)) if figure.title == "cosine"]
        assert cosine.say(rows[0]) == expected
        assert "decides nothing" in cosine.meaning
        assert found_in(made).windows[0].status == "steady"


def test_findings_of_one_rule_about_windows_share_a_card() -> None:
    """A hundred of them are one card each way to route; notes on cosines are folded away."""
    report = only(traffic_reports.crowd)
    by_code = {card.finding.code: card for card in cards(report, report.findings)}
    assert by_code["LD801"].count == 9
    assert by_code["LD801"].noun == "window"
    (quiet,) = asides(report)
    assert quiet.noun == "window"
    assert quiet.words == f"{len(quiet.notes)} notes on single windows"
    assert {note.severity for note in quiet.notes} == {Severity.INFO}
    assert quiet.about(quiet.notes[0]) == "2026-12-12 to 2026-12-13"
    assert "and 1 window more: --verbose" in shown("text", report)
    routed = [novel(0), novel(1, recommended_route="legal", routes=[RouteShare(route="legal", count=24, share=1.0)])]
    apart = watched(drift(routed))
    assert len([card for card in cards(apart, apart.findings) if card.finding.code == "LD803"]) == 2


def test_measures_are_no_modules() -> None:
    """What LD806 and LD807 name is called a measure."""
    report = only(traffic_reports.both)
    nouns = {finding.code: named(report, finding) for finding in report.findings}
    assert nouns["LD806"] == nouns["LD807"] == "measure"
    assert {noun_of(report, finding) for finding in report.findings} == {"measure", "window", ""}
    assert "1 measure: perplexity" in shown("markdown", report)
    assert "1 module" not in shown("html", report)
    assert "Measures: perplexity" in renderer("junit")([report], Style())


def cases(report: Report) -> dict[str, tuple[str, str]]:
    """What became of each test case about traffic, and why."""
    root = fromstring(renderer("junit")([report], Style()).encode())
    found = {}
    for case in root.iter("testcase"):
        if (case.get("classname") or "").startswith("loradiag.traffic."):
            child = next((child for child in case if child.tag != "system-out"), None)
            outcome = ("passed", "") if child is None else (child.tag, child.get("message") or "")
            found[case.get("name", "")] = outcome
    return found


def test_windows_are_test_cases() -> None:
    """Drift fails where the gate does, steady passes, too few is skipped with the reason."""
    found = cases(watched(drift([window(0), novel(1), window(2, **MIXED), few(3)])))
    assert [outcome for outcome, _ in found.values()] == ["passed", "failure", "failure", "skipped"]
    assert found["2026-11-03 to 2026-11-04"][1].startswith("12% of 200 requests are unlike anything in the baseline")
    assert "topic 0 grew from 5% to 21%" in found["2026-11-04 to 2026-11-05"][1]
    assert found["2026-11-05 to 2026-11-06"] == ("skipped", "too few requests: 31 of the 50 needed")
    assert cases(only(traffic_reports.unjudged))["all requests"] == ("skipped", "not judged")
    assert cases(only(samples.healthy)) == {}


def test_drift_that_fails_no_gate_is_skipped() -> None:
    """Because the policy never fails, or sets it aside with a reason."""
    (lenient,) = cases(watched(drift([novel()]), msgspec.structs.replace(default_policy(), fail_on="never"))).values()
    assert lenient[0] == "skipped"
    assert lenient[1].endswith("; this does not fail the gate")
    aside = cases(only(traffic_reports.ignored))["2026-11-02 to 2026-11-03"]
    assert aside[0] == "skipped"
    assert aside[1].endswith("; ignored by the policy: a campaign until Friday")


def test_measures_of_answers_are_test_cases() -> None:
    """A risen perplexity fails, a warning is skipped, too few days are said."""
    found = {name: case for name, case in cases(only(traffic_reports.both)).items() if name.startswith("answers: ")}
    assert len(found) == 7
    assert found["answers: perplexity of generated tokens"] == (
        "failure", "perplexity +12.0% (8.1 → 9.07, 95% interval +6.1% to +18.3%)",
    )  # fmt: skip
    assert found["answers: answer length, tokens"][0] == "skipped"
    assert found["answers: truncated, share of answers"] == ("skipped", "too few days")
    assert found["answers: entropy of the top 5, nats"] == ("passed", "")
    policy = msgspec.structs.replace(default_policy(), ignore=[Ignore(code="LD806", reason="new base")])
    again = cases(judge(only(traffic_reports.both), policy))["answers: perplexity of generated tokens"]
    assert again[0] == "skipped"
    assert again[1].endswith("; ignored by the policy: new base")


@pytest.mark.parametrize(
    "make", [traffic_reports.month, traffic_reports.crowd, traffic_reports.both], ids=lambda make: make.__name__
)
def test_a_comment_holds_it(make: Make) -> None:
    """GitHub takes 65,536 characters."""
    for verbose in (False, True):
        assert len(renderer("markdown")(make(), Style(verbose=verbose))) < 65_536


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
