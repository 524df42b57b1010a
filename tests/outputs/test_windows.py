"""Windows of traffic: what they are called, which come first, and how their figures are written and drawn."""

from __future__ import annotations

import msgspec
import pytest

from loradiag.api.judging import default_policy
from loradiag.outputs.novel import change, group, topics
from loradiag.outputs.shifts import called, change_words, interval_words, value_words
from loradiag.outputs.terminal.forest import Scale
from loradiag.outputs.terminal.windows import strip
from loradiag.outputs.traffic import p_said
from loradiag.outputs.windowfigures import effect_words, figures, rate_words
from loradiag.outputs.windowfigures import interval_words as between
from loradiag.outputs.windows import began, ended, first, most_shifted, strangest, when, worst
from tests.outputs import traffic_parts, traffic_reports
from tests.outputs.reading import only
from tests.outputs.traffic_parts import (
    MIXED,
    answers,
    drift,
    few,
    found_in,
    novel,
    watched,
    window,
)


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


def test_the_strip_stands_where_the_numbers_are() -> None:
    """On a scale of 0 to 20% in 21 cells a percent is a cell: 5% expected, 8% matters, 12% of 8.2 to 17.2%."""
    on = Scale(0.0, 0.2, 21)
    row = found_in(only(traffic_reports.strange)).windows[0]
    assert strip(row, on, 0.05, 0.08) == "     │  ╫───×─────   "
    assert strip(window(0, 10), on, 0.05, None) == "   ──•────           "
    assert strip(few(), on, 0.05, 0.08) == ""
    beyond = strip(msgspec.structs.replace(row, novelty_high=0.9), on, 0.05, 0.08)
    assert beyond.endswith("▸")


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
