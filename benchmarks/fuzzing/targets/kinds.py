"""Reports of every kind as inputs: small ones made by hand, those of the fixtures cut down, and several at once."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.errors import LoradiagError
from loradiag.core.measurements import Measurements
from loradiag.core.report import SCHEMA_VERSION, Accounting, Report, Subject, decode
from tests.outputs import samples
from tests.outputs.test_learning import hostile as run_of
from tests.rules import canary, comparing, fleet, registered, served
from tests.rules import watching as watched

ROOT = Path(__file__).resolve().parents[3]
REPORTS = ROOT / "fixtures" / "reports"
WORDS = (
    "</script><hostile onload=1>",
    "]]>--><hostile/>",
    "\x1b]0;x\x07",
    "\u202eevil\u200b",
    "\n::error title=x::y",
    "##[add-mask]x",
    "::warning::%0A",
    "|`x`|\n\n# x",
    "![x](javascript:x) [x](http://h)",
    "=cmd|' /C calc'!A0",
    "{0} {{1}} %s",
    "\ufffe\uffff\ufdd0",
    "\"'><hostile x='",
    "&#60;hostile&#62; &lt;hostile>",
    "\r\nX: y",
    "a" * 3000,
    "\U000e0041\u2066\xad",
    "../" * 9,
    "javascript:x",
    "https://user:pass@h/?x=1#f",
    "",
    " ",
    ":,;%",
    "@someone #1 gh-1 www.x.y",
)
"""What names are, where something may be led astray by them."""

MINIMAL: dict[str, Any] = {
    "schema_version": SCHEMA_VERSION,
    "tool": {"name": "loradiag", "version": "1"},
    "created": "2026-11-01T12:00:00Z",
    "subject": {"path": "adapter"},
    "measurements": {},
    "accounting": {},
    "findings": [],
    "policy": {
        "fail_on": "error",
        "inconclusive": "pass",
        "select": ["LD"],
        "severity": {},
        "thresholds": {},
        "ignore": [],
        "source": "default",
    },
    "verdict": {"status": "pass", "decided_by": []},
}


_SKIPPED = ("hostile", "extreme", "long", "crowd", "several", "series")
"""Names in samples by hand that are about size, or hostile already."""


def _made() -> list[Report]:
    """One of every kind, by hand."""
    own = [make for name, make in samples.CASES.items() if not any(word in name for word in _SKIPPED)]
    found = [report for make in own for report in make()[:1]]
    told = {
        "canary": canary.canary(canary.metric(), canary.WORSE, canary.OPEN),
        "watch": watched.watch(watched.alarm()),
        "registered": registered.known(),
    }
    found += [
        judged(Subject(path=name), Measurements(**{name: value}), Accounting(), default_policy())
        for name, value in told.items()
    ]
    found += [comparing.report(comparing.comparison(comparing.SAME, adapters=None)), run_of("run")]
    found.append(served.report(served.served(served.model("a"), served.SILENT, served.MIXED, pairs=[served.ALIKE])))
    rows = [fleet.adapter("a"), fleet.adapter("b", verdict="fail", codes=["LD107"])]
    found.append(fleet.report(fleet.fleet(*rows, pairs=[fleet.SAME], overlaps=[fleet.OVERLAP], compared=1)))
    return found


@functools.cache
def documents() -> list[dict[str, Any]]:
    """Every kind, its lists cut to two entries, since more entries are no more kinds of things."""
    stored = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(REPORTS.glob("*.json.gz"))]
    stored += [msgspec.to_builtins(report) for report in _made()]
    return [cut for document in stored if _is_read(cut := _cut(document))] + [MINIMAL]


def reports() -> list[bytes]:
    """The same as inputs, and several in one document."""
    alone = next(document for document in documents() if "reports" not in document)
    several = {"schema_version": SCHEMA_VERSION, "reports": [MINIMAL, alone]}
    return [json.dumps(document).encode() for document in (*documents(), several)]


def _cut(value: Any, most: int = 2) -> Any:
    if isinstance(value, list):
        return [_cut(entry) for entry in value[:most]]
    return {key: _cut(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def _is_read(document: Any) -> bool:
    try:
        return bool(decode(json.dumps(document).encode()))
    except LoradiagError:
        return False


@functools.cache
def _free(number: int) -> tuple[tuple[Any, ...], ...]:
    """Where in a document any text may stand: not in the place of one of a few words."""
    document = documents()[number]
    return tuple(place for place, text in _texts(document, ()) if _takes(document, place, text))


def _texts(value: Any, place: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        return [(place, value)]
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, entry in entries for found in _texts(entry, (*place, key))]


def _takes(document: Any, place: tuple[Any, ...], text: str) -> bool:
    holder = _holder(document, place)
    holder[place[-1]] = "x"
    taken = _is_read(document)
    holder[place[-1]] = text
    return taken


def _holder(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document


def named(_: bytes, random: Random) -> bytes:
    """A document of any kind in which some texts are hostile, one of them everywhere or each another."""
    number = random.randrange(len(documents()))
    document, places = json.loads(json.dumps(documents()[number])), _free(number)
    word = random.choice(WORDS)
    for place in random.sample(places, min(len(places), random.choice((1, 3, 10, 1000)))):
        mixed = word if random.random() < 0.6 else random.choice(WORDS)
        holder = _holder(document, place)
        holder[place[-1]] = random.choice((mixed, f"{holder[place[-1]]}{mixed}", f"{mixed}{holder[place[-1]]}"))
    return json.dumps(document).encode()
