"""Untrusted text is shown without obeying it."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.text import listed, path_text, printable, printable_json, ranges, shorten


@given(st.text())
def test_nothing_that_a_terminal_obeys_survives(text: str) -> None:
    """No control, format or surrogate character comes out, except the few that are harmless and common."""
    shown = printable(text)
    for character in shown:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), repr(character)
        if unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
            raise AssertionError(repr(character))
        assert character not in "\u00ad\u200b\u200c\u200d\u200e\u200f\ufeff\U000e0041"


def test_escapes_are_readable() -> None:
    """The reader sees what was there."""
    assert printable("a\x1b[31mb\u202ec\x9b") == r"a\x1b[31mb\u202ec\x9b"
    assert printable("Größe σ₁ 模型") == "Größe σ₁ 模型"


@given(st.lists(st.text(), max_size=3))
def test_json_says_the_same_and_shows_nothing_unseen(texts: list[str]) -> None:
    """The document is read as before, and what printable would escape in it is escaped."""
    document = json.dumps(texts, ensure_ascii=False)
    shown = printable_json(document)
    assert json.loads(shown) == texts
    assert printable(shown) == shown


def test_json_escapes_are_jsons_own() -> None:
    """Of what lies beyond U+FFFF two of them."""
    assert printable_json('["\xad\u202e\U000e0041é"]') == r'["\u00ad\u202e\udb40\udc41é"]'


@given(st.text(max_size=60), st.integers(3, 40))
def test_shorten_keeps_within_width(text: str, width: int) -> None:
    """The result fits, and short text stays as it is."""
    assert len(shorten(text, width)) <= width
    if len(text) <= width:
        assert shorten(text, width) == text


def test_ranges_and_lists() -> None:
    """Runs are joined, long lists are counted."""
    assert ranges([3, 0, 1, 2, 7, 9, 8]) == "0–3, 7–9"
    assert ranges([]) == ""
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_name_of_a_file_is_text_that_json_holds(name: bytes) -> None:
    """What is UTF-8 stays, each other byte is an escape."""
    told = path_text(Path(os.fsdecode(name)))
    assert json.loads(json.dumps(told, ensure_ascii=False).encode()) == told
    assert path_text("a/ü\udce9") == "a/ü\\xe9"
