"""The verdict: what the findings come to under a policy."""

from __future__ import annotations

import enum

import msgspec


class Status(enum.StrEnum):
    """``inconclusive`` says that the question could not be answered; it is never a quiet pass."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Verdict(msgspec.Struct, kw_only=True, frozen=True):
    """The status and the codes of the findings that decided it."""

    status: Status
    decided_by: list[str]
