"""The fleet in every output."""

from __future__ import annotations

from xml.etree import ElementTree

import msgspec
import pytest

from loradiag.core.fleet import Fleet, FleetAdapter
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.fleet import names, sentence, worst_first
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, assert_harmless
from tests.rules.fleet import OVERLAP, SAME, adapter, fleet, report

STYLE = Style(color=False, width=100)


def mixed() -> Fleet:
    """Some of everything."""
    rows = [adapter(f"team/{n:02d}", outlying={"frobenius_norm": 9.0} if n == 7 else {}) for n in range(40)]
    rows += [adapter("bad", verdict="fail", codes=["LD107", "LD206"]), adapter("open", verdict="inconclusive")]
    rows += [
        FleetAdapter(path="adapters/lost", problem="is cut short: the tensor should end at byte 20,912 and does not")
    ]
    return fleet(*rows, pairs=[SAME], overlaps=[OVERLAP], compared=3)


def strange() -> Fleet:
    """Names that try every format at once."""
    rows = [adapter(HOSTILE, base=HOSTILE, owner=HOSTILE, method=HOSTILE), FleetAdapter(path=HOSTILE, problem=HOSTILE)]
    return fleet(*rows, overlaps=[])


CASES = {"one": fleet(adapter()), "mixed": mixed(), "strange": strange()}


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("found", CASES.values(), ids=CASES)
@pytest.mark.parametrize("verbose", [False, True])
def test_every_format_says_it_and_escapes_what_is_hostile(name: str, found: Fleet, verbose: bool) -> None:
    """Alone and among others, without raw control characters or markup, and with every code."""
    style = msgspec.structs.replace(STYLE, verbose=verbose)
    for reports in ([report(found)], [report(found), report(fleet(adapter()))]):
        text = renderer(name)(reports, style)
        assert_harmless(name, text)
    text = renderer(name)([report(found)], style)
    assert all(finding.code in text for finding in report(found).findings)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_is_as_wide_as_it_is(width: int) -> None:
    """No line runs over; the worst adapters come first."""
    text = renderer("text")([report(mixed())], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width
    assert text.index("lost") < text.index("bad") < text.index("team/07") < text.index("team/00")
    assert "and 18 adapters more" in text


def test_the_worst_come_first() -> None:
    """Unreadable, failing, inconclusive, outlying, and then by name."""
    found = mixed()
    assert [found.adapters[place].path for place in worst_first(found)][:5] == [
        *("adapters/lost", "adapters/bad", "adapters/open", "adapters/team/07", "adapters/team/00"),
    ]


def test_names_are_what_tells_them_apart() -> None:
    """Paths below what all have in common."""
    assert names(fleet(adapter("x/a"), adapter("x/b"))) == ["a", "b"]
    assert names(fleet(adapter("a"), adapter("a/b"))) == ["a", "a/b"]
    assert names(fleet(adapter("a"))) == ["adapters/a"]


def test_a_sentence() -> None:
    """How many of which verdict, and how many were read."""
    assert sentence(mixed()) == "43 adapters: 40 sound, 1 unreadable, 1 fail, 1 inconclusive."
    again = fleet(adapter("a", remembered=True), adapter("b"), read=1)
    assert sentence(again) == "2 adapters: 2 sound; 1 read, 1 as they were."


def test_junit_has_a_case_an_adapter() -> None:
    """Failures where an adapter fails or cannot be read; inconclusive ones are skipped."""
    document = ElementTree.fromstring(renderer("junit")([report(mixed())], STYLE))
    cases = [case for case in document.iter("testcase") if "fleet." in (case.get("classname") or "")]
    assert len(cases) == 43
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["adapters/bad", "adapters/lost"]
    assert [case.get("name") for case in cases if case.find("skipped") is not None] == ["adapters/open"]


def test_the_page_sorts_words_as_words() -> None:
    """A base and an owner have no number: the script would sort by none."""
    page = renderer("html")([report(fleet(adapter("a", owner="7 seas"), adapter("b", owner="a team")))], STYLE)
    assert '<td class="nowrap">7 seas</td>' in page
    assert 'data-v="7 seas"' not in page
    assert '<td class="n nowrap" data-v="8">8</td>' in page


def test_the_page_draws_bands_and_pairs() -> None:
    """A dot for each adapter of a band, and the table of relatives."""
    page = renderer("html")([report(mixed())], STYLE)
    assert page.count("<circle") == 42
    assert "Related adapters" in page
    assert page.count('class="dot fail"') == 1
