"""What rules about served adapters speak of: measurements as a check leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.served import Served, ServedBeside, ServedExample, ServedModel, ServedPair, ServedText, ServedTimes
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "served.json"


def beside(other: str = "base", **changes: Any) -> ServedBeside:
    """Answers that are others than those of the base."""
    fields: dict[str, Any] = {
        "other": other,
        "n": 24,
        "same": 2,
        "logprob_gap": 0.2,
        "logprob_noise": 0.001,
        "p": 1e-12,
    }
    return ServedBeside(**{**fields, **changes})


def times(ratio: float = 1.02, low: float = 0.97, high: float = 1.1) -> ServedTimes:
    """Times to the first token."""
    return ServedTimes(
        n=24,
        stay=40.0,
        stay_p95=46.0,
        switch=40 * ratio,
        switch_p95=50 * ratio,
        ratio=ratio,
        low=low,
        high=high,
    )


def model(name: str = "a", **changes: Any) -> ServedModel:
    """An adapter that is served as it should be."""
    fields: dict[str, Any] = {
        "name": name,
        "role": "adapter",
        "base": "base",
        "listed": True,
        "answering": "answers",
        "asked": 144,
        "n": 24,
        "own": 48,
        "loaded": 48,
        "telling": 44,
        "p": 1.0,
        "taken_p": 1.0,
        "beside": beside(),
        "times": times(),
    }
    return ServedModel(**{**fields, **changes})


def base(**changes: Any) -> ServedModel:
    """The base beside it."""
    return model("base", **{"role": "base", "base": None, "beside": None, **changes})


def served(*models: ServedModel, **changes: Any) -> Served:
    """What an endpoint answered."""
    fields: dict[str, Any] = {
        "url": "http://localhost:8000",
        "api": "completions",
        "logprobs": True,
        "prompts": 24,
        "prompts_from": "built in",
        "prompts_sha256": None,
        "max_tokens": 24,
        "rounds": 2,
        "concurrency": 8,
        "tie": 0.5,
        "seed": 0,
        "requests": 480,
        "seconds": 12.0,
        "streamed": True,
        "bases": [base()],
        "adapters": list(models) or [model()],
        "times": times(),
        "p": 1.0,
        "taken_p": 1.0,
    }
    return Served(**{**fields, **changes})


def report(found: Served) -> Report:
    """What the default policy makes of it."""
    return judged(Subject(path=found.url), Measurements(served=found), Accounting(), default_policy())


def answered(*models: ServedModel, **changes: Any) -> Make:
    """An endpoint that answered so."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(served(*models, **changes)))
        return tmp / FILE

    return build


def is_served(path: Path) -> bool:
    """Whether an endpoint is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the endpoint."""
    return report(msgspec.convert(json.loads(path.read_text()), Served)).findings


EXAMPLE = ServedExample(
    prompt=7,
    equals="b",
    gap=4.5,
    alone=ServedText(sha256="0011223344556677", characters=80),
    loaded=ServedText(sha256="8899aabbccddeeff", characters=64),
)
NEVER = model("gone", answering="never", asked=3, failed=3, failures={"status 404": 3}, n=0, own=0, loaded=0, telling=0,
    p=None, taken_p=None, beside=beside(n=0, same=0, logprob_gap=None, logprob_noise=None, p=None), times=None)  # fmt: skip
SILENT = model("silent", beside=beside(same=24, logprob_gap=0.0, logprob_noise=0.0, p=1.0), telling=0)
MIXED = model(
    "mixed", taken=5, taken_whole=5, changed_loaded=5, takers={"b": 5}, more=5, taken_more=5, examples=[EXAMPLE]
)
OPEN = model("open", beside=beside(n=4, same=4, logprob_gap=0.0, logprob_noise=0.0, p=1.0), telling=0)
ALIKE = ServedPair(name="a", beside=beside("b", same=24, logprob_gap=0.0, logprob_noise=0.0, p=1.0))

PROVOKED: dict[str, Make] = {
    "LD413": answered(model(), NEVER),
    "LD414": answered(model(), SILENT),
    "LD415": answered(model(), MIXED),
    "LD416": answered(model(times=times(6.0, 5.0, 7.0)), times=times(6.0, 5.0, 7.0)),
    "LD417": answered(model(), OPEN),
    "LD418": answered(model("a"), model("b"), pairs=[ALIKE]),
    "LD419": answered(model(told="zero", told_size=0.0)),
}
"""An endpoint for every rule that it provokes."""
