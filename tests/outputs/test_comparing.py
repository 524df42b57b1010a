"""Adapters beside each other in every output."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest

from loradiag.core.comparing import Comparison
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.comparing import apart, beside_chance, sentence, share, signed
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, assert_harmless
from tests.rules.comparing import ALIKE, APART, NEAR, SAME, START, adapter, comparison, module, pair, report

STYLE = Style(color=False, width=100)


def five() -> Comparison:
    """All kinds of pairs among five adapters."""
    kinds = [SAME, NEAR, START, ALIKE, pair(), APART, pair(), pair(), ALIKE, ALIKE]
    places = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    return comparison(*(msgspec.structs.replace(row, a=a, b=b) for row, (a, b) in zip(kinds, places, strict=True)))


def strange() -> Comparison:
    """Names that try every format at once."""
    two = [adapter(HOSTILE, base=HOSTILE, stored_whole=[HOSTILE], method=HOSTILE) for _ in range(2)]
    row = pair(
        interference=0.5,
        cosine=0.4,
        misshapen=[HOSTILE],
        stored_by_both=[HOSTILE],
        modules=[module(HOSTILE, stack=HOSTILE, role=HOSTILE, interference=0.5)],
    )
    return comparison(row, adapters=two)


CASES = {
    "two": comparison(ALIKE), "five": five(), "apart": comparison(APART), "strange": strange(),
    "none": comparison(adapters=[adapter("one")]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("found", CASES.values(), ids=CASES)
@pytest.mark.parametrize("verbose", [False, True])
def test_every_format_says_it_and_escapes_what_is_hostile(name: str, found: Comparison, verbose: bool) -> None:
    """Alone and among others, without raw control characters or markup, and with every code."""
    style = msgspec.structs.replace(STYLE, verbose=verbose)
    for reports in ([report(found)], [report(found), report(comparison(pair()))]):
        text = renderer(name)(reports, style)
        assert_harmless(name, text)
    if verbose or name not in ("text", "markdown", "html", "github"):
        text = renderer(name)([report(found)], style)
        assert all(finding.code in text for finding in report(found).findings)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("found", [CASES["two"], CASES["five"]], ids=["two", "five"])
def test_the_terminal_is_as_wide_as_it_is(width: int, found: Comparison) -> None:
    """No line runs over, and what it comes to is said."""
    text = renderer("text")([report(found)], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "learned alike" in text


def test_a_map_of_all_with_all_holds_any_share() -> None:
    """Nothing at all and less than that are the lightest; a pair that is not there is unknown."""
    rows = [adapter(label) for label in ("one", "two", "three")]
    kinds = [pair(0, 1, interference=-1e300), pair(1, 2, interference=1.0)]
    text = renderer("text")([report(comparison(*kinds, adapters=rows))], STYLE)
    lines = [line.split() for line in text.partition("interference ")[2].splitlines()[2:5]]
    assert lines == [["1", "one", "·", "▁▁", "?"], ["2", "two", "▁▁", "·", "██"], ["3", "three", "?", "██", "·"]]


def test_two_adapters_in_a_sentence() -> None:
    """What they are to each other, and what adding them would do."""
    told = report(comparison(ALIKE)).measurements.comparison
    assert told is not None
    assert sentence(told) == (
        "one and two: learned alike from different starts, as two seeds of one recipe do. Added together, 50% of the two would "
        "meet in the same directions."
    )
    told = report(comparison(NEAR)).measurements.comparison
    assert told is not None
    assert sentence(told).startswith("one and two are almost the same update")


def test_many_adapters_in_a_sentence() -> None:
    """Counted by what they are to each other, the closest first."""
    told = report(five()).measurements.comparison
    assert told is not None
    assert sentence(told) == (
        "10 pairs of 5 adapters: 1 same update, 1 near-duplicate, 1 one start, 3 learned alike, 3 unrelated, 1 not compared."
    )


def test_figures() -> None:
    """Signs, shares with what chance has, and distances."""
    assert (signed(0.1234), signed(-1.0), signed(None)) == ("+0.123", "-1.000", "–")
    assert (share(0.5), share(0.0123), share(None), share(1.0)) == ("50%", "1.2%", "–", "100%")
    assert beside_chance(0.4, 0.083) == "40% (8.3%)"
    assert (apart(1e-9), apart(0.00182), apart(1.41)) == ("0", "0.0018", "1.4")


def test_junit_has_a_case_a_pair() -> None:
    """Passed, failed where the gate fails, or skipped where nothing could be compared."""
    strict = report(five())
    strict = msgspec.structs.replace(strict, policy=msgspec.structs.replace(strict.policy, fail_on="warning"))
    document = ElementTree.fromstring(renderer("junit")([strict], STYLE))
    cases = [case for case in document.iter("testcase") if "compare." in (case.get("classname") or "")]
    kinds = [
        "failure" if case.find("failure") is not None else "skipped" if case.find("skipped") is not None else ""
        for case in cases
    ]
    assert kinds == ["failure", "", "", "", "", "skipped", "", "", "", ""]


def test_a_pair_fails_for_itself_alone() -> None:
    """Not for one whose second name begins as its own does."""
    rows = [adapter(label) for label in ("one", "checkpoint-100", "checkpoint-1000")]
    kinds = [(APART, 0, 1), (SAME, 0, 2), (APART, 1, 2)]
    made = comparison(*(msgspec.structs.replace(row, a=a, b=b) for row, a, b in kinds), adapters=rows)
    strict = report(made)
    strict = msgspec.structs.replace(strict, policy=msgspec.structs.replace(strict.policy, fail_on="warning"))
    document = ElementTree.fromstring(renderer("junit")([strict], STYLE))
    cases = [case for case in document.iter("testcase") if "compare." in (case.get("classname") or "")]
    assert {case.get("name") for case in cases if case.find("failure") is not None} == {"one · checkpoint-1000"}
    assert len(cases) == 3


def test_the_page_has_a_map_of_all_with_all() -> None:
    """A square for each measure, and maps of layers and roles for pairs that have modules."""
    page = renderer("html")([report(five())], STYLE)
    assert page.count("all with all") == 5
    assert page.count('class="met"') == 9
    assert "all with all" not in renderer("html")([report(comparison(ALIKE))], STYLE)


def test_each_comparison_of_a_page_has_a_switch_of_its_own() -> None:
    """Of one name a browser keeps a single choice checked: the other's maps would all be hidden."""
    page = renderer("html")([report(five()), report(five())], STYLE)
    fieldsets = re.findall(r"<fieldset.*?</fieldset>", page, re.DOTALL)
    names = [set(re.findall(r'type="radio" name="([^"]+)"', fieldset)) for fieldset in fieldsets]
    assert all(len(name) == 1 for name in names)
    assert len(set.union(*names)) == len(names)


def test_many_findings_about_pairs_are_told_together() -> None:
    """A rule once, with a line a pair; notes are counted."""
    assert "8 notes on single pairs" in renderer("text")([report(five())], STYLE)
    text = renderer("text")([report(five())], msgspec.structs.replace(STYLE, verbose=True))
    assert text.count("LD615 updates-interfere") == 1
    assert text.count("meets in the same directions") == 3
