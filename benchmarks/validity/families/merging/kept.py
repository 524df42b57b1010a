"""Merges that were measured once, and are judged anew: ``merges.json.gz``."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.validity.families.merging.truth import Outcome
from loradiag.core.merge import Route
from loradiag.core.report import Report

FILE = Path(__file__).with_name("merges.json.gz")


class Merged(msgspec.Struct, frozen=True):
    """One adapter along all routes.

    Attributes:
        name: Of the adapter, and what was done to it.
        base_loss: Nats a token of the base, on text that loradiag was not given.
        loss: Of the adapter beside it.
        effect: KL(adapter ‖ base) on that text.
        top1: The share of places at which both have the same likeliest token.
        outcomes: By route.
        report: Of loradiag, which was given other text of the same kind.
    """

    name: str
    base_loss: float
    loss: float
    effect: float
    top1: float
    outcomes: dict[str, Outcome]
    report: Report


class Merges(msgspec.Struct, frozen=True):
    """All of them, and how they were made."""

    made_with: dict[str, str]
    merges: list[Merged]


def slim(report: Report, name: str) -> Report:
    """The same without what no rule looks at."""
    measured = report.measurements
    assert measured.merge is not None
    merge = msgspec.structs.replace(measured.merge, routes=[_thin(row) for row in measured.merge.routes])
    subject = msgspec.structs.replace(report.subject, path=name)
    kept = type(measured)(merge=merge, base=measured.base)
    return msgspec.structs.replace(report, subject=subject, measurements=kept, findings=[])


def _thin(row: Route) -> Route:
    modules = [
        type(module)(
            name=module.name,
            role=module.role,
            stack=module.stack,
            layer=module.layer,
            gain=module.gain,
            gain_error=module.gain_error,
            nonfinite=module.nonfinite,
            reason=module.reason,
        )
        for module in row.modules
    ]
    return msgspec.structs.replace(row, modules=modules, roles=[], peaks=row.peaks[:3])


def write(found: Merges) -> None:
    """Write all of them, six digits of every number."""
    FILE.write_bytes(gzip.compress(msgspec.json.encode(_short(msgspec.to_builtins(found))), mtime=0))


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def merges() -> Iterator[Merged]:
    """Read them."""
    yield from msgspec.json.decode(gzip.decompress(FILE.read_bytes()), type=Merges).merges


def versions() -> dict[str, str]:
    """Of what made them."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes", "gguf")}


def quietly() -> None:
    """On one thread."""
    import torch

    torch.set_num_threads(1)
