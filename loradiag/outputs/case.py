"""A test case that a CI shows: it passes, fails the gate, or is set aside with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from loradiag.core.findings import Finding


class Case(msgspec.Struct, frozen=True):
    """One test case. ``message`` and ``details`` are as the report has them, and must be escaped; ``kind`` is a code."""

    name: str
    outcome: Literal["passed", "failure", "skipped"]
    message: str
    details: str
    kind: str = ""


def messages(found: Iterable[Finding]) -> str:
    """What findings say, in one line."""
    return "; ".join(finding.message for finding in found)
