"""Plain text: lines, or paragraphs where blank lines stand between others."""

from __future__ import annotations

import pytest

from loradiag.texts.fields import MAX_SAMPLE
from tests.texts.checks import assert_refused, contents, read

WAYS = [
    ("one", "lines", [(1, "one")]),
    ("one\ntwo\n", "lines", [(1, "one"), (2, "two")]),
    ("\n \none\ntwo\n\n\t\n", "lines", [(3, "one"), (4, "two")]),
    ("one\ntwo\n\nthree", "paragraphs", [(1, "one\ntwo"), (4, "three")]),
    ("\none\n \t\n\n  two \n three\n\n", "paragraphs", [(2, "one"), (5, "  two \n three")]),
    ("a\u2028b\x0cc\x85d\ne\rf", "lines", [(1, "a\u2028b\x0cc\x85d"), (2, "e\rf")]),
]


@pytest.mark.parametrize(("text", "field", "samples"), WAYS)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a", "a.v1"])
@pytest.mark.parametrize("crlf", [False, True])
def test_lines_or_paragraphs(text: str, field: str, samples: list[tuple[int, str]], name: str, crlf: bool) -> None:
    """Blank lines at the ends decide nothing; only LF and CRLF end a line."""
    texts = read(text.replace("\n", "\r\n") if crlf else text, name)
    assert texts.field == field
    assert [(sample.number, sample.text) for sample in texts.samples] == samples
    assert texts.skipped_empty == 0


def test_the_user_decides() -> None:
    """Either way can be asked for; there are no other fields."""
    assert contents(read("a\n\nb\nc", "a.txt", field="lines")) == ["a", "b", "c"]
    assert contents(read("a\nb\nc", "a.txt", field="paragraphs")) == ["a\nb\nc"]
    assert_refused("a", "is plain text, of which fields are lines and paragraphs", "a.txt", field="text")


def test_json_in_a_text_file_is_text() -> None:
    """The suffix says what it is."""
    assert contents(read('{"text": "a"}', "a.txt")) == ['{"text": "a"}']


def test_a_paragraph_without_end() -> None:
    """It is told before all of it is in memory."""
    assert_refused(
        "a\n\n" + "b" * 999 + "\n" + ("c" * 999 + "\n") * (2 * MAX_SAMPLE // 1000) + "\n",
        "line 3: begins a paragraph that is too long",
        "a.txt",
        kind="large",
    )
    assert_refused("a\n" + "b" * (MAX_SAMPLE + 1), "line 2: the sample has 10,000,001 bytes", "a.txt", kind="large")
