"""What the validity bench measured of each rule: how often it fires where it should, and where it should not."""

from __future__ import annotations

import json
from functools import lru_cache


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    from importlib import resources

    text = resources.files("loradiag.rules").joinpath("measured.json").read_text("utf-8")
    rules: dict[str, str] = json.loads(text)["rules"]
    return rules


def measured(code: str) -> str | None:
    """A sentence or two on the rule's error rates, and on what they were measured; None if the bench has no case for it.

    Written anew by ``python -m benchmarks.validity --write``.
    """
    return _table().get(code)
