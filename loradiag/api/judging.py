"""Judging: a report again, and the policy to judge by."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from loradiag.core.errors import InputError, PolicyError
from loradiag.core.judge import judge as run_rules
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy, PolicyFile, parse_policy, resolve
from loradiag.core.report import Accounting, Report, Subject, Tool, decode
from loradiag.core.rules import Evidence
from loradiag.core.text import printable
from loradiag.core.times import now
from loradiag.rules import all_rules

POLICY_NAME = "loradiag.toml"

_CONTRADICTIONS = (ArithmeticError, LookupError, TypeError, ValueError)
"""What rules raise over measurements in files, which may say anything; over fresh ones they raise nothing."""


def judge(report: Report, policy: Policy | None = None) -> Report:
    """Judge a report again, under another policy or newer rules. Its measurements stay what they are.

    >>> import loradiag, msgspec
    >>> report = loradiag.inspect("fixtures/adapters/healthy")
    >>> strict = msgspec.structs.replace(loradiag.read_policy(), fail_on="info")
    >>> loradiag.judge(report, strict).verdict.decided_by
    ['LD503']

    Raises:
        InputError: Its measurements contradict each other.
    """
    evidence = Evidence(report.subject, report.measurements, report.accounting)
    try:
        judgement = run_rules(evidence, all_rules(), policy or default_policy())
    except _CONTRADICTIONS as error:
        problem = f"has measurements that contradict each other ({printable(str(error))})"
        raise InputError(report.subject.path, problem, "measure it again") from error
    return msgspec.structs.replace(
        report,
        findings=judgement.findings,
        verdict=judgement.verdict,
        policy=judgement.policy,
        measurements=judgement.measurements,
    )


def read_reports(path: str | Path) -> list[Report]:
    """Read the report, or the reports, in a JSON file.

    >>> import loradiag, pathlib
    >>> from loradiag.core.report import encode
    >>> report = loradiag.inspect("fixtures/adapters/healthy")
    >>> _ = pathlib.Path("report.json").write_bytes(encode(report))
    >>> loradiag.read_reports("report.json") == [report]
    True

    Raises:
        InputError: The file cannot be read, or holds no report.
    """
    try:
        return decode(Path(path).read_bytes(), str(path))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "give a report that loradiag wrote") from error


def default_policy() -> Policy:
    """The policy in force where there is no file."""
    return resolve(PolicyFile(), all_rules(), "default")


def read_policy(path: str | Path | None = None) -> Policy:
    """Read a policy file; without a path, the one that governs the current directory, or the default.

    ``loradiag.toml``, or ``[tool.loradiag]`` in ``pyproject.toml``, is looked for in the current directory and in its
    parents up to the root of the repository; where one may not be looked into, there is none.

    Raises:
        PolicyError: The file cannot be read or used.
    """
    if path is not None:
        found = _policy_in(Path(path))
        if found is None:
            raise PolicyError(f"{printable(str(path))}: has no table [tool.loradiag]")
        return resolve(found, all_rules(), str(path))
    here = Path.cwd()
    for folder in (here, *here.parents):
        for name in (POLICY_NAME, "pyproject.toml"):
            if os.path.isfile(folder / name) and (found := _policy_in(folder / name)) is not None:
                return resolve(found, all_rules(), str(folder / name))
        if os.path.exists(folder / ".git"):
            break
    return default_policy()


def _policy_in(path: Path) -> PolicyFile | None:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{printable(str(path))}: cannot be read ({error.strerror})") from error
    return parse_policy(text, printable(str(path)), ("tool", "loradiag") if path.name == "pyproject.toml" else ())


def judged(subject: Subject, measurements: Measurements, accounting: Accounting, policy: Policy) -> Report:
    """Judge fresh measurements: a report."""
    judgement = run_rules(Evidence(subject, measurements, accounting), all_rules(), policy)
    return Report(
        tool=Tool(),
        created=now(),
        subject=subject,
        measurements=judgement.measurements,
        accounting=accounting,
        findings=judgement.findings,
        policy=judgement.policy,
        verdict=judgement.verdict,
    )
