"""LD414 and LD417 to LD419: as whom an adapter that is served answers."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.served import Served, ServedModel
from loradiag.core.text import listed, plural
from loradiag.rules.served import REPEATS, called, least, rows, served, verb

_SILENT = "vllm#34186 and vllm#55193: adapters that were loaded, listed, and served as the base"
_EXACT = 1e-6
"""Nats: what writing numbers as text may lose."""


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

    Simulated, 2,000 servers each, 32 prompts, as many as are asked by default: with logprobs every silent adapter was found on
    a server that repeats itself, 98.4% on one that changes 5% of its answers, 82% on one that changes 20%. Without, all on a
    server that repeats itself, 89% where 5% of answers change; by 24 prompts none. No live adapter with one text in three of
    its own was taken for the base, also without logprobs. Nor was one with the base's texts and logprobs 0.02 nats apart, on a
    server that repeats itself; 0.5% were where logprobs wander by 0.01, and 97% by 0.03: such an effect is below the noise. Of
    adapters that change one text in twenty 18% were taken for the base by 32 texts alone, and 12% by 40.

    ## What to do
    Ask with ``--prompts`` of the adapter's own domain: elsewhere an adapter may answer as its base does. Then see the server's
    log, and ``loradiag inspect`` for what servers do not take (DoRA, ``modules_to_save``, ranks).
    """
    found = served(evidence)
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
    "LD417",
    "serving-undecided",
    Severity.INFO,
    source=REPEATS,
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
    found = served(evidence)
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
                f"{called(row.name)}: {row.taken:,} of {plural(row.loaded, 'answer')} under load, word for word, {verb(row)} "
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
        return f"{called(row.name)}: {few}: too few differ to be no noise (p = {least(beside.p):.2g})"
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
    found = served(evidence)
    base = {row.name for row in rows(evidence) if row.beside_status in ("same", "as-told")}
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
    found = served(evidence)
    for row in found.adapters if found else ():
        if row.beside_status == "unlike-told" and row.beside is not None:
            yield Match(
                f"{called(row.name)}: its update is zero, and {row.beside.n - row.beside.same:,} of "
                f"{plural(row.beside.n, 'answer')} are not those of {called(row.beside.other)}",
                modules=[row.name],
                observed=row.beside.p,
            )
