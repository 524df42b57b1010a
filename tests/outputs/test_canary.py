"""The canary in every output."""

from __future__ import annotations

from xml.etree import ElementTree

import msgspec
import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.canary import Canary
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.canary import change, interval, margin, summary
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, assert_harmless
from tests.rules.canary import OPEN, WORSE, canary, metric

STYLE = Style(color=False, width=110, measure="stable_rank", verbose=False)

PROMOTED = canary(metric(), metric("perplexity", status="better", low=-0.2, high=-0.1))
BACK = canary(metric("perplexity"), WORSE, decision="roll back")
WAITING = canary(metric(), OPEN, decision="keep going", uneven=["prompt_length"])
FEW = canary(metric(status="insufficient", low=None, high=None, path=[]), decision="insufficient", pairs=3)
STRANGE = canary(metric(HOSTILE), old=HOSTILE, new=HOSTILE, lake=HOSTILE, uneven=[HOSTILE])

STATES = {"promoted": PROMOTED, "back": BACK, "waiting": WAITING, "few": FEW, "strange": STRANGE}


def report(found: Canary) -> Report:
    """What the default policy makes of a comparison."""
    return judged(Subject(path=found.new), Measurements(canary=found), Accounting(), default_policy())


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize(
    "found", [PROMOTED, BACK, WAITING, FEW, STRANGE], ids=["promoted", "back", "waiting", "few", "strange"]
)
def test_every_format_says_it_and_escapes_what_is_hostile(name: str, found: Canary) -> None:
    """Alone and among others, without raw control characters or markup."""
    for reports in ([report(found)], [report(found), report(BACK)]):
        text = renderer(name)(reports, STYLE)
        assert_harmless(name, text)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_is_as_wide_as_it_is(width: int) -> None:
    """No line runs over."""
    text = renderer("text")([report(WAITING)], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "keep going" in text


def test_what_to_do_is_said_first() -> None:
    """With why, what is better, what is waited for, and that the split is not even."""
    assert summary(PROMOTED).text.startswith("promote v2: no worse than v1")
    assert "certainly better: perplexity of answers" in summary(PROMOTED).more
    assert summary(BACK).text.startswith("roll back: v2 is worse than v1 in latency")
    assert summary(WAITING).more == (
        *("the split is not even: prompts differ in length of prompts", "some 2,300 more pairs are likely needed"),
    )
    assert (summary(FEW).tone, summary(FEW).text[:17]) == ("inconclusive", "too few requests:")


def test_differences_in_the_unit_of_their_metric() -> None:
    """Ratios in percent, shares in points, others as they are."""
    assert change(metric(), 0.123) == "+12.3%"
    assert change(OPEN, 0.05) == "+5.0 points"
    assert change(metric("entropy", ratio=False), 0.0123) == "+0.0123"
    assert interval(OPEN) == "-2.0 to +5.0 points"
    assert interval(FEW.metrics[0]) == "–"
    assert margin(metric("response_length", harm="change")) == "±10.0%"


def test_junit_has_a_case_a_metric() -> None:
    """Passed, failed, or skipped."""
    document = ElementTree.fromstring(renderer("junit")([report(BACK), report(WAITING)], STYLE))
    cases = [case for case in document.iter("testcase") if "canary." in (case.get("classname") or "")]
    assert [[child.tag for child in case if child.tag != "system-out"] for case in cases] == [
        [],
        ["failure"],
        [],
        ["skipped"],
    ]


def test_the_page_draws_the_interval_as_it_came_about() -> None:
    """A band and a line for each metric that has a path."""
    page = renderer("html")([report(WAITING)], STYLE)
    assert page.count('class="sequence"') == page.count('class="sequence-mean"') == 2


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_several_are_told_in_a_word_each(name: str) -> None:
    """What to do stands in the overview of every format for people."""
    overview = renderer(name)([report(BACK), report(PROMOTED)], STYLE).partition("<details")[0]
    assert "canary" in overview
    assert "roll back" in overview
    assert "promote" in overview
