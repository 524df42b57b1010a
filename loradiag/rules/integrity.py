"""LD105 to LD111: whether values are numbers, updates do something, and factors belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from loradiag.core.findings import Severity
from loradiag.core.integrity import Integrity, Problem
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.common import names, of_all, where


def problems_of(evidence: Evidence, *kinds: str) -> list[Problem]:
    """The problems of some kinds."""
    integrity = evidence.measurements.integrity
    return [problem for problem in integrity.problems if problem.kind in kinds] if integrity else []


@rule(
    "LD105",
    "non-finite-values",
    Severity.ERROR,
    source="IEEE 754",
    advice="Go back to the last checkpoint before the loss diverged; lower the learning rate or clip gradients.",
)
def non_finite_values(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A tensor of the adapter holds NaN or infinity.

    ## Why it matters
    One NaN in one factor turns every output of the model into NaN. PEFT and most servers load such files without a
    warning.

    ## What to do
    The run diverged, or overflowed in FP16. Take an earlier checkpoint.
    """
    problems = problems_of(evidence, "nonfinite")
    if problems:
        total = sum(problem.observed or 0 for problem in problems)
        tensors = [shorten(printable(problem.tensor or "?"), 70) for problem in problems]
        yield Match(
            f"{plural(int(total), 'NaN or infinite value')} in {plural(len(problems), 'tensor')}: {listed(tensors, 2)}",
            modules=names(problems),
            observed=total,
            threshold=0,
        )


def _zero(evidence: Evidence) -> tuple[Integrity | None, list[Problem]]:
    return evidence.measurements.integrity, problems_of(evidence, "zero-update")


@rule(
    "LD106",
    "untrained-adapter",
    Severity.ERROR,
    source="Hu et al. 2021 (arXiv 2106.09685) §4.1: B starts at zero",
    advice="Train it, or find out why no gradient reached it, before shipping.",
)
def untrained_adapter(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Every update is zero: the model with this adapter is the base model.

    ## Why it matters
    LoRA starts with B = 0, so a run that took no step, froze its own parameters, or saved the wrong ones leaves this.
    It loads without a warning and does nothing. Of 90 public repositories looked at, five published such a file as
    finished work.

    ## What to do
    Check that the optimizer held the adapter's parameters and that the loss moved. With gradient checkpointing, call
    ``enable_input_require_grads()``.
    """
    integrity, zero = _zero(evidence)
    if integrity and zero and len(zero) >= integrity.modules:
        yield Match(
            f"{_every(zero)} zero ({zero[0].detail}{_never_moved(zero)}): it is the base model",
            modules=names(zero),
            observed=len(zero),
            threshold=integrity.modules,
        )


def _every(updates: Sequence[Problem]) -> str:
    return "its only update is" if len(updates) == 1 else f"all {len(updates):,} updates are"


@rule(
    "LD107",
    "dead-modules",
    Severity.ERROR,
    source="Hu et al. 2021 (arXiv 2106.09685) §4.1: B starts at zero",
    advice="If they were frozen on purpose, ignore them by name in the policy and say so; "
    "else find out why no gradient reached them.",
)
def dead_modules(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some modules have a zero update while others were trained.

    ## Why it matters
    Part of what was paid for does nothing: a layer frozen by mistake, a branch that the training data never reached
    (cross-attention on a constant prompt), parameters missing from the optimizer.

    ## How sure
    That the updates are zero is certain. Why is not in the file, with one exception: if A still has exactly its initial
    size, not even weight decay touched it. Frozen on purpose and frozen by mistake look the same; the message says where
    the dead modules lie, since a whole layer or a whole role points to intent or to one cause.

    ## What to do
    Ignore them in the policy with a reason if it was intended:

        [[ignore]]
        code = "LD107"
        modules = ["*.attn2.to_q", "*.attn2.to_k"]
        reason = "trained on a constant prompt"
    """
    integrity, zero = _zero(evidence)
    if integrity and zero and len(zero) < integrity.modules:
        yield Match(
            f"{of_all(len(zero), integrity.modules)} have a zero update: {where(zero)} ({zero[0].detail}{_never_moved(zero)})",
            modules=names(zero),
            observed=len(zero),
            threshold=0,
        )


# How far the size of A may be from its expectation by chance. Over n uniform draws the root mean square has a relative
# standard deviation of 0.447/√n: 0.7% for a factor of 4,096 entries, so 2% is three of them, and small factors get more.
_CHANCE, _CHANCE_OF_ONE = 0.02, 0.1


def _never_moved(zero: Sequence[Problem]) -> str:
    """What the size of A says about modules whose B is zero."""
    ratios = [problem.observed for problem in zero if problem.observed is not None]
    if not ratios or len(ratios) < len(zero):
        return ""
    mean = sum(ratios) / len(ratios)
    if all(abs(ratio - 1) < _CHANCE_OF_ONE for ratio in ratios) and abs(mean - 1) < _CHANCE:
        return "; A has its initial size, so no step or weight decay touched it"
    if max(ratios) < 1 - _CHANCE:
        return "; A has shrunk from its initial size, so weight decay acted on it and it was in the optimizer"
    return ""


@rule(
    "LD108",
    "unpaired-factor",
    Severity.ERROR,
    source="Hu et al. 2021 (arXiv 2106.09685) §4.1: ΔW = B·A",
    advice="Save the adapter again; half of a pair is lost.",
)
def unpaired_factor(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A module has one factor and lacks the other.

    ## Why it matters
    Loaders fill the missing half with its initial value, mostly zero, so that the module silently does nothing.

    ## What to do
    Look for a filter on names in the saving code, or a shard that was not saved.
    """
    return _structural(evidence, "unpaired", "lack one of their factors")


@rule("LD109", "shape-mismatch", Severity.ERROR, source="matrix multiplication", advice="Save the adapter again.")
def shape_mismatch(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The factors of a module do not multiply.

    ## Why it matters
    No loader can apply the module. It is mostly a sign that factors of two runs were mixed.

    ## What to do
    Save again from one run.
    """
    return _structural(evidence, "shape-mismatch", "have factors that do not multiply")


@rule(
    "LD110",
    "rank-differs-from-config",
    Severity.ERROR,
    source="PEFT builds modules from the configuration and then loads the weights into them",
    advice="Restore the configuration that the weights were trained with.",
)
def rank_differs_from_config(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The rank of the factors is not the one that the configuration gives the module.

    ## Why it matters
    PEFT refuses to load it (size mismatch), and α/r is wrong by the same factor wherever it does load.

    ## What to do
    The configuration belongs to another run, or ``rank_pattern`` was lost.
    """
    problems = problems_of(evidence, "rank-mismatch")
    if problems:
        first = problems[0]
        verb = "differs" if len(problems) == 1 else "differ"
        yield Match(
            f"{plural(len(problems), 'module')} {verb} from the configuration: {first.detail}, {where(problems)}",
            modules=names(problems),
            observed=first.observed,
            threshold=first.expected,
        )


@rule(
    "LD111",
    "zero-sized-tensor",
    Severity.ERROR,
    source="trl#4416, peft#2892: parameters saved ungathered under ZeRO-3 or FSDP",
    advice="Gather the parameters before saving (ZeRO-3: stage3_gather_16bit_weights_on_model_save).",
)
def zero_sized_tensor(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A factor has no elements.

    ## Why it matters
    Under ZeRO-3 and FSDP every rank holds a piece of each parameter; saved without gathering, the pieces are empty.

    ## What to do
    Gather, then save. Modules that AdaLoRA pruned to rank 0 are rightly empty and not meant here.
    """
    return _structural(evidence, "empty-tensor", "have a factor without elements")


def _structural(evidence: Evidence, kind: str, what: str) -> Iterator[Match]:
    problems = problems_of(evidence, kind)
    if problems:
        verb = what if len(problems) != 1 else what.replace("have", "has", 1).replace("lack", "lacks", 1)
        yield Match(
            f"{plural(len(problems), 'module')} {verb} ({problems[0].detail}): {where(problems)}",
            modules=names(problems),
            observed=len(problems),
            threshold=0,
        )
