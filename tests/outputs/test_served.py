"""What is served, in every output."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest

from loradiag.core.report import Reports, decode, encode
from loradiag.core.served import Served, ServedExample, ServedText
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.served import FIGURES, in_short, milliseconds, ratio, status, summary
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, assert_harmless
from tests.rules.served import ALIKE, EXAMPLE, MIXED, NEVER, OPEN, SILENT, model, report, served, times

STYLE = Style(color=False, width=110, measure="stable_rank", verbose=False)

SOUND = served(model("a"), model("b"), pairs=[ALIKE])
FAULTY = served(model("a"), SILENT, MIXED, NEVER, OPEN)
BARE = served(model(base=None, beside=None, times=None, loaded=0), bases=[], times=None, logprobs=False)
STRANGE = served(
    model(
        HOSTILE,
        base=HOSTILE,
        failures={HOSTILE: 2},
        failed=2,
        answering="partly",
        taken=1,
        taken_whole=1,
        changed_loaded=1,
        takers={HOSTILE: 1},
        examples=[
            ServedExample(
                prompt=1,
                equals=HOSTILE,
                gap=None,
                alone=ServedText(sha256="0" * 16, characters=9, text=HOSTILE),
                loaded=ServedText(sha256="1" * 16, characters=9, text=HOSTILE),
            )
        ],
    ),
    url=HOSTILE,
    prompts_from=HOSTILE,
    prompts_sha256="0" * 64,
)
STATES = {"sound": SOUND, "faulty": FAULTY, "bare": BARE, "strange": STRANGE}


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verbose", [False, True])
def test_every_format_says_it_and_escapes_what_is_hostile(name: str, state: str, verbose: bool) -> None:
    """Alone and among others, without raw control characters or markup."""
    found = report(STATES[state])
    for reports in ([found], [found, report(FAULTY)]):
        text = renderer(name)(reports, msgspec.structs.replace(STYLE, verbose=verbose))
        assert_harmless(name, text)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_is_as_wide_as_it_is(width: int) -> None:
    """No line runs over, whatever columns give way."""
    text = renderer("text")([report(FAULTY)], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "do not send traffic" in text


def test_what_it_comes_to_is_said_by_name() -> None:
    """The gravest of each; what is open is said besides."""
    found = report(FAULTY).measurements.served
    assert found is not None
    said = summary(found)
    assert said.tone == "fail"
    assert said.text == (
        "do not send traffic: silent (serves the base), mixed (mixed up with others), gone (never answers)"
    )
    assert said.more[0] == "not decided: open (the base or not: undecided)"
    assert in_short([report(FAULTY)]) == ["1 of 5 adapters as itself"]
    assert status(found.adapters[0]) == ("pass", "not the base, isolated")
    sound = report(SOUND).measurements.served
    assert sound is not None
    assert summary(sound).text == "2 adapters served: each answers as itself, also while others are asked"
    assert summary(sound).more[0] == "the same answers throughout: a and b"


def test_figures_in_their_units() -> None:
    """Milliseconds, ratios with intervals, and dashes for what is not known."""
    assert [milliseconds(value) for value in (None, 3.14159, 1234.5)] == ["–", "3.1 ms", "1,234 ms"]
    assert ratio(times(2.0, 1.5, 2.5)) == "2.00 (1.50 to 2.50)"
    assert ratio(None) == "–"


def test_junit_has_a_case_a_name() -> None:
    """Failed, skipped or passed."""
    document = ElementTree.fromstring(renderer("junit")([report(FAULTY)], STYLE))
    cases = [case for case in document.iter("testcase") if "served." in (case.get("classname") or "")]
    outcomes = {case.get("name"): [child.tag for child in case if child.tag != "system-out"] for case in cases}
    assert outcomes == {
        "a": [],
        "silent": ["failure"],
        "mixed": ["failure"],
        "gone": ["failure"],
        "open": ["skipped"],
        "base": [],
    }


def test_the_page_draws_times_and_lists_examples() -> None:
    """Two marks a name that was timed; of examples hashes, or texts where they were asked for."""
    page = renderer("html")([report(FAULTY)], STYLE)
    (drawn,) = re.findall(r'<svg[^>]*class="chart strips forest times".*?</svg>', page)
    assert drawn.count('class="mark"') == 2 * 5
    assert EXAMPLE.alone.sha256 in page
    markdown = renderer("markdown")([report(FAULTY)], STYLE)
    assert "prompt 7: alone `0011223344556677`, under load `8899aabbccddeeff`, which is what `b` says" in markdown


def test_many_adapters_stay_readable() -> None:
    """Findings of one rule are told together, and the worst come first."""
    found = served(
        *(model(f"a{number:03}") for number in range(200)),
        *(msgspec.structs.replace(SILENT, name=f"s{n}") for n in range(30)),
    )
    text = renderer("text")([report(found)], STYLE)
    assert text.count("error LD414") == 1
    assert "191 more: --verbose" in text
    assert text.index("serves the base") < text.index("not the base")


def test_json_comes_back_and_holds_no_text() -> None:
    """The measurement is the same after a round trip."""
    first = report(FAULTY)
    (again,) = decode(encode(Reports(reports=[first])))
    assert again.measurements == first.measurements
    assert isinstance(again.measurements.served, Served)
    assert again.measurements.served.adapters[2].examples[0].alone.text is None


def test_answers_are_sorted_by_what_is_shown() -> None:
    """Empty answers are none, in the words and in the number behind them."""
    row = model(asked=10, failed=2, empty=3)
    (figure,) = [figure for figure in FIGURES if figure.title == "answers"]
    assert (figure.say(row), figure.value(row)) == ("5 of 10", 5)
