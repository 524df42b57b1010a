"""The folder of reports that a demonstration leaves."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loradiag.api import judge
from loradiag.core.report import Report, Reports, decode, encode
from loradiag.core.text import name_of
from loradiag.core.times import now
from loradiag.demo.source import ADAPTERS
from loradiag.storage.writing import write_whole

REPORTS = Path("reports")


def keep(name: str, reports: Sequence[Report]) -> None:
    """Write a document of one report, or of several, named by the day on which it was made."""
    document = reports[0] if len(reports) == 1 else Reports(reports=list(reports))
    write_whole(REPORTS / f"{reports[0].created[:10]}-{name}.json", encode(document))


def ready(file: Path) -> list[Report]:
    """Read reports that were made beforehand, as if of this moment: judged by today's rules, of adapters named as here."""
    found = decode(gzip.decompress(file.read_bytes()), str(file))
    return [_of_this_moment(judge(report)) for report in found]


def _of_this_moment(report: Report) -> Report:
    fixture = name_of(report.subject.path)
    path = f"adapters/{ADAPTERS.get(fixture, fixture)}"
    return msgspec.structs.replace(report, created=now(), subject=msgspec.structs.replace(report.subject, path=path))
