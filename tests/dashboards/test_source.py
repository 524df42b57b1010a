"""Where pages get what they show."""

from __future__ import annotations

from pathlib import Path

import msgspec
from loradiag_dashboard import source
from loradiag_dashboard.settings import Settings

import loradiag
from loradiag.core.report import encode
from tests.conftest import FIXTURES


def test_a_report_that_was_written_over_is_read_again(tmp_path: Path) -> None:
    """Under the name that it had, by a report that was made in the same second: pages do not go on showing the one before."""
    report = loradiag.inspect(FIXTURES / "adapters" / "healthy")
    other = msgspec.structs.replace(report, subject=msgspec.structs.replace(report.subject, base="another/base"))
    found = []
    for one in (report, other):
        (tmp_path / "report.json").write_bytes(encode(one))
        if not found:
            source.configure(Settings(reports=str(tmp_path), every=3600.0))
        source.overview().refresh()
        (card,) = source.overview().cards
        found.append(source.report(card))
    assert found == [report, other]
