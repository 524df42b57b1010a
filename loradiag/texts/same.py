"""Whether two texts say the same to a reader: a number for a text, whatever its case and its white space."""

from __future__ import annotations

import hashlib


def text_key(text: str) -> int:
    """Return 64 bits of SHA-256 over a text with its case folded and each run of white space as one blank; never 0."""
    folded = " ".join(text.casefold().split())
    digest = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") or 1
