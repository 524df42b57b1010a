"""The report: one JSON document that any reader, and any later version of loradiag, can rely on."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from loradiag._about import __version__
from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.text import printable, printable_json, shorten
from loradiag.core.verdict import Verdict

SCHEMA_VERSION = "1.8"
"""Raised in its first part by a change that breaks a reader, in its second by one that adds to it."""


class Tool(msgspec.Struct, kw_only=True, frozen=True):
    """The program that wrote the report."""

    name: str = "loradiag"
    version: str = __version__


class Subject(msgspec.Struct, kw_only=True, frozen=True):
    """What the report is about. ``sha256`` is of the weight file; of several, over the lines that sha256sum prints."""

    path: str
    sha256: str | None = None
    layout: str | None = None
    layout_reason: str | None = None
    peft_type: str | None = None
    method: str | None = None
    base: str | None = None
    revision: str | None = None
    base_fingerprint: str | None = None
    modules: int = 0
    parameters: int = 0
    bytes: int = 0
    dtype: str | None = None
    ranks: dict[str, int] = {}
    scales: dict[str, int] = {}
    step: int | None = None


class Unsupported(msgspec.Struct, kw_only=True, frozen=True):
    """A tensor that loradiag knows of and cannot analyse."""

    tensor: str
    reason: str


class Accounting(msgspec.Struct, kw_only=True, frozen=True):
    """Where every tensor of the file went. ``total`` = ``analysed`` + the lengths of the three lists.

    ``broken`` are tensors of modules that could not be put together: a finding says why.
    """

    total: int = 0
    analysed: int = 0
    unsupported: list[Unsupported] = []
    unexpected: list[str] = []
    broken: list[str] = []


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that is known of one subject, and what the policy makes of it."""

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    created: str
    subject: Subject
    measurements: Measurements
    accounting: Accounting
    findings: list[Finding]
    policy: Policy
    verdict: Verdict


class Reports(msgspec.Struct, kw_only=True, frozen=True):
    """Reports of several subjects, or of the checkpoints of one run in their order."""

    schema_version: str = SCHEMA_VERSION
    reports: list[Report]


def encode(document: Report | Reports, indent: int = 2) -> bytes:
    """Return the document as JSON that is safe to print."""
    compact = msgspec.json.encode(document)
    text = msgspec.json.format(compact, indent=indent) if indent else compact
    if text.isascii() and b"\x7f" not in text:
        return text + b"\n"
    return printable_json(text.decode()).encode() + b"\n"


def decode(data: bytes, path: str = "<report>") -> list[Report]:
    """Read a report, or several, from JSON.

    Raises:
        InputError: It is no report, or one that this version cannot read.
    """
    try:
        document: Any = msgspec.json.decode(data)
    except UNDECODABLE as error:
        reason = printable(str(error))
        raise InputError(path, f"is not JSON ({reason})", "give a report that loradiag wrote") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        raise InputError(path, "is no loradiag report: it has no schema_version", "write one with --format json")
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        other = shorten(printable(version), 20)
        raise InputError(
            path, f"has report schema {other}; this version reads {SCHEMA_VERSION}", "use a matching loradiag"
        )
    try:
        single = "reports" not in document
        found = [msgspec.convert(document, Report)] if single else msgspec.convert(document, Reports).reports
    except msgspec.ValidationError as error:
        reason = printable(str(error))
        raise InputError(path, f"is not a valid report: {reason}", "write it anew with --format json") from error
    if not found:  # a gate over nothing would pass
        raise InputError(path, "holds no report", "write it anew with --format json")
    return found


class _Pieces(msgspec.Struct):
    """A document of several reports, none of which is looked at."""

    reports: list[msgspec.Raw]


def spans(data: bytes) -> list[tuple[int, int]]:
    """Return where in a document its reports lie, by their first bytes and what follows their last.

    A check of hundreds of adapters is one document of a hundred MB: whoever wants one of its reports decodes that alone.
    Of what is no document of several reports there is one span, the whole.
    """
    try:
        pieces = msgspec.json.decode(data, type=_Pieces).reports
    except UNDECODABLE:
        return [(0, len(data))]
    found, end = [], 0
    for piece in pieces:
        start = data.index(piece, end)  # they stand there in this order
        end = start + len(memoryview(piece))
        found.append((start, end))
    return found


def json_schema() -> str:
    """Return the JSON Schema (2020-12) of both kinds of document, generated from the types."""
    (single, several), definitions = msgspec.json.schema_components([Report, Reports], ref_template="#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"loradiag report, schema version {SCHEMA_VERSION}",
        "anyOf": [single, several],
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
