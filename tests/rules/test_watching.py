"""Rules about the watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from loradiag.core.findings import Severity
from tests.conftest import MakeAdapter
from tests.rules.watching import alarm, findings_of, watched


@pytest.mark.parametrize(("status", "codes"), [("open", ["LD813"]), ("acknowledged", ["LD814"]), ("resolved", [])])
def test_open_alarms_fail_and_others_do_not(
    status: str, codes: list[str], make_adapter: MakeAdapter, tmp_path: Path
) -> None:
    """An alarm that is being dealt with is told, and one that is over is not."""
    found = findings_of(watched(alarm(status=status))(make_adapter, tmp_path))
    assert [finding.code for finding in found] == codes
    assert all(finding.severity is (Severity.ERROR if status == "open" else Severity.INFO) for finding in found)


def test_each_alarm_has_a_finding_of_its_own(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """With the evidence and the line, and a fingerprint that tells them apart."""
    found = findings_of(watched(alarm(id=1), alarm(id=2, e_value=99.0))(make_adapter, tmp_path))
    assert [(finding.observed, finding.threshold) for finding in found] == [(4.2e5, 44.0), (99.0, 44.0)]
    assert len({finding.fingerprint for finding in found}) == 2


def test_what_people_wrote_is_escaped(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A reason may hold anything."""
    told = alarm(status="acknowledged", by="a\nnn", why="\x1b[2Jgone\u202e", message="x\r\ny")
    (found,) = findings_of(watched(told)(make_adapter, tmp_path))
    assert all(character.isprintable() for character in found.message)
