"""What is in a lake, and how much of it can be attributed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec

from loradiag.core.drift import FlawedFile
from loradiag.core.text import cell
from loradiag.traffic.reading import Lake
from loradiag.traffic.rejecting import count_rejected


class Coverage(msgspec.Struct, kw_only=True, frozen=True):
    """Requests of one adapter, of one base, or of nobody (both None), and how many of them have each thing."""

    adapter: str | None
    base: str | None
    requests: int
    days: int
    first: str | None
    last: str | None
    texts: int
    embedded: int
    logprobs: int
    prompt_logprobs: int
    responses: int
    undated: int
    failed: int


class Stats(msgspec.Struct, kw_only=True, frozen=True):
    """A lake: its ``rows`` with most requests first, sources and encoders with their requests, and what was left out."""

    lake: str
    files: int
    requests: int
    rows: list[Coverage]
    sources: dict[str, int]
    encoders: dict[str, int]
    rejected: dict[str, int]
    flawed_files: list[FlawedFile]


_BY_NAME = """
SELECT adapter, CASE WHEN adapter IS NULL THEN base END AS base, count(*), count(DISTINCT date) FILTER (date <> 'undated'),
       strftime(min(time), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(time), '%Y-%m-%dT%H:%M:%SZ'),
       count(text), count(encoder), count(nll), count(prompt_nll), count(response), count(*) FILTER (time IS NULL),
       count(*) FILTER (failed)
FROM (SELECT any_value(adapter) AS adapter, any_value(base) AS base, date, any_value(time AT TIME ZONE 'UTC') AS time,
             any_value(text_hash) AS text, any_value(encoder) AS encoder, any_value(nll) AS nll,
             any_value(prompt_nll) AS prompt_nll, any_value(response_hash) AS response, bool_or(failed) AS failed
      FROM requests GROUP BY key, date, bucket)
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


def stats(path: Path, name: str | None = None) -> Stats:
    """Count what a lake has, each record once; ``name`` is what it is called, its path if None.

    Raises:
        InputError: There is no such lake.
    """
    lake = Lake(path, name)
    rows = [
        Coverage(**dict(zip(Coverage.__struct_fields__, row, strict=True))) for row in lake.ask(_BY_NAME, lake.files)
    ]
    return Stats(
        lake=lake.name,
        files=len(lake.files),
        requests=sum(row.requests for row in rows),
        rows=rows,
        sources=_counted(lake, "source"),
        encoders=_counted(lake, "encoder"),
        rejected=count_rejected(path),
        flawed_files=lake.flawed,
    )


def as_csv(found: Stats) -> str:
    """The rows as CSV. What a spreadsheet would take for a formula has a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Coverage.__struct_fields__)
    for row in found.rows:
        writer.writerow(cell(value) for value in msgspec.structs.astuple(row))
    return out.getvalue()


def _counted(lake: Lake, column: str) -> dict[str, int]:
    query = f"SELECT {column}, count(DISTINCT key) AS n FROM requests WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608
    return {str(name): int(count) for name, count in lake.ask(query, lake.files)}
