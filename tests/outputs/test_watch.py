"""The watch in every output."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.watching import Watch, WatchSignal, WatchTotals
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.alarms import alarms_text
from loradiag.outputs.terminal.watch import bar
from loradiag.outputs.watch import amount, called, e_words, in_a_word, is_overdue, seen_by, told, way
from tests.outputs.samples import HOSTILE, RAW, assert_harmless
from tests.rules.watching import alarm, watch

STYLE = Style(color=False, width=110, measure="stable_rank", verbose=False)


def signal(name: str = "novelty", **changes: Any) -> WatchSignal:
    """A signal that has seen something."""
    fields: dict[str, Any] = {
        "signal": name,
        "unit": "requests",
        "n": 100,
        "e_value": 12.0,
        "peak": 20.0,
        "line": 889.0,
        "recent": 0.05,
        "expected": 0.05,
        "tolerated": 0.08,
    }
    return WatchSignal(**{**fields, **changes})


def report(found: Watch) -> Report:
    """What the default policy makes of a watch."""
    return judged(Subject(path=found.adapter), Measurements(watch=found), Accounting(), default_policy())


CALM = watch(signals=[signal(), signal("mix", recent=0.1, tolerated=0.4), signal("truncated", unit="days", n=9)])
ALARMED = watch(alarm(), signals=[signal(e_value=1e5, peak=2e5, recent=0.3), signal("mix", e_value=0.0, peak=1.0)])
KNOWN = watch(alarm(status="acknowledged", by="ann", why="a campaign", changed="2026-11-20T11:00:00Z"))
NOTHING = watch(
    since=None, seen=None, requests=0, counted=0, e_value=1.0, signals=[signal(n=0, e_value=1.0, recent=None)]
)
STRANGE = watch(
    alarm(adapter=HOSTILE, message=HOSTILE, signal=HOSTILE),
    adapter=HOSTILE,
    baseline=HOSTILE,
    signals=[signal(HOSTILE)],
)


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize(
    "found", [CALM, ALARMED, KNOWN, NOTHING, STRANGE], ids=["calm", "alarm", "known", "nothing", "strange"]
)
def test_every_format_says_it_and_escapes_what_is_hostile(name: str, found: Watch) -> None:
    """Alone and among others, without raw control characters or markup."""
    for reports in ([report(found)], [report(found), report(CALM), report(ALARMED)]):
        text = renderer(name)(reports, STYLE)
        assert_harmless(name, text)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_is_as_wide_as_it_is(width: int) -> None:
    """No line runs over, and nothing is cut in the middle of a word."""
    text = renderer("text")([report(ALARMED)], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "alarm 3" in text
    assert "novel requests" in text
    assert "ala…" not in text


def test_what_it_comes_to() -> None:
    """Calm, an alarm, one that is known, nothing counted yet."""
    assert [in_a_word(found) for found in (CALM, ALARMED, KNOWN, NOTHING)] == [
        *("calm", "ALARM 3: novel requests", "acknowledged 3: novel requests", "nothing yet")
    ]
    text = renderer("text")([report(KNOWN)], STYLE)
    assert "acknowledged by ann (a campaign)" in text
    assert "no request of this adapter" in renderer("text")([report(NOTHING)], STYLE)


def test_an_overview_has_the_state_of_each() -> None:
    """With evidence and line; it says nothing of modules, of which there are none."""
    text = renderer("text")([report(CALM), report(ALARMED)], STYLE)
    assert "4.2e+05 of 44" in text.replace("420,000", "4.2e+05")
    assert "ALARM 3: novel requests" in text
    assert "modules" not in text


def test_junit_has_a_case_for_the_adapter() -> None:
    """Passed, failed, or skipped with the reason."""
    document = ElementTree.fromstring(renderer("junit")([report(CALM), report(ALARMED), report(KNOWN)], STYLE))
    cases = [case for case in document.iter("testcase") if case.get("name") == "watch"]
    assert [[child.tag for child in case if child.tag != "system-out"] for case in cases] == [
        [],
        ["failure"],
        ["skipped"],
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (1e-9, "<0.001"),
        (0.31, "0.31"),
        (12.3, "12"),
        (4321.0, "4,321"),
        (2.14e7, "2.1e+07"),
        (1e300, "over 1e300"),
    ],
)
def test_evidence_for_people(value: float, said: str) -> None:
    """Few digits."""
    assert e_words(value) == said


def test_amounts_in_the_unit_of_their_signal() -> None:
    """Shares, differences of shares, Cohen's w, ratios."""
    assert amount(signal("novelty"), 0.123) == "12.3%"
    assert amount(signal("truncated"), 0.05) == "+5.0 points"
    assert amount(signal("mix"), 0.456) == "0.46"
    assert amount(signal("perplexity"), -0.034) == "-3.4%"
    assert amount(signal(), None) == "–"
    assert called(signal("perplexity")) == "perplexity of answers"


def test_the_way_to_the_line_is_logarithmic() -> None:
    """Nothing at 1, half at the root of the line, all at the line."""
    ways = [way(signal(e_value=value, line=10_000.0)) for value in (0.0, 1.0, 100.0, 10_000.0, 1e12)]
    assert ways == [0.0, 0.0, pytest.approx(0.5), 1.0, 1.0]
    assert [
        row.signal for row in told(watch(signals=[signal("mix", e_value=2.0), signal(), signal("entropy", n=0)]))
    ] == [*("novelty", "mix")]
    assert (bar(0.0), bar(1.0), bar(0.5)) == ("·" * 16, "█" * 16, "█" * 8 + "·" * 8)


def test_the_list_of_alarms() -> None:
    """With whose they are, or that there are none."""
    assert alarms_text([], STYLE) == "no alarms\n"
    text = alarms_text([alarm(adapter=HOSTILE, message=HOSTILE), alarm(status="resolved", by="bob", why="done")], STYLE)
    assert RAW.search(text) is None
    assert "support" in text
    assert "✓ resolved by bob (done)" in " ".join(text.split())


def test_an_alarm_stands_at_the_requests_that_raised_it() -> None:
    """As its message says; where that says no time, or only something like one, at when it was raised."""
    said = "21.0% of recent requests are unlike the baseline, by requests up to 2026-11-18T22:56:15Z"
    assert seen_by(alarm(message=said)) == "2026-11-18T22:56:15Z"
    for message in ("", f"{said} and more", said.replace("T22", " 22")):
        assert seen_by(alarm(message=message)) == "2026-11-20T10:00:00Z"


@pytest.mark.parametrize(
    ("polls", "minutes", "late"),
    [
        (61, 2.9, False),
        (61, 3.1, True),
        (3601, 1.9, False),
        (3601, 2.1, True),
        (2, 170, False),
        (2, 190, True),
        (1, 10_000, False),
    ],
)
def test_a_watch_that_has_fallen_asleep_is_overdue(polls: int, minutes: float, late: bool) -> None:
    """Of looks a minute apart after three, of looks a second apart after two, of two an hour apart after three hours."""
    totals = WatchTotals(
        started="2026-11-20T09:00:00Z", polled="2026-11-20T10:00:00Z", seconds=0.1, behind=0.1, polls=polls, requests=0,
        unattributed=0, unwatched=0, late=0, flawed_files=0, alpha=0.05, budget_left=0.5,
    )  # fmt: skip
    now = datetime(2026, 11, 20, 10, tzinfo=UTC) + timedelta(minutes=minutes)
    assert is_overdue(totals, now) is late
