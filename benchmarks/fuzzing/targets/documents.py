"""Documents: strict JSON, reports, what is made of them, policies, and a dashboard's shelf."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.fuzzing.mutating import as_json, blindly
from benchmarks.fuzzing.targets import Target
from loradiag.api.judging import judge
from loradiag.core.policy import parse_policy, resolve
from loradiag.core.report import SCHEMA_VERSION, decode, encode
from loradiag.core.text import printable
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.style import Style
from loradiag.overview.shelf import Shelf
from loradiag.rules import all_rules
from loradiag.storage import strict_json

ROOT = Path(__file__).resolve().parents[3]
REPORTS = ROOT / "fixtures" / "reports"


def _strict_json(data: bytes, _: Path) -> None:
    with suppress(ValueError):  # what it raises; numbers beyond a double are what JSON allows
        json.dumps(strict_json.loads(data))


def _report(data: bytes, _: Path) -> None:
    for report in decode(data, "report.json"):
        encode(report)


def _judged(data: bytes, _: Path) -> None:
    """As ``loradiag judge REPORT`` in every format: what is shown holds nothing that a terminal or a browser obeys."""
    reports = [judge(report) for report in decode(data, "report.json")]
    for name in FORMATS:
        shown = renderer(name)(reports, Style())
        assert "\x1b]0;" not in shown, f"a raw control in {name}"
        if name == "html":
            assert "<hostile" not in shown.partition("<body")[2], "markup of a report's text in the page"


def _policy(data: bytes, _: Path) -> None:
    table = ("tool", "loradiag") if b"tool" in data else ()
    file = parse_policy(data, "loradiag.toml", table)
    if file is not None:
        resolve(file, all_rules(), "loradiag.toml")


def _shelf(data: bytes, folder: Path) -> None:
    (folder / "report.json").write_bytes(data)
    shelf = Shelf(folder)
    shelf.refresh()
    assert all(printable(problem) == problem for problem in shelf.flawed.values())
    for card in shelf.cards:
        shelf.report(card)


def _reports() -> list[bytes]:
    """The fixtures' reports with their lists cut, since more entries are no more kinds of things; an empty one; two of them."""
    whole = [_cut(json.loads(gzip.decompress(path.read_bytes()))) for path in sorted(REPORTS.glob("*.json.gz"))]
    several = {"schema_version": SCHEMA_VERSION, "reports": [_MINIMAL, _MINIMAL]}
    return [json.dumps(document).encode() for document in (*whole, _MINIMAL, several)]


def _cut(value: Any, most: int = 2) -> Any:
    if isinstance(value, list):
        return [_cut(entry) for entry in value[:most]]
    return {key: _cut(entry) for key, entry in value.items()} if isinstance(value, dict) else value


_MINIMAL: dict[str, Any] = {
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


def _policies() -> list[bytes]:
    text = b"""fail-on = "warning"
inconclusive = "fail"
select = ["LD1", "LD2"]
severity = { LD201 = "info" }
[thresholds.LD205]
max_rms = 0.5
[[ignore]]
code = "LD203"
reason = "known"
modules = ["*.q_proj"]
expires = 2027-01-01
"""
    return [
        text,
        b"[tool.loradiag]\n"
        + text.replace(b"[thresholds", b"[tool.loradiag.thresholds").replace(b"[[", b"[[tool.loradiag."),
    ]


def _toml(data: bytes, random: Random) -> bytes:
    """Change a policy's lines, or its bytes."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    words = (
        b"tool = 3",
        b"[tool]\nloradiag = 1",
        b"a = " + b"[" * 3000,
        b"x = nan",
        b"expires = 9999-12-31T00:00:00Z",
        b"select = [3]",
    )
    choice = random.randrange(4)
    if choice == 0:
        lines[place] = random.choice(words)
    elif choice == 1:
        lines.insert(place, random.choice(lines))
    else:
        return blindly(data, random)
    return b"\n".join(lines)


TARGETS = {
    "strict-json": Target(
        _strict_json,
        lambda: [b'{"a": [1, -2.5e3, null, true, "\\u00e9"], "b": {"c": ""}}', b"[]", b"3"],
        as_json,
        1 << 12,
    ),
    "report": Target(_report, _reports, as_json, 1 << 17),
    "judged": Target(_judged, _reports, as_json, 1 << 17),
    "policy": Target(_policy, _policies, _toml, 1 << 12),
    "shelf": Target(_shelf, _reports, as_json, 1 << 17),
}
