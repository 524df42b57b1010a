"""LD413 to LD419: what adapters that are served answer, and as whom."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.served import Served, ServedModel
from loradiag.core.text import listed, plural, printable, shorten

_SILENT = "vllm#34186 and vllm#55193: adapters that were loaded, listed, and served as the base"
_REPEATS = (
    "exact tests on answers given again: of four answers that are not all alike, two models that are one give two pairs with a "
    "chance of at most 1/7; sign tests of requests among others' beside such without"
)
_EXACT = 1e-6
"""Nats: what writing numbers as text may lose."""

_SIMULATED = "simulated servers that round: benchmarks/served.py"


def called(name: str) -> str:
    """The name of a model, safe to show."""
    return shorten(printable(name), 60)


def _verb(row: ServedModel) -> str:
    return "is" if row.taken == 1 else "are"


def _served(evidence: Evidence) -> Served | None:
    return evidence.measurements.served


def _rows(evidence: Evidence) -> list[ServedModel]:
    found = _served(evidence)
    return [*found.bases, *found.adapters] if found else []


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
    for row in _rows(evidence):
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
    "LD414",
    "serves-the-base",
    Severity.ERROR,
    source=_SILENT,
    advice="Do not send traffic: look whether the adapter was loaded, and whether its modules are ones that the server takes.",
    thresholds=(
        Threshold(
            "alpha", 0.01, "chance of a difference at least so large by noise, below which two differ", "convention"
        ),
        Threshold("prompts", 5, "prompts that are enough where logprobs are the same too", "of fewer no test can tell"),
        Threshold(
            "noise", 0.05, "nats that a server's own logprobs may wander, beyond which they tell nothing", "convention"
        ),
        Threshold("texts", 30, "prompts that are enough by texts alone", "0 of 30: fewer than 9.5% differ, at 95%"),
        Threshold(
            "texts_told", 12, "the same, of an adapter whose report says that its update is live", "0 of 12: 22%"
        ),
        Threshold(
            "live_size",
            0.02,
            "‖ΔW‖/‖W‖ from which a report's update must show in answers",
            "26 adapters trained on one base: at 0.011 next to nothing changed, from 0.045 all did",
        ),
    ),
)
def serves_the_base(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An adapter gives the base's answers, token for token, and with the base's logprobs where the server tells them.

    ## Why it matters
    It is the commonest way in which serving goes wrong without an error: module names that the server does not know, a
    request that lost its adapter in a gateway, a cache that knows prompts and not adapters. Users get the base.

    ## How sure
    Both are asked every prompt twice, alone. With logprobs: no text differs, and the logprobs of base and adapter are no
    farther apart than each is from itself. Without: no text differs on 30 prompts, or on 12 if ``--report`` says that the
    update is live; on fewer LD417 speaks. Of an adapter whose report says that its update is zero or tiny nothing else is
    expected.

    Simulated, 2,000 servers each, 24 prompts: with logprobs every silent adapter was found on a server that repeats itself,
    99.1% on one that changes 5% of its answers, 86% on one that changes 20%. No live adapter with one text in three of its
    own was taken for the base, also without logprobs. Nor was one with the base's texts and logprobs 0.02 nats apart, on a
    server that repeats itself; 2.5% were where logprobs wander by 0.01, and 96% by 0.03: such an effect is below the noise. By
    32 texts alone 18% of adapters that change one text in twenty were taken for the base.

    ## What to do
    Ask with ``--prompts`` of the adapter's own domain: elsewhere an adapter may answer as its base does. Then see the server's
    log, and ``loradiag inspect`` for what servers do not take (DoRA, ``modules_to_save``, ranks).
    """
    found = _served(evidence)
    for row in found.adapters if found else ():
        beside = row.beside
        if row.beside_status != "same" or beside is None or found is None:
            continue
        gap, noise = beside.logprob_gap, beside.logprob_noise or 0.0
        exact = gap is not None and gap <= _EXACT
        if gap is None or not found.logprobs:
            alike = "and the server tells no logprobs"
            enough = limits["texts_told"] if row.told == "live" else limits["texts"]
        else:
            most = limits["noise"]
            apart = f"and logprobs are {gap:.2g} nats apart, {noise:.2g} from themselves (at most {most:g})"
            alike, enough = "and so are all logprobs" if exact else apart, limits["prompts"]
        ties = f" ({beside.ties:,} but for a tie)" if beside.ties else ""
        told = f"; by its report the update is {row.told_size:.2g} of ‖W‖" if row.told_size is not None else ""
        same = f"{plural(beside.n, 'answer')}, all the same as those of {called(beside.other)}{ties}"
        yield Match(
            f"{called(row.name)}: {same}, {alike}{told}",
            modules=[row.name],
            observed=beside.n if beside.p is None else beside.p,
            threshold=enough if beside.p is None else limits["alpha"],
            confidence=Confidence.HIGH if exact or limits["live_size"] <= (row.told_size or 0) else Confidence.MEDIUM,
        )


@rule(
    "LD415",
    "not-isolated",
    Severity.ERROR,
    source=f"{_REPEATS}; {_SIMULATED}",
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

    Simulated with three models of 24 prompts, 2,000 servers each. False alarms: none on servers that repeat themselves, and
    none with logprobs, whether 2%, 5% or 20% of answers change; without logprobs at most 0.6% of servers, also where one change
    in five is another's answer; at most 0.8% where all answers are one word and each change is another's. Of servers that mix
    up 2% of answers under load 94% were found with logprobs and 59% without; of 5%, 99.8% and 97.5%; of 10%, all; of 10% where
    5% of answers change as well, all and 85%.

    ## What to do
    The JSON report has examples: hashes, or texts with ``--show-text``. See whether the server caches by prompt alone, and its
    known faults with several adapters.
    """
    rows = _rows(evidence)
    found = _served(evidence)
    for row in rows:
        load = f"of {plural(row.loaded, 'answer')} under load"
        if row.isolation == "mixed-up":
            takers = listed([f"{called(name)} ({count:,}×)" for name, count in row.takers.items()], 3)
            yield Match(
                f"{called(row.name)}: {row.taken:,} {load}, word for word, {_verb(row)} what others say "
                f"alone: {takers}; without others around {row.taken_own:,} of {row.own:,}",
                modules=[row.name],
                observed=row.taken,
                threshold=1 if found and found.logprobs else limits["taken"],
            )
        elif row.isolation == "changed":
            yield Match(
                f"{called(row.name)}: {row.changed_loaded:,} {load} are others than alone, {row.changed_own:,} of {row.own:,} "
                f"without others (p = {_least(row.p, found.p if found else None):.2g})",
                modules=[row.name],
                observed=_least(row.p, found.p if found else None),
                threshold=limits["alpha"],
                # Batches of several adapters may round otherwise than those of one; only logprobs tell that apart.
                severity=None if found and found.logprobs else Severity.WARNING,
                confidence=None if found and found.logprobs else Confidence.MEDIUM,
            )


def _least(*values: float | None) -> float:
    return min((value for value in values if value is not None), default=1.0)


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
    found = _served(evidence)
    times = found.times if found else None
    if times is None or times.low is None or times.switch is None or times.stay is None or times.ratio is None:
        return
    if times.low > limits["ratio"] and times.switch - times.stay > limits["milliseconds"]:
        slowest = [row for row in _rows(evidence) if row.times and (row.times.ratio or 0) > limits["ratio"]]
        yield Match(
            f"first token after a switch: {times.switch:,.0f} ms, else {times.stay:,.0f} ms: {times.ratio:.1f} times as long "
            f"({times.low:.1f} to {times.high or times.low:.1f}) over {plural(times.n, 'pair')} of requests",
            modules=[row.name for row in slowest],
            observed=times.low,
            threshold=limits["ratio"],
        )


@rule(
    "LD417",
    "serving-undecided",
    Severity.INFO,
    source=_REPEATS,
    advice="Ask with --prompts of the adapters' own domain, with more of them, or on a server that tells logprobs.",
    undecided=True,
    thresholds=(
        Threshold(
            "telling", 10, "answers under load by which adapters can be told apart, to call one isolated", "convention"
        ),
    ),
)
def serving_undecided(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Whether an adapter is served as itself, or is isolated, cannot be told by these answers.

    ## Why it matters
    That nothing was seen to be wrong is not that all is well: too few prompts, prompts to which all answer alike, a server
    whose own noise hides what is looked for, or no base to compare with.

    ## What to do
    The finding says what is missing. ``--base NAME`` names the base, ``--report`` what is to be expected of an adapter.
    """
    found = _served(evidence)
    if found is None:
        return
    alone = [row for row in found.adapters if row.base is None and row.answering not in ("never", "empty")]
    if alone:
        names = listed([called(row.name) for row in alone], 5)
        yield Match(
            f"{names}: no base to compare with",
            modules=[row.name for row in alone],
            about="base",
            advice="Name it: --base.",
        )
    for row in found.adapters:
        if row.answering in ("never", "empty"):
            continue
        if row.beside_status == "undecided" and row.beside is not None:
            yield Match(_open(row, found), modules=[row.name], about="base")
        if row.isolation == "suspect":
            takers = listed([called(name) for name in row.takers], 3)
            yield Match(
                f"{called(row.name)}: {row.taken:,} of {plural(row.loaded, 'answer')} under load, word for word, {_verb(row)} "
                f"what others say alone ({takers}): too few to be no chance",
                modules=[row.name],
                about="suspect",
                advice="Ask again, with --rounds 6.",
            )
        if row.isolation == "undecided" and row.beside_status not in ("same", "as-told", "undecided"):
            yield Match(
                f"{called(row.name)}: {row.telling:,} of {plural(row.loaded, 'answer')} under load would show a mix-up; "
                f"{limits['telling']:g} are wanted",
                modules=[row.name],
                observed=row.telling,
                threshold=limits["telling"],
                about="isolation",
            )


def _open(row: ServedModel, found: Served) -> str:
    beside = row.beside
    assert beside is not None, "asked for an adapter beside a base"
    if not beside.n:
        return f"{called(row.name)}: no prompt to which both it and {called(beside.other)} answered"
    gap, noise = beside.logprob_gap, beside.logprob_noise
    few = f"{beside.same:,} of {plural(beside.n, 'answer')} the same as those of {called(beside.other)}"
    if beside.same + beside.ties < beside.n:
        return f"{called(row.name)}: {few}: too few differ to be no noise (p = {_least(beside.p):.2g})"
    if found.logprobs and noise and gap is not None:
        return f"{called(row.name)}: {few}, logprobs {gap:.2g} nats apart and {noise:.2g} from themselves, which hides much"
    return f"{called(row.name)}: {few}{'' if found.logprobs else ', and no logprobs'}: too few prompts to say why"


@rule(
    "LD418",
    "adapters-answer-alike",
    Severity.WARNING,
    source=_SILENT,
    advice="See whether both names stand for one folder, or whether a name was not reloaded after its adapter changed.",
    confidence=Confidence.MEDIUM,
    thresholds=(
        Threshold(
            "alpha", 0.01, "chance of a difference at least so large by noise, below which two differ", "convention"
        ),
        Threshold("prompts", 5, "prompts that are enough where logprobs are the same too", "of fewer no test can tell"),
        Threshold(
            "noise", 0.05, "nats that a server's own logprobs may wander, beyond which they tell nothing", "convention"
        ),
        Threshold("texts", 30, "prompts that are enough by texts alone", "0 of 30: fewer than 9.5% differ, at 95%"),
    ),
)
def adapters_answer_alike(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters give the same answers to all prompts, with the same logprobs where the server tells them.

    ## Why it matters
    Two names for one adapter are often meant. Where they are not, one of the two is not what its users think: a version that
    was not reloaded, a path that was copied.

    ## How sure
    As for LD414. Adapters that both give their base's answers are not told of here.

    ## What to do
    Compare the files: ``loradiag compare``.
    """
    found = _served(evidence)
    base = {row.name for row in _rows(evidence) if row.beside_status in ("same", "as-told")}
    for pair in found.pairs if found else ():
        gap = pair.beside.logprob_gap
        enough = limits["texts"] if gap is None else limits["prompts"]
        if pair.alike and not {pair.name, pair.beside.other} <= base:
            most = limits["noise"]
            near = f", logprobs {gap or 0.0:.2g} nats apart (noise of at most {most:g})"
            told = f", no logprobs to tell (at least {enough:g})" if gap is None else near
            yield Match(
                f"{called(pair.name)} and {called(pair.beside.other)}: {plural(pair.beside.n, 'answer')}, all the same{told}",
                modules=[pair.name, pair.beside.other],
                observed=pair.beside.p,
                threshold=limits["alpha"],
            )


@rule(
    "LD419",
    "answers-unlike-its-report",
    Severity.ERROR,
    source="an update of zero changes nothing",
    advice="Find out what is served under this name: it is not the adapter of the report.",
)
def answers_unlike_its_report(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An adapter whose report says that its update is zero answers otherwise than its base.

    ## Why it matters
    Then it is not the adapter that answers: another file under its name, another base, or an answer of a neighbour.

    ## How sure
    By the test of LD414, at its level.

    ## What to do
    Compare the path that the server loaded with the path in the report.
    """
    found = _served(evidence)
    for row in found.adapters if found else ():
        if row.beside_status == "unlike-told" and row.beside is not None:
            yield Match(
                f"{called(row.name)}: its update is zero, and {row.beside.n - row.beside.same:,} of "
                f"{plural(row.beside.n, 'answer')} are not those of {called(row.beside.other)}",
                modules=[row.name],
                observed=row.beside.p,
            )
