"""Markdown, read by a CommonMark parser with tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loradiag.core.report import Report
from loradiag.outputs.markdown import render
from loradiag.outputs.mdtext import code, prose
from loradiag.outputs.style import Style
from tests.outputs import forgetting_reports, merge_reports, samples

OWN_TAGS = re.compile(r"</?(details|summary|code)>|<br>")


def tokens(text: str) -> Iterator[Token]:
    """All tokens, blocks and inlines."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """The text that a reader sees of one paragraph."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "code_inline", "text_special"))


def shape(reports: list[Report]) -> list[str]:
    """The tables and headings of the document, and no link, image, emphasis or foreign tag anywhere."""
    kinds = []
    for token in tokens(render(reports, Style(verbose=True))):
        assert token.type not in ("link_open", "image", "em_open", "s_open", "fence", "code_block", "hr"), token
        if token.type == "html_inline":
            assert OWN_TAGS.fullmatch(token.content), token.content
            kinds += [token.content] if token.content == "<br>" else []
        if token.type == "html_block":
            assert not re.sub(r"</?(details|summary|code)>|&#\d+;|[^<>]", "", token.content)
        if token.type in ("td_open", "th_open", "tr_open", "heading_open", "html_block", "list_item_open"):
            kinds.append(token.type)
    return kinds


def test_has_the_parts_that_a_reviewer_wants() -> None:
    """Verdict, facts, findings, deployability; ignored findings apart with their reason."""
    text = render(samples.broken(), Style())
    assert text.startswith("## ✗ loradiag: FAIL\n")
    for part in (
        "| method | LoRA |",
        "**LD107** dead-modules",
        "### Where it can go",
        "1 ignored by the policy",
        "known",
    ):
        assert part in text
    assert "Showing the 5 worst of 43." in text


def test_lists_are_capped() -> None:
    """Ten thousand modules do not make a comment that GitHub refuses."""
    text = render(samples.experts(), Style())
    assert "and 10,199 more" in text
    assert len(text) < 65_536


def test_hostile_names_do_not_change_the_structure() -> None:
    """Every cell, heading and fold is where it is with a harmless name."""
    assert shape(samples.hostile()) == shape(samples.hostile("plain"))


@given(name=st.text(alphabet=st.sampled_from("|\\`*_[]()<>#~@!&;$:/-=. \n\tax1"), max_size=30))
@settings(deadline=None, max_examples=150)
def test_no_name_changes_the_structure(name: str) -> None:
    """Pipes end no cell, backticks no code, brackets make no link."""
    assert shape(samples.hostile(name)) == shape(samples.hostile("plain"))


@given(name=st.text(alphabet=st.sampled_from("|\\`*_[]()<>#~@!&;$:/-=. \n\tax1"), max_size=30))
@settings(deadline=None, max_examples=100)
def test_no_name_of_a_route_changes_the_structure(name: str) -> None:
    """Nor a reason, a summary, a module or a file of prompts."""
    assert shape(merge_reports.hostile(name)) == shape(merge_reports.hostile("plain"))


@given(name=st.text(alphabet=st.sampled_from("|\\`*_[]()<>#~@!&;$:/-=. \n\tax1"), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_no_name_of_a_task_changes_the_structure(name: str) -> None:
    """Nor a prompt, an answer, a metric, a form, a path or what was recited."""
    assert shape(forgetting_reports.hostile(f"x{name}x")) == shape(forgetting_reports.hostile("plain"))


@given(text=st.text(alphabet=st.sampled_from("|\\`*_[]()<>#~@!&;$:/-=.ax1"), min_size=1, max_size=30))
def test_prose_shows_what_it_was_given(text: str) -> None:
    """A reader sees the very text."""
    assert shown("x" + prose(text)).removeprefix("x") == text


def test_code_of_ordinary_names_stays_readable() -> None:
    """The source of the document shows ordinary names as they are."""
    assert code("model.layers.0.self_attn.q_proj") == "`model.layers.0.self_attn.q_proj`"
    assert prose("only self_attn.q_proj is adapted, 3 of 12") == "only self_attn.q_proj is adapted, 3 of 12"


def test_mentions_and_addresses_are_not_linked() -> None:
    """GitHub links mentions, references and bare addresses in text; none of them survives."""
    text = prose("@someone #12 GH-12 https://example.org www.example.org")
    assert not re.search(r"@\w|#\d+\b(?!;)|GH-\d|://|www\.", text)
