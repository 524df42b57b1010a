"""What a rule is: a judgement over measurements, with its documentation and its thresholds."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.core.findings import Confidence, Severity
from loradiag.core.forgetting import Forgetting
from loradiag.core.measure import Measure
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge
from loradiag.core.report import Accounting, Subject
from loradiag.core.served import Served

Limits = Mapping[str, float]
"""The thresholds of one rule, by name, as the policy has them."""


class Threshold(msgspec.Struct, frozen=True):
    """A number that a rule compares with.

    ``source`` says where the default comes from: a paper, a measured quantile, or a convention of practitioners.
    ``by_task``: a policy may set it for single tasks as well, as ``NAME.TASK``.
    """

    name: str
    default: float
    description: str
    source: str
    by_task: bool = False


EVERY_ROUTE = "*"
"""In place of a route's name: the finding is about all of them."""


class Match(msgspec.Struct, frozen=True):
    """One thing that a check found. What it leaves ``None`` comes from the rule.

    ``route`` names the way of deploying that it is about (see :mod:`loradiag.core.routes`); None for anything else.
    ``about`` tells findings apart that are about neither modules nor routes, such as windows of traffic.
    """

    message: str
    modules: Sequence[str] = ()
    observed: float | None = None
    threshold: float | None = None
    advice: str | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    route: str | None = None
    about: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """All that a rule may look at. No tensors: a report of last year serves as well as an adapter."""

    subject: Subject
    measurements: Measurements
    accounting: Accounting

    def without(self, globs: Sequence[str]) -> Evidence:
        """Return the same evidence less every row about a module whose name matches one of ``globs``."""

        def kept(row: Measure) -> bool:
            name = getattr(row, "module", None) or getattr(row, "name", None) or getattr(row, "task", None)
            return name is None or not matches_any(name, globs)

        def thinned(part: Measure | None) -> Measure | None:
            if part is None:
                return None
            lists: dict[str, Any] = {
                field: [row for row in getattr(part, field) if kept(row)]
                for field in ("modules", "problems", "refused", "tasks", "groups")
                if isinstance(getattr(part, field, None), list)
            }
            if isinstance(part, Merge):
                lists["routes"] = [thinned(route) for route in part.routes]
            if isinstance(part, Served):
                lists |= {field: [row for row in getattr(part, field) if kept(row)] for field in ("bases", "adapters")}
            if isinstance(part, Forgetting):
                lists["unfinished"] = [name for name in part.unfinished if not matches_any(name, globs)]
            return msgspec.structs.replace(part, **lists)

        parts: dict[str, Any] = {
            name: thinned(getattr(self.measurements, name)) for name in Measurements.__struct_fields__
        }
        return msgspec.structs.replace(self, measurements=Measurements(**parts))


Check = Callable[[Evidence, Limits], Iterable[Match]]


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``undecided`` marks those whose findings mean that the verdict cannot be ``pass``, only inconclusive."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    source: str
    advice: str
    thresholds: tuple[Threshold, ...]
    undecided: bool
    check: Check
    documentation: str

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.documentation.partition("\n")[0]


def rule(
    code: str,
    name: str,
    severity: Severity,
    *,
    source: str,
    advice: str,
    confidence: Confidence = Confidence.HIGH,
    thresholds: Sequence[Threshold] = (),
    undecided: bool = False,
) -> Callable[[Check], Rule]:
    """Make a rule of a check function; its docstring becomes the documentation that ``loradiag rule`` shows."""

    def wrap(check: Check) -> Rule:
        return Rule(
            code=code,
            name=name,
            severity=severity,
            confidence=confidence,
            source=source,
            advice=advice,
            thresholds=tuple(thresholds),
            undecided=undecided,
            check=check,
            documentation=inspect.cleandoc(check.__doc__ or ""),
        )

    return wrap


def matches_any(name: str, globs: Sequence[str]) -> bool:
    """Whether ``name`` matches one of the shell patterns (``*``, ``?``, ``[…]``; case matters)."""
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
