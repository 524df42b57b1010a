"""LD801, LD802, LD803 and LD809: requests that an adapter was not made for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.drift import BASE_ROUTE, Drift, DriftWindow
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural, printable, shorten

_ALPHA = Threshold(
    "alpha", 0.05, "chance of one false alarm among all tests of all windows checked together (Holm)", "convention"
)
_NOVELTY = (
    "one-sided test on the nearest-neighbour cosines of held-out references, exact for exchangeable requests (conformal "
    "p-values: Vovk, Gammerman and Shafer 2005; Bates et al. 2023)"
)
_MIX = (
    "noncentral χ² on topics (Cohen 1988) and MMD by permutation (Gretton et al. 2012), both beyond a tolerated change of "
    "Cohen's w = 0.2"
)
_CONVENTION = "convention of practitioners: mean cosine to the nearest training example of at least 0.7"


def _windows(evidence: Evidence) -> Iterator[tuple[Drift, DriftWindow]]:
    """Every window, with the check that it is of."""
    found = evidence.measurements.drift
    yield from ((found, window) for window in found.windows) if found else ()


def _when(window: DriftWindow) -> str:
    """A window in words: its days or its moments."""
    if window.start is None or window.end is None:
        return "all requests"
    start, end = window.start, window.end
    if start.endswith("T00:00:00Z") and end.endswith("T00:00:00Z"):
        start, end = start[:10], end[:10]
    return f"{start} to {end}"


@rule(
    "LD801",
    "novel-requests",
    Severity.ERROR,
    source=_NOVELTY,
    advice="Look at the exemplars; train on what users ask now, or route these requests elsewhere.",
    thresholds=[
        _ALPHA,
        Threshold(
            "least_share",
            0.08,
            "share of novel requests below which drift does not matter, however certain",
            "what 200 requests can show where 5% are expected",
        ),
    ],
)
def novel_requests(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """More requests than chance allows are unlike anything that the adapter was trained on.

    ## Why it matters
    An adapter answers what it was not made for as if it had been. Nothing in its logs says so: the answers are fluent.

    ## How sure
    A request is novel if its nearest reference is farther than that of all but 5% of held-out references. Each conversation
    and each text counts once. The test is exact whatever the encoder, as long as traffic without drift is like held-out
    training data; ``loradiag drift calibrate-check`` measures the false alarms that are really seen.

    ## What to do
    Read the exemplars. Where they belong to another adapter, LD803 says which. Else collect such requests for the next
    training, send them to the base, or make a new baseline if they are what the adapter is now for.
    """
    for found, window in _windows(evidence):
        if window.status not in ("novel", "novel+shifted") or window.novelty_share is None:
            continue
        if (window.novelty_adjusted or 0.0) <= limits["alpha"]:
            expected = found.baseline.novel_rate
            between = f" (95% interval {window.novelty_low or 0:.1%} to {window.novelty_high or 0:.1%})"
            yield Match(
                f"{_when(window)}: {window.novelty_share:.1%}{between} of {plural(window.n, 'request')} are unlike anything in "
                f"the baseline, where {expected:.1%} are expected; p = {window.novelty_adjusted or 0:.2g}",
                observed=window.novelty_share,
                threshold=max(limits["least_share"], expected),
                about=_when(window),
            )


@rule(
    "LD802",
    "mix-shift",
    Severity.ERROR,
    source=_MIX,
    advice="Look at the topics that grew: is the adapter good at them? Weight the next training by them.",
    thresholds=[_ALPHA],
)
def mix_shift(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Requests are of topics that the adapter knows, but in other shares than in its training data.

    ## Why it matters
    What was rare in training, and hardly tested, may now be most of the traffic. Measures of quality that were taken on the
    training mix no longer describe what users meet.

    ## How sure
    Only requests that are not novel are compared, so that this says something else than LD801. Two tests, each against a
    change that is too small to matter (Cohen's w = 0.2; ``--tolerance``): χ² over topics, and MMD, which also sees changes
    within them.

    Topics are coarser than what requests are about, so that much of a change may cancel within them. Of banking77's 77 intents,
    ten that rise from 13% to half of the traffic are a w of 1.1 over intents and of 0.3 over 20 topics: 45% of windows of 200
    requests are called (120 drawn), 77% of 400 (60 drawn); five intents that make half are called in 92% and 98%. More topics,
    other widths of MMD's kernel and more references found no more at the same rate of false alarms.

    ## What to do
    Evaluate the adapter on the topics that grew. If the new mix is here to stay, make a new baseline from recent requests.
    """
    for found, window in _windows(evidence):
        if window.status in ("shifted", "novel+shifted"):
            p = min(value for value in (window.mix_adjusted, window.mmd_adjusted) if value is not None)
            if p > limits["alpha"]:
                continue
            effect = "" if window.mix_effect is None else f" Cohen's w {window.mix_effect:.2f},"
            known = plural(window.mix_n, "known request")
            grown = [row for row in window.topics if row.residual > 0][:2]
            more = "; ".join(
                f"topic {row.topic} {row.expected:.0%} → {row.observed:.0%} (like record {row.example:,})"
                for row in grown
            )
            yield Match(
                f"{_when(window)}: the mix of topics of {known} has changed,{effect} p = {p:.2g}"
                + (f"; most grown: {more}" if more else ""),
                observed=window.mix_effect,
                threshold=found.tolerance,
                about=_when(window),
            )


@rule(
    "LD803",
    "wrong-adapter",
    Severity.ERROR,
    source="conformal p-values of novel requests under every other adapter's baseline, at the rate of each",
    advice="Look at the router: these requests are sent to the wrong adapter.",
    thresholds=[
        Threshold("least_count", 10, "novel requests that belong to one other adapter", "fewer may be strays"),
    ],
)
def wrong_adapter(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Most novel requests are what another adapter was made for.

    ## Why it matters
    A routing table that points to the wrong adapter, or a client with an old name in its configuration, shows nowhere else:
    requests are answered, and badly.

    ## How sure
    Every novel request is held against the baselines of all other adapters. It belongs to the one among whose held-out
    references it would be the least unusual, if it would not be called novel there; else to the base. Baselines may overlap:
    the router's configuration has the last word.

    ## What to do
    Check which requests the router sends here. The exemplars name the adapter that each belongs to.
    """
    for _, window in _windows(evidence):
        route = window.recommended_route
        if window.status not in ("novel", "novel+shifted") or route in (None, BASE_ROUTE):
            continue
        to = next((row for row in window.routes if row.route == route), None)
        if to is not None and to.count >= limits["least_count"]:
            novel = sum(row.count for row in window.routes)
            yield Match(
                f"{_when(window)}: {to.share:.0%} of {plural(novel, 'novel request')} belong to "
                f"{shorten(printable(str(route)), 80)}",
                observed=to.share,
                threshold=0.5,
                advice=f"Route these requests to {shorten(printable(str(route)), 80)}; look why they come here.",
                about=_when(window),
            )


@rule(
    "LD809",
    "similarity-below-convention",
    Severity.INFO,
    source=_CONVENTION,
    confidence=Confidence.LOW,
    advice="Go by LD801: this number moves with the encoder and with the size of the training data.",
    thresholds=[Threshold("least_cosine", 0.7, "mean cosine to the nearest reference", _CONVENTION)],
)
def similarity_below_convention(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The mean cosine of requests to their nearest reference is below what practitioners take for a limit.

    ## Why it matters
    Many teams look at this number. It is shown so that they find it, and it decides nothing: it moves from about a half of the
    requests being foreign on, is blind to the mix of topics, rises with the number of references (measured: 0.52 with 50, 0.83
    with 1,800 of the same domain) and does not carry over from one encoder to another.

    ## What to do
    Nothing, unless LD801 or LD802 says so too. Set ``least_cosine`` to what your encoder gives on your held-out data.
    """
    for found, window in _windows(evidence):
        if window.mean_nn_cosine is not None and window.mean_nn_cosine < limits["least_cosine"]:
            yield Match(
                f"{_when(window)}: mean cosine to the nearest reference {window.mean_nn_cosine:.3f}; of held-out references "
                f"{found.baseline.mean_nn_cosine:.3f}",
                observed=window.mean_nn_cosine,
                threshold=limits["least_cosine"],
                about=_when(window),
            )
