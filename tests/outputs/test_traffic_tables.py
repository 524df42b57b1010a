"""Traffic in tables and lists: windows, figures, findings, and the test cases that a CI shows."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from rich.cells import cell_len

from loradiag.api.judging import default_policy, judge
from loradiag.core.drift import RouteShare
from loradiag.core.findings import Severity
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.notes import asides, cards, named, noun_of
from loradiag.outputs.style import Style
from tests.outputs import samples, traffic_reports
from tests.outputs.reading import PEOPLE, Make, only, shown
from tests.outputs.traffic_parts import (
    MIXED,
    drift,
    few,
    novel,
    watched,
    window,
)

LONG = [traffic_reports.both, traffic_reports.month, traffic_reports.crowd, traffic_reports.by_count]


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
