"""What reports on traffic are made of by hand: windows, topics, novel requests, answers; and how rules judge them."""

from __future__ import annotations

import datetime
from math import cos, sin, sqrt
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judged
from loradiag.core.drift import (
    Attribution,
    BaselineFacts,
    Drift,
    DriftWindow,
    Exemplar,
    MapPoint,
    MapTopic,
    PredictionShift,
    RequestMap,
    RouteShare,
    TopicShare,
)
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject

Z = 1.95996


TEXTS = (
    "which of my invoices is overdue, and by how many days?",
    "sing me the second verse of the harvest song, slowly",
    "please translate the clause on liability into plain words for my neighbour, who has not read a contract in years",
)


def baseline(**changes: Any) -> BaselineFacts:
    """A month old, of eight thousand references."""
    fields: dict[str, Any] = {
        "path": "baselines/ledger",
        "adapter": "ledger",
        "adapter_sha256": "0a" * 32,
        "created": "2026-10-04T08:00:00Z",
        "age_days": 29.4,
        "data_sha256": "1b" * 32,
        "references": 8000,
        "calibration": 2000,
        "clusters": 20,
        "encoder": "encoders/small",
        "encoder_sha256": "2c" * 32,
        "dimension": 384,
        "threshold": 0.612,
        "novel_rate": 0.05,
        "mean_nn_cosine": 0.834,
        **changes,
    }
    return BaselineFacts(**fields)


def attribution(**changes: Any) -> Attribution:
    """Nearly all of it can be judged."""
    fields: dict[str, Any] = {
        "requests": 7240,
        "embedded": 7228,
        "other_encoder": 4,
        "undated": 8,
        "logprobs": 7001,
        "prompt_logprobs": 0,
        "responses": 7240,
        "unattributed": 310,
        "lake_requests": 24_800,
        **changes,
    }
    return Attribution(**fields)


def day(number: int) -> str:
    """Midnight of a day, counted from the second of November 2026."""
    moment = datetime.date(2026, 11, 2) + datetime.timedelta(days=number)
    return f"{moment.isoformat()}T00:00:00Z"


def share(novel: int, n: int) -> dict[str, float]:
    """A share with its interval, as Wilson (1927) has it."""
    middle = (novel + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * sqrt(novel * (n - novel) / n + Z**2 / 4)
    return {"novelty_share": novel / n, "novelty_low": max(middle - half, 0.0), "novelty_high": middle + half}


def window(number: int = 0, novel: int = 9, n: int = 200, **changes: Any) -> DriftWindow:
    """A day without drift."""
    fields: dict[str, Any] = {
        "adapter": "ledger",
        "start": day(number),
        "end": day(number + 1),
        "requests": n + 38,
        "n": n,
        **share(novel, n),
        "novelty_p": 0.55,
        "novelty_adjusted": 1.0,
        "mix_n": n - novel,
        "mix_effect": 0.04,
        "mix_p": 0.7,
        "mix_adjusted": 1.0,
        "mmd_effect": 0.0001,
        "mmd_p": 0.41,
        "mmd_adjusted": 1.0,
        "mean_nn_cosine": 0.829 - 0.3 * (novel / n - 0.05),
        "topics": topics(0.0),
        **changes,
    }
    return DriftWindow(**fields)


def few(number: int = 0, n: int = 31) -> DriftWindow:
    """A day with too few requests."""
    return DriftWindow(adapter="ledger", start=day(number), end=day(number + 1), requests=n + 5, n=n)


def topics(shift: float, text: str | None = None) -> list[TopicShare]:
    """Six topics, of which the first grew by ``shift`` and the last shrank by it."""
    expected = (0.05, 0.071, 0.064, 0.09, 0.055, 0.185)
    moved = (shift, shift / 4, 0.004, -0.003, -shift / 4, -shift)
    return [
        TopicShare(
            topic=3 * index,
            expected=old,
            observed=max(old + change, 0.0),
            residual=14 * change / sqrt(old),
            example=812 + 997 * index,
            text=text,
        )
        for index, (old, change) in enumerate(zip(expected, moved, strict=True))
    ]


def exemplars(count: int = 8, *, text: bool = False, route: str | None = None) -> list[Exemplar]:
    """Novel requests, in groups of falling size."""
    return [
        Exemplar(
            request=f"chatcmpl-{index:04}-5f3a9c",
            time=f"2026-11-02T{6 + index:02}:14:07Z",
            cosine=0.21 + 0.04 * index,
            p=0.0005 * (index + 1),
            topic=3 * index,
            neighbour=4312 - 77 * index,
            group=index // 3,
            group_size=(12, 8, 3)[min(index // 3, 2)],
            route=route if index % 4 else ("base" if route else None),
            text=TEXTS[index % 3] if text else None,
            neighbour_text=TEXTS[(index + 1) % 3] if text else None,
        )
        for index in range(count)
    ]


def around(x: float, y: float, count: int, phase: float = 0.0) -> list[tuple[float, float]]:
    """Points about a place, as even as seeds of a sunflower."""
    spread = [(0.016 * sqrt(index + 0.5), 2.39996 * index + phase) for index in range(count)]
    return [(round(x + far * cos(turn), 4), round(y + 0.7 * far * sin(turn), 4)) for far, turn in spread]


def drawn(text: str | None = None, **changes: Any) -> RequestMap:
    """The map of the first day: two topics that requests know, and 24 requests apart from both."""
    middles = ((-0.3, 0.1), (-0.05, -0.2))
    references = [place for x, y in middles for place in around(x, y, 150)]
    known = [place for x, y in middles for place in around(x + 0.01, y, 88, 0.8)]
    fields: dict[str, Any] = {
        "start": day(0),
        "end": day(1),
        "method": "the first two principal components of all 300 references and all 200 requests",
        "explained": 0.312,
        "references": [
            MapPoint(x=x, y=y, topic=index // 150, record=index + 1, text=text)
            for index, (x, y) in enumerate(references)
        ],
        "requests": [
            *(MapPoint(x=x, y=y, topic=index // 88, cosine=0.8, request=f"k-{index}") for index, (x, y) in enumerate(known)),
            *(
                MapPoint(x=x, y=y, topic=1, cosine=0.31, novel=True, group=index // 16, request=f"n-{index}", time=day(0),
                         text=text)
                for index, (x, y) in enumerate(around(0.5, 0.2, 24))
            ),
        ],
        "topics": [MapTopic(topic=index, x=x, y=y) for index, (x, y) in enumerate(middles)],
        "reference_total": 8000,
        "request_total": 200,
        "novel_total": 24,
        **changes,
    }  # fmt: skip
    return RequestMap(**fields)


def novel(number: int = 0, count: int = 24, **changes: Any) -> DriftWindow:
    """A day on which an eighth is novel, most of it what another adapter is for."""
    fields: dict[str, Any] = {
        "novelty_p": 4e-7,
        "novelty_adjusted": 2e-6,
        "routes": [
            RouteShare(route="chant", count=count - 6, share=1 - 6 / count),
            RouteShare(route="base", count=6, share=6 / count),
        ],
        "recommended_route": "chant",
        "exemplars": exemplars(route="chant"),
        **changes,
    }
    return window(number, count, **fields)


MIXED: dict[str, Any] = {
    "mix_effect": 0.41,
    "mix_p": 3e-10,
    "mix_adjusted": 1e-9,
    "mmd_effect": 0.012,
    "mmd_p": 0.002,
    "mmd_adjusted": 0.012,
    "topics": topics(0.16),
}
"""What a changed mix of topics looks like."""


def answers(metric: str, **changes: Any) -> PredictionShift:
    """A measure of answers that has hardly changed."""
    fields: dict[str, Any] = {
        "metric": metric,
        "unit": {"perplexity": "of generated tokens", "entropy": "nats", "response_length": "tokens"}.get(
            metric, "share of answers"
        ),
        "reference": 8.1,
        "current": 8.18,
        "n_reference": 5600,
        "n": 1400,
        "days_reference": 28,
        "days": 7,
        "change": 0.01,
        "ci_low": -0.014,
        "ci_high": 0.034,
        "p": 0.41,
        "p_adjusted": 1.0,
        "ks": 0.021,
        "ks_p": 0.38,
        "ks_adjusted": 1.0,
        "effect": 0.012,
        "reference_start": day(-35),
        "start": day(-7),
        "end": day(0),
        **changes,
    }
    return PredictionShift(**fields)


def compared(**changes: Any) -> list[PredictionShift]:
    """All measures: perplexity risen, answers longer, the others as they were, one with too few days."""
    none = {"ci_low": None, "ci_high": None, "p": None, "p_adjusted": None, "days": 2}
    small = {"reference": 0.021, "current": 0.024, "change": 0.003, "ci_low": -0.004, "ci_high": 0.01, "effect": 0.003}
    return [
        answers("perplexity", reference=8.1, current=9.072, change=0.12, ci_low=0.061, ci_high=0.183, p=0.0007,
                p_adjusted=0.0049, ks=0.11, ks_p=2e-12, ks_adjusted=1e-11, effect=0.13),
        answers("prompt_perplexity", unit="of prompt tokens", reference=21.4, current=21.1, change=-0.014, ci_low=-0.05,
                ci_high=0.024, **changes),
        answers("entropy", reference=1.42, current=1.45, change=0.03, ci_low=-0.02, ci_high=0.08, top=5),
        answers("response_length", reference=212.0, current=287.0, change=0.354, ci_low=0.21, ci_high=0.51, p=0.001,
                p_adjusted=0.006, effect=0.24),
        answers("repetition", unit="share of 4-grams", **small),
        answers("refusal_like", **{**small, "ks": None, "ks_p": None, "ks_adjusted": None}),
        answers("truncated", **{**small, **none, "ks": None, "ks_p": None, "ks_adjusted": None}),
    ]  # fmt: skip


def drift(windows: list[DriftWindow], **changes: Any) -> Drift:
    """A check of these windows."""
    fields: dict[str, Any] = {
        "adapter": "ledger",
        "lake": "lake",
        "window": "1d",
        "floor": 50,
        "tolerance": 0.1,
        "baseline": baseline(),
        "attribution": attribution(),
        "others": ["chant", "grammar"],
        **changes,
    }
    return Drift(windows=windows, **fields)


def watched(found: Drift, policy: Policy | None = None) -> Report:
    """A report as ``loradiag drift check`` writes it."""
    subject = Subject(path=found.adapter, sha256=found.baseline.adapter_sha256)
    made = judged(subject, Measurements(drift=found), Accounting(), policy or default_policy())
    return msgspec.structs.replace(made, created="2026-11-03T06:00:00Z")


def found_in(report: Report) -> Drift:
    """What a report says of traffic."""
    assert report.measurements.drift is not None
    return report.measurements.drift
