"""LD413, LD415 and LD416: whether what is served answers, for itself while others are asked, and without delay."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.served import Served, ServedModel
from loradiag.core.text import listed, plural, printable, shorten

REPEATS = (
    "exact tests on answers given again: of four answers that are not all alike, two models that are one give two pairs with a "
    "chance of at most 1/7; sign tests of requests among others' beside such without"
)
_SIMULATED = "simulated servers that round: benchmarks/served.py"


def called(name: str) -> str:
    """The name of a model, safe to show."""
    return shorten(printable(name), 60)


def verb(row: ServedModel) -> str:
    """Of one answer, or of several."""
    return "is" if row.taken == 1 else "are"


def served(evidence: Evidence) -> Served | None:
    """What an endpoint answered, if one was asked."""
    return evidence.measurements.served


def rows(evidence: Evidence) -> list[ServedModel]:
    """All that is served."""
    found = served(evidence)
    return [*found.bases, *found.adapters] if found else []


def least(*values: float | None) -> float:
    """The smallest of what is known; 1 where nothing is."""
    return min((value for value in values if value is not None), default=1.0)


@rule(
    "LD413",
    "adapter-not-answering",
    Severity.ERROR,
    source="loradiag",
    advice="See the log of the server: whether the adapter was loaded, under this name, and whether its rank is allowed.",
    thresholds=(
        Threshold("share", 0.1, "share of requests without an answer that is an error and not a warning", "convention"),
    ),
)
def adapter_not_answering(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Something that should be served gives no answer, or none with text in it.

    ## Why it matters
    A name that a server lists is not an adapter that it can run: files may be gone, the rank too large, the base another.
    What fails only under load fails for users.

    ## How sure
    Each request that is told to come again (429 and 503) is sent up to three times. A share of failures up to the threshold is
    a warning.

    ## What to do
    The finding says what came in place of answers. ``status 404``: not loaded, or not under this name; ``timed out``:
    ``--timeout`` waits longer; ``status 429``: lower ``--concurrency``.
    """
    for row in rows(evidence):
        if row.answering == "empty":
            yield Match(f"{called(row.name)}: all {plural(row.asked, 'answer')} are empty", modules=[row.name])
        elif row.failed:
            kinds = listed([f"{printable(kind)} ({count:,}×)" for kind, count in row.failures.items()], 4)
            share = row.failed / max(row.asked, 1)
            never = row.answering == "never"
            unlisted = ", and the server does not list it" if row.listed is False else ""
            said = (
                f"never answers{unlisted}"
                if never
                else f"{row.failed:,} of {plural(row.asked, 'request')} without an answer"
            )
            yield Match(
                f"{called(row.name)}: {said}: {kinds}",
                modules=[row.name],
                observed=share,
                threshold=limits["share"],
                severity=None if never or share > limits["share"] else Severity.WARNING,
            )


@rule(
    "LD415",
    "not-isolated",
    Severity.ERROR,
    source=f"{REPEATS}; {_SIMULATED}",
    advice="Do not serve these adapters together: ask again with --concurrency 1 and higher, and upgrade the server.",
    thresholds=(
        Threshold("alpha", 0.01, "chance of a false alarm, shared out among all that are served", "convention"),
        Threshold(
            "taken", 2, "answers of another's that are enough where no logprobs tell how sure a token was", "convention"
        ),
    ),
)
def not_isolated(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Under load an adapter gives answers of another, or others than it gives without others around it.

    ## Why it matters
    One customer's adapter answers another's user. It does not show in tests that ask one adapter at a time.

    ## How sure
    Servers are not deterministic at temperature 0: a larger batch sums in another order. So answers among others are held
    against answers at the same concurrency with no other adapter asked, in rounds that take turns, and an answer that parts
    from the one alone where both tokens were about as likely (0.5 nats) counts as unchanged.

    An answer that is another's, word for word, and that the adapter gave neither alone nor under its own load, is evidence
    by itself if it has four words or more and the adapter's answers are else steady: one of them where logprobs rule a tie out,
    two where there are none (of a single one LD417 speaks). Else, and for other changes, exact sign tests decide, of each
    adapter and of all together. Without logprobs changes that are nobody's answer are a warning: batches of several adapters
    may round otherwise than those of one.

    Measured on a small model in BF16: batches of eight changed 25% to 33% of greedy answers, of one adapter as often as of
    several, and every one at a place where both tokens were within 0.07 nats.

    Simulated with three models of 32 prompts, 2,000 servers each. False alarms: none on servers that repeat themselves, and
    none with logprobs, whether 2%, 5% or 20% of answers change; without logprobs at most 0.8% of servers, also where one change
    in five is another's answer, or load changes five times as many; at most 0.4% where all answers are one word and each change
    is another's. Of servers that mix up 2% of answers under load 98.5% were found with logprobs and 76% without; of 5%, all and
    99.6%; of 10%, all; of 10% where 5% of answers change as well, all and 94.5%.

    ## What to do
    The JSON report has examples: hashes, or texts with ``--show-text``. See whether the server caches by prompt alone, and its
    known faults with several adapters.
    """
    found = served(evidence)
    for row in rows(evidence):
        load = f"of {plural(row.loaded, 'answer')} under load"
        if row.isolation == "mixed-up":
            takers = listed([f"{called(name)} ({count:,}×)" for name, count in row.takers.items()], 3)
            yield Match(
                f"{called(row.name)}: {row.taken:,} {load}, word for word, {verb(row)} what others say "
                f"alone: {takers}; without others around {row.taken_own:,} of {row.own:,}",
                modules=[row.name],
                observed=row.taken,
                threshold=1 if found and found.logprobs else limits["taken"],
            )
        elif row.isolation == "changed":
            yield Match(
                f"{called(row.name)}: {row.changed_loaded:,} {load} are others than alone, {row.changed_own:,} of {row.own:,} "
                f"without others (p = {least(row.p, found.p if found else None):.2g})",
                modules=[row.name],
                observed=least(row.p, found.p if found else None),
                threshold=limits["alpha"],
                # Batches of several adapters may round otherwise than those of one; only logprobs tell that apart.
                severity=None if found and found.logprobs else Severity.WARNING,
                confidence=None if found and found.logprobs else Confidence.MEDIUM,
            )


@rule(
    "LD416",
    "slow-switches",
    Severity.WARNING,
    source="measured on this server: pairs of requests after the same and after another adapter, bootstrap of their medians",
    advice="Let the server hold more adapters at once (vLLM: --max-loras), or send each adapter's requests together.",
    confidence=Confidence.MEDIUM,
    thresholds=(
        Threshold("ratio", 2.0, "times the first token may take after a switch", "convention"),
        Threshold("milliseconds", 50.0, "difference of the medians below which nobody waits", "convention"),
    ),
)
def slow_switches(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The first token takes much longer right after a request to another adapter.

    ## Why it matters
    A server that has room for fewer adapters than it serves loads them again and again. Users of rare adapters wait.

    ## How sure
    The whole 95% interval of the ratio lies above the threshold. Times include the network; requests come one by one, and
    to prompts that were asked before.

    ## What to do
    See how many adapters the server holds at once, and how many are asked within a second.
    """
    found = served(evidence)
    times = found.times if found else None
    if times is None or times.low is None or times.switch is None or times.stay is None or times.ratio is None:
        return
    if times.low > limits["ratio"] and times.switch - times.stay > limits["milliseconds"]:
        slowest = [row for row in rows(evidence) if row.times and (row.times.ratio or 0) > limits["ratio"]]
        yield Match(
            f"first token after a switch: {times.switch:,.0f} ms, else {times.stay:,.0f} ms: {times.ratio:.1f} times as long "
            f"({times.low:.1f} to {times.high or times.low:.1f}) over {plural(times.n, 'pair')} of requests",
            modules=[row.name for row in slowest],
            observed=times.low,
            threshold=limits["ratio"],
        )
