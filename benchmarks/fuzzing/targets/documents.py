"""Documents: strict JSON, reports, policies, and what ``/v1/models`` answers, saved."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random

from benchmarks.fuzzing.mutating import as_json, blindly, joined, one_of, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.kinds import reports
from loradiag.core.policy import parse_policy, resolve
from loradiag.core.report import decode, encode
from loradiag.rules import all_rules
from loradiag.storage import strict_json
from loradiag.traffic.naming import attribute, names_of
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of


def _strict_json(data: bytes, _: Path) -> None:
    with suppress(ValueError):  # what it raises; numbers beyond a double are what JSON allows
        json.dumps(strict_json.loads(data))


def _report(data: bytes, _: Path) -> None:
    for report in decode(data, "report.json"):
        encode(report)


def _policy(data: bytes, _: Path) -> None:
    table = ("tool", "loradiag") if b"tool" in data else ()
    file = parse_policy(data, "loradiag.toml", table)
    if file is not None:
        resolve(file, all_rules(), "loradiag.toml")


def _models(data: bytes, folder: Path) -> None:
    """A server's list of models, saved, as ``traffic ingest --models`` reads it; and words of the command line."""
    told, words = parted(data, 2)
    path = folder / "models.json"
    path.write_bytes(told)
    names = names_of(None, ("base",), path, tuple(words.decode("utf-8", "replace").split(",")))
    for model in ("a", "base:a", "b", ""):
        request = Request(id="r", model=model)
        attribute(request, names)
        row_of(request, "generic", keep_text=True)


def _listed() -> list[bytes]:
    cards = [{"id": "base", "object": "model", "parent": None, "root": "/x"}, {"id": "a", "parent": "base"}]
    return [joined(json.dumps(told).encode(), b"x=a,y=b") for told in ({"object": "list", "data": cards}, cards)]


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
    "report": Target(_report, reports, as_json, 1 << 17),
    "models-list": Target(_models, _listed, one_of(as_json, blindly), 1 << 12, framed=True),
    "policy": Target(_policy, _policies, _toml, 1 << 12),
}
