"""Text of strangers stays text where Streamlit reads Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loradiag_dashboard.parts.plain import label, md

from loradiag.core.text import printable
from tests.outputs.samples import HOSTILE

markdown_it = pytest.importorskip("markdown_it", reason="rich brings it")

_MARKS = st.text(alphabet="*_`[]()<>#+-.!|~$:&\\{}='\"/@ \nabhtps123", max_size=60)


def plain_text(source: str) -> list[tuple[str, str]]:
    """The inline tokens that CommonMark with GFM's tables and strikethrough reads out of a text, by type and content."""
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(source):
        if token.type == "inline":
            found += [(child.type, child.content) for child in token.children or []]
        elif token.type not in ("paragraph_open", "paragraph_close"):
            found.append((token.type, token.content))
    return found


@given(st.one_of(_MARKS, st.text(max_size=60)))
def test_markdown_reads_nothing_but_text(text: str) -> None:
    """No emphasis, link, image, code, heading, list, table or HTML comes of any text, and what is shown is the text."""
    tokens = plain_text("x" + md(text) + "x")
    assert {kind for kind, _ in tokens} <= {"text", "text_special"}
    assert "".join(content for _, content in tokens) == f"x{printable(text)}x"


@pytest.mark.parametrize(
    "text", [":red[x]", ":material/home:", "$x^2$", ":smile:", "http://a.example", "www.a.example", "a@b.example"]
)
def test_streamlits_own_marks_are_broken(text: str) -> None:
    """What Streamlit adds to Markdown begins with a mark that is escaped."""
    escaped = md(text)
    for mark in (":", "$", ".", "@", "/"):
        assert all(escaped[place - 1] == "\\" for place, sign in enumerate(escaped) if sign == mark)


def test_hostile_names_are_printable() -> None:
    """Controls and overrides are written out, here and in cells."""
    for shown in (md(HOSTILE), label(HOSTILE)):
        assert shown.isprintable()
        assert "\x1b" not in shown
