"""Texts that say the same."""

from __future__ import annotations

import hashlib

from loradiag.texts.same import text_key


def test_case_and_white_space_do_not_matter() -> None:
    """Two spellings of one request have one key, which is SHA-256 over the folded text; another request has another."""
    assert text_key("  Where is\tmy CARD? ") == text_key("where is my card?")
    digest = hashlib.sha256(b"where is my card?").digest()
    assert text_key("Where is my card?") == int.from_bytes(digest[:8], "big")
    assert text_key("where is my card") != text_key("where is my card?")
    assert text_key("\ud800") > 0
