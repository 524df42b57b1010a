"""The policy: which findings count, against which thresholds, and when the gate fails."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import PolicyError
from loradiag.core.findings import Severity
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.core.rules import Rule

FailOn = Literal["error", "warning", "info", "never"]
OnInconclusive = Literal["pass", "fail"]


class Ignore(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Findings that do not count: by code, for the modules that match a glob (all, if none is given).

    A reason is demanded, since the next reader will ask. After ``expires`` the entry has no effect and is reported.
    """

    code: str
    reason: str
    modules: list[str] = []
    expires: datetime.date | None = None

    def expired(self, today: datetime.date) -> bool:
        """Whether the last day on which this entry holds has passed."""
        return self.expires is not None and today > self.expires


class PolicyFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``loradiag.toml``, or the table ``[tool.loradiag]`` of ``pyproject.toml``, as a user writes it.

    A threshold's name may be followed by a dot and what it is for alone, where the rule's documentation says so:
    ``"margin.hellaswag" = 0.02``.
    """

    fail_on: FailOn = "error"
    inconclusive: OnInconclusive = "pass"
    select: list[str] = msgspec.field(default_factory=lambda: ["LD"])
    severity: dict[str, Severity] = {}
    thresholds: dict[str, dict[str, float]] = {}
    ignore: list[Ignore] = []


class Policy(msgspec.Struct, kw_only=True, frozen=True):
    """A policy as resolved: every threshold of every rule has its value, whether the user set it or not.

    ``unused`` names the ignores that matched no finding, or have expired.
    """

    fail_on: FailOn
    inconclusive: OnInconclusive
    select: list[str]
    severity: dict[str, Severity]
    thresholds: dict[str, dict[str, float]]
    ignore: list[Ignore]
    source: str
    unused: list[str] = []

    def selects(self, code: str) -> bool:
        """Whether rules of this code run: ``select`` holds codes or their beginnings (``LD2``)."""
        return any(code.startswith(prefix) for prefix in self.select)


def parse_policy(text: bytes, source: str, table: Sequence[str] = ()) -> PolicyFile | None:
    """Read a policy from TOML; None where ``table`` is named and absent.

    Raises:
        PolicyError: It is not TOML, or has an unknown key or a value of the wrong type.
    """
    try:
        document = msgspec.toml.decode(text)
        for key in table:
            if not isinstance(document, dict) or key not in document:
                return None
            document = document[key]
        return msgspec.convert(document, PolicyFile)
    except UNDECODABLE as error:
        raise PolicyError(f"{source}: {printable(str(error))}") from error


def resolve(file: PolicyFile, rules: Iterable[Rule], source: str) -> Policy:
    """Check a policy against the rules that there are and fill in every default.

    Raises:
        PolicyError: A code, a rule's name or a threshold does not exist, or a threshold is no finite number.
    """
    known = {rule.code: rule for rule in rules}
    codes = {**{code: code for code in known}, **{rule.name: rule.code for rule in known.values()}}

    def code_of(word: str, where: str) -> str:
        if word in codes:
            return codes[word]
        raise PolicyError(f"{source}: {where}: no rule is called {word!r}{_nearest(word, codes)}")

    for prefix in file.select:
        if not any(code.startswith(prefix) for code in known):
            raise PolicyError(f"{source}: select: no rule's code begins with {prefix!r}")
    thresholds = {code: {limit.name: limit.default for limit in rule.thresholds} for code, rule in known.items()}
    for word, values in file.thresholds.items():
        code = code_of(word, "thresholds")
        for name, value in values.items():
            if not _has(known[code], name):
                raise PolicyError(
                    f"{source}: thresholds: {code} has no threshold {name!r}{_nearest(name, thresholds[code])}"
                )
            # TOML has nan and inf: nothing lies beyond them, so the rule would never speak, and JSON cannot hold them.
            if not math.isfinite(value):
                raise PolicyError(f"{source}: thresholds: {code}: {name} = {value} is no finite number")
            thresholds[code][name] = value
    return Policy(
        fail_on=file.fail_on,
        inconclusive=file.inconclusive,
        select=file.select,
        severity={code_of(word, "severity"): value for word, value in file.severity.items()},
        thresholds={code: values for code, values in thresholds.items() if values},
        ignore=[msgspec.structs.replace(entry, code=code_of(entry.code, "ignore")) for entry in file.ignore],
        source=source,
    )


def _has(rule: Rule, name: str) -> bool:
    """Whether a threshold is the rule's: by its name, or ``name.task`` of one that may be set for single tasks."""
    whole, dot, _ = name.partition(".")
    return any(limit.name == whole and (limit.by_task or not dot) for limit in rule.thresholds)


def _nearest(word: str, names: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
