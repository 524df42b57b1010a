"""LD804, LD805, LD808, LD810, LD811 and LD812: whether there is anything to go by."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten


@rule(
    "LD804",
    "too-few-requests",
    Severity.WARNING,
    source="with 5% expected, eight novel requests of 50 are needed to call it drift",
    advice="Take a longer window, or wait: --window 7d, --pool 90.",
    undecided=True,
)
def too_few_requests(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A window has too few requests to say anything, even together with those before it.

    ## Why it matters
    No alarm from eight requests is no evidence that all is well. Many adapters get few requests, and a verdict of ``pass``
    would say more than is known.

    ## What to do
    Take longer windows. A request counts once a conversation and once a text, and only if it has an embedding.
    """
    found = evidence.measurements.drift
    few = [window for window in found.windows if window.status == "insufficient"] if found else []
    if found and not found.windows:
        yield Match("no requests of this adapter in the window", observed=0, threshold=found.floor)
    if found and few:
        said = f"{plural(few[-1].n, 'request')} that count of {few[-1].requests:,}, and {found.floor:,} are needed"
        several = f"; {plural(len(few), 'window')} like this" if len(few) > 1 else ""
        yield Match(f"{said}{several}", observed=few[-1].n, threshold=found.floor)


@rule(
    "LD805",
    "baseline-expired",
    Severity.WARNING,
    source="a baseline is of one adapter and one set of data: it says nothing of another",
    advice="Make it again: loradiag drift baseline.",
    thresholds=[
        Threshold("most_days", 365, "age of a baseline", "convention: traffic of another year is another traffic")
    ],
    undecided=True,
)
def baseline_expired(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The baseline is of another adapter or of other data than lie there now, or it is very old.

    ## Why it matters
    After a new training the old baseline describes what the last adapter was made for. Drift from it may be what was wanted,
    and no drift from it no comfort.

    ## What to do
    Make the baseline again as part of every training: ``loradiag drift baseline``.
    """
    found = evidence.measurements.drift
    if found is None:
        return
    for reason in found.baseline.expired:
        yield Match(f"{shorten(printable(reason), 300)}; the baseline is of {found.baseline.created[:10]}")
    if found.baseline.age_days > limits["most_days"]:
        said = f"the baseline is {found.baseline.age_days:,.0f} days old"
        yield Match(said, observed=found.baseline.age_days, threshold=limits["most_days"])


@rule(
    "LD808",
    "traffic-unattributed",
    Severity.WARNING,
    source="what is not attributed is in no window",
    advice="Log the adapter's name with every request, or name it when ingesting: --adapter, --models, --alias.",
    thresholds=[
        Threshold("most_unattributed", 0.1, "share of the lake's requests that name no adapter", "convention"),
        Threshold("most_unembedded", 0.1, "share of the adapter's requests without an embedding", "convention"),
    ],
)
def traffic_unattributed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Many requests name no adapter, or have no embedding, and so are looked at by nobody.

    ## Why it matters
    A router that logs the base's name, or a server that drops texts, hides just the traffic that should be watched.

    ## What to do
    ``loradiag traffic stats`` shows what is missing, by source. Requests that were meant for the base are named at ingestion
    by ``--base-model`` and do not count as missing.
    """
    found = evidence.measurements.drift
    if found is None:
        return
    told = found.attribution
    if told.lake_requests and told.unattributed / told.lake_requests > limits["most_unattributed"]:
        share = told.unattributed / told.lake_requests
        yield Match(
            f"{share:.0%} of {plural(told.lake_requests, 'request')} in the lake name no adapter",
            observed=share,
            threshold=limits["most_unattributed"],
        )
    missing = told.requests - told.embedded
    if told.embedded and missing / told.requests > limits["most_unembedded"]:
        yield Match(
            f"{missing / told.requests:.0%} of {plural(told.requests, 'request')} have no embedding by the baseline's encoder",
            observed=missing / told.requests,
            threshold=limits["most_unembedded"],
        )


@rule(
    "LD810",
    "thin-baseline",
    Severity.WARNING,
    source="the 5% quantile of 500 held-out requests is known to a fifth of its rate",
    confidence=Confidence.MEDIUM,
    advice="Give more training data to loradiag drift baseline: 1,000 distinct requests make 500 to calibrate with.",
    thresholds=[Threshold("least_calibration", 500, "held-out requests", "as the source says")],
)
def thin_baseline(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Few held-out references stand behind the threshold.

    ## Why it matters
    The test stays exact on average over baselines, but this very one may call too many or too few requests novel.

    ## What to do
    Give more training data, or measure with ``loradiag drift calibrate-check`` how often this baseline gives false alarms.
    """
    found = evidence.measurements.drift
    if found and found.baseline.calibration < limits["least_calibration"]:
        yield Match(
            f"{plural(found.baseline.calibration, 'held-out request')} to calibrate with",
            observed=found.baseline.calibration,
            threshold=limits["least_calibration"],
        )


@rule(
    "LD811",
    "nothing-embedded",
    Severity.WARNING,
    source="vectors of two encoders cannot be compared",
    advice="Ingest with the baseline's encoder (traffic ingest --encoder), or make the baseline with the lake's.",
    undecided=True,
)
def nothing_embedded(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """No request of the adapter has an embedding by the encoder that its baseline was made with.

    ## Why it matters
    Requests were ingested without ``--encoder``, or with another one. Nothing can be said of what users ask.

    ## What to do
    Ingest the logs again with the baseline's encoder: what is in the lake already is not doubled by requests that carry the
    same vectors, and the new ones are used.
    """
    found = evidence.measurements.drift
    if found and found.attribution.requests and not found.attribution.embedded:
        other = f", {found.attribution.other_encoder:,} have one of another" if found.attribution.other_encoder else ""
        name = shorten(printable(found.baseline.encoder), 80)
        yield Match(
            f"none of {plural(found.attribution.requests, 'request')} has an embedding by {name}{other}",
            observed=0,
        )


@rule(
    "LD812",
    "lake-file-left-out",
    Severity.WARNING,
    source="what cannot be read was not looked at",
    advice="Remove the file and ingest its source again; requests that are there already are not doubled.",
)
def lake_file_left_out(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A file of the lake is torn, or is none of loradiag's, and was left out.

    ## Why it matters
    The requests in it are missing from every window.

    ## What to do
    Remove the file, and ingest the logs of its day again.
    """
    found = evidence.measurements.drift
    if found and found.flawed_files:
        files = found.flawed_files
        said = listed([f"{shorten(printable(file.file), 120)} ({printable(file.problem)})" for file in files], 3)
        yield Match(f"{plural(len(files), 'file')} left out: {said}", observed=len(files))
