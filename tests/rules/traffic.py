"""What rules about traffic speak of: measurements as a check leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.drift import (
    Attribution,
    BaselineFacts,
    Drift,
    DriftWindow,
    FlawedFile,
    PredictionShift,
    RouteShare,
    TopicShare,
)
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from tests.conftest import MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

FILE = "drift.json"


def window(**changes: Any) -> DriftWindow:
    """A day of 200 requests without drift."""
    fields: dict[str, Any] = {
        "adapter": "support",
        "start": "2026-11-02T00:00:00Z",
        "end": "2026-11-03T00:00:00Z",
        "requests": 240,
        "n": 200,
        "novelty_share": 0.05,
        "novelty_low": 0.024,
        "novelty_high": 0.09,
        "novelty_p": 0.5,
        "novelty_adjusted": 1.0,
        "mix_n": 190,
        "mix_effect": 0.05,
        "mix_p": 0.6,
        "mix_adjusted": 1.0,
        "mmd_effect": 0.0001,
        "mmd_p": 0.4,
        "mmd_adjusted": 1.0,
        "mean_nn_cosine": 0.91,
    }
    return DriftWindow(**{**fields, **changes})


def novel(**changes: Any) -> DriftWindow:
    """A day on which a fifth is novel."""
    return window(
        **{"novelty_share": 0.2, "novelty_low": 0.15, "novelty_high": 0.26, "novelty_adjusted": 1e-9, **changes}
    )


def answers(metric: str, **changes: Any) -> PredictionShift:
    """A measure of answers that has not changed."""
    fields: dict[str, Any] = {
        "metric": metric,
        "unit": "x",
        "reference": 2.0,
        "current": 2.02,
        "n_reference": 2000,
        "n": 500,
        "days_reference": 28,
        "days": 7,
        "change": 0.01,
        "ci_low": -0.01,
        "ci_high": 0.03,
        "p": 0.3,
        "p_adjusted": 1.0,
        "ks": 0.03,
        "ks_p": 0.4,
        "ks_adjusted": 1.0,
        "effect": 0.02,
    }
    return PredictionShift(**{**fields, **changes})


def found(*windows: DriftWindow, **changes: Any) -> Drift:
    """A check of these windows against a sound baseline."""
    of_baseline: dict[str, Any] = {
        "path": "baselines/support",
        "adapter": "support",
        "adapter_sha256": "0" * 64,
        "created": "2026-11-01T00:00:00Z",
        "age_days": 1.0,
        "data_sha256": "1" * 64,
        "references": 8000,
        "calibration": 2000,
        "clusters": 20,
        "encoder": "encoders/small",
        "encoder_sha256": "2" * 64,
        "dimension": 64,
        "threshold": 0.8,
        "novel_rate": 0.05,
        "mean_nn_cosine": 0.93,
    }
    counts: dict[str, Any] = {
        "requests": 240,
        "embedded": 240,
        "other_encoder": 0,
        "undated": 0,
        "logprobs": 240,
        "prompt_logprobs": 0,
        "responses": 240,
        "unattributed": 0,
        "lake_requests": 1000,
    }
    fields: dict[str, Any] = {
        "adapter": "support",
        "lake": "lake",
        "window": "1d",
        "floor": 50,
        "tolerance": 0.1,
        "baseline": BaselineFacts(**{**of_baseline, **changes.pop("baseline", {})}),
        "attribution": Attribution(**{**counts, **changes.pop("attribution", {})}),
        "windows": list(windows),
    }
    return Drift(**{**fields, **changes})


def report_of(drift: Drift) -> Report:
    """What the default policy makes of a check."""
    return judged(Subject(path=drift.adapter), Measurements(drift=drift), Accounting(), default_policy())


def watched(*windows: DriftWindow, **changes: Any) -> Make:
    """A check that came to this."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / FILE).write_bytes(msgspec.json.encode(found(*windows, **changes)))
        return tmp / FILE

    return build


def is_watched(path: Path) -> bool:
    """Whether a check is told of there."""
    return path.name == FILE


def findings_of(path: Path) -> list[Finding]:
    """What rules say of the check."""
    return report_of(msgspec.convert(json.loads(path.read_text()), Drift)).findings


PROVOKED: dict[str, Make] = {
    "LD801": watched(novel()),
    "LD802": watched(
        window(
            mix_effect=0.4,
            mmd_adjusted=1e-6,
            topics=[TopicShare(topic=3, expected=0.05, observed=0.3, residual=6.0, example=17)],
        )
    ),
    "LD803": watched(
        novel(routes=[RouteShare(route="billing", count=36, share=0.9)]),
    ),
    "LD804": watched(window(n=12, novelty_share=None)),
    "LD805": watched(window(), baseline={"expired": ["the adapter at a/b is not what it was"]}),
    "LD806": watched(window(), predictions=[answers("perplexity", change=0.09, ci_low=0.02, ci_high=0.16)]),
    "LD807": watched(window(), predictions=[answers("response_length", p_adjusted=0.001, effect=-0.3)]),
    "LD808": watched(window(), attribution={"unattributed": 400}),
    "LD809": watched(window(mean_nn_cosine=0.61)),
    "LD810": watched(window(), baseline={"calibration": 120}),
    "LD811": watched(attribution={"embedded": 0, "other_encoder": 240}),
    "LD812": watched(window(), flawed_files=[FlawedFile(file="lake/x.parquet", problem="is torn")]),
}
"""A check for every rule that it provokes."""
