"""Findings: what a rule has to say about a measurement."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable

import msgspec


class Severity(enum.StrEnum):
    """How bad it would be. ``error``: harmful or useless if shipped; ``warning``: deserves a look; ``info``: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def weight(self) -> int:
        """Larger is worse."""
        return {"error": 3, "warning": 2, "info": 1}[self.value]


class Confidence(enum.StrEnum):
    """How sure the rule can be that what it says is so. Independent of severity."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Disposition(enum.StrEnum):
    """Whether a finding counts. ``ignored`` ones are kept and counted, with the reason that the policy gives."""

    ACTIVE = "active"
    IGNORED = "ignored"


class Finding(msgspec.Struct, kw_only=True, frozen=True):
    """One finding, as reports carry it.

    ``fingerprint`` depends on the code, the route or window, and the modules only, so that it stays the same from run to run
    and lets CI tell new findings from known ones. ``route`` names the way of deploying that it is about, where it is about
    one. ``observed`` and ``threshold`` are the numbers compared, where the rule compares numbers. ``reason`` says why the
    policy ignores the finding.
    """

    code: str
    rule: str
    severity: Severity
    confidence: Confidence
    modules: list[str]
    observed: float | None
    threshold: float | None
    message: str
    advice: str
    source: str
    fingerprint: str
    disposition: Disposition = Disposition.ACTIVE
    reason: str | None = None
    route: str | None = None


def fingerprint(code: str, modules: Iterable[str], about: str | None = None) -> str:
    """Return the identity of a finding: 16 hexadecimal digits of SHA-256 over code, route or window, and sorted modules."""
    text = "\0".join([code if about is None else f"{code}/{about}", *sorted(modules)])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
