"""LD806 and LD807: the model answers otherwise than it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.drift import PredictionShift
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import printable, shorten
from loradiag.core.windows import RAISED, SHARES

_BY_DAY = (
    "Welch's t over means of days: +5% alone fires in 38% to 100% of 90-day runs without any change, at 1,000 to 20 requests "
    "a day with an effect of days of 0.05"
)
_NAMES = {
    "perplexity": "perplexity of generated tokens",
    "prompt_perplexity": "perplexity of prompts",
    "entropy": "entropy of the logged top tokens",
    "response_length": "length of answers",
    "response_characters": "length of answers",
    "prompt_length": "length of prompts",
    "prompt_characters": "length of prompts",
    "repetition": "repetition in answers",
    "refusal_like": "answers that read like refusals",
    "truncated": "truncated answers",
}


def _rows(evidence: Evidence, *, raised: bool) -> Iterator[PredictionShift]:
    found = evidence.measurements.drift
    for row in found.predictions if found else ():
        if row.status == "moved" and (row.metric in RAISED) == raised:
            yield row


def _name(row: PredictionShift) -> str:
    return _NAMES.get(row.metric) or shorten(printable(row.metric), 60)


def _change(row: PredictionShift, *, ratio: bool) -> str:
    def written(value: float | None) -> str:
        return "?" if value is None else f"{value:+.1%}" if ratio else f"{value:+.3g}"

    between = f"95% interval {written(row.ci_low)} to {written(row.ci_high)}"
    days = f"{row.days} days beside {row.days_reference}"
    return f"{row.reference:.4g} → {row.current:.4g}, {written(row.change)} ({between}, {days})"


@rule(
    "LD806",
    "perplexity-raised",
    Severity.ERROR,
    source=_BY_DAY,
    confidence=Confidence.MEDIUM,
    advice="Look at recent requests and at what changed in serving: base, quantization, template, adapter.",
    thresholds=[
        Threshold("least_rise", 0.05, "rise of the mean perplexity, as a share", "convention of practitioners: +5%"),
    ],
)
def perplexity_raised(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The model has become less sure of what it writes, or of what it reads, than it was in the weeks before.

    ## Why it matters
    Perplexity of generated tokens rises when requests are unfamiliar, and when something in serving has changed: another
    precision, another template, another base under the adapter.

    ## How sure
    Recent days are compared with the days before them, each day counted once, since requests of a day have more in common
    than requests of different days. Both are needed: the rise, and a 95% interval over days that excludes zero. With 30
    requests a day, days that differ by 5%, and a week beside the four before it, this is said of 97.5% of rises by 15%, of 77%
    of those by 10%, of 13% of those by 3%, and of 2.2% of weeks without any (100,000 drawn); with 1,000 requests a day of 100%,
    97%, 15% and 0.9%. The perplexity of generated tokens is not that of prompts: they are told apart, and which one is logged
    depends on the server.

    ## What to do
    If LD801 fired as well, requests have changed. If not, look for a change in how the adapter is served.
    """
    for row in _rows(evidence, raised=True):
        yield Match(
            f"{_name(row)}: {_change(row, ratio=True)}",
            modules=[row.metric],
            observed=row.change,
            threshold=limits["least_rise"],
        )


@rule(
    "LD807",
    "answers-changed",
    Severity.WARNING,
    source=f"{_BY_DAY}; Cliff's δ of 0.147 is a small effect (Romano et al. 2006)",
    confidence=Confidence.MEDIUM,
    advice="Compare some recent answers with earlier ones.",
    thresholds=[
        Threshold("alpha", 0.05, "chance of one false alarm among the measures (Holm)", "convention"),
        Threshold("least_effect", 0.147, "Cliff's δ, of lengths, entropy and repetition", "Romano et al. 2006: small"),
        Threshold("least_difference", 0.05, "difference of shares, of refusals and truncated answers", "convention"),
    ],
)
def answers_changed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Answers have become longer or shorter, more repetitive, less certain, more often cut off or like refusals.

    ## Why it matters
    These are the symptoms that users complain of, and they need neither labels nor texts: they follow from what every server
    logs.

    ## How sure
    A t-test over means of days, after Holm over all measures, and an effect that is not small. The Kolmogorov–Smirnov test
    over requests is reported beside it; it takes requests of one day as independent, and so alarms too readily.

    ## What to do
    Read recent answers. Truncation points to a limit of tokens, repetition to a sampler or to a merge that went wrong, and
    refusals to requests that changed.
    """
    for row in _rows(evidence, raised=False):
        if (row.p_adjusted or 0.0) > limits["alpha"]:
            continue
        ratio = row.metric.endswith(("length", "characters"))
        least = limits["least_difference"] if row.metric in SHARES else limits["least_effect"]
        yield Match(
            f"{_name(row)}: {_change(row, ratio=ratio)}, Cliff's δ {row.effect or 0:+.2f}",
            modules=[row.metric],
            observed=row.effect,
            threshold=least,
        )
