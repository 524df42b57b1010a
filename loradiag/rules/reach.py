"""LD406 to LD412: what the adapter reaches of the base that it is inspected against."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Severity
from loradiag.core.reach import Reach
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, plural, printable, shorten

_STACKED = {"gate_proj": "gate_up_proj", "up_proj": "gate_up_proj", "w1": "gate_up_proj", "w3": "gate_up_proj"}


def _shown(names: Iterable[str], most: int = 3) -> str:
    return listed([shorten(printable(name), 80) for name in names], most)


@rule(
    "LD406",
    "module-not-in-base",
    Severity.ERROR,
    source="PEFT leaves out what it cannot place, with a warning at most; unsloth-zoo PR#810, qlora#254: wrong base",
    advice="Name the base that the adapter was trained on.",
)
def module_not_in_base(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter changes modules that the base does not have.

    ## Why it matters
    What has no place in the base is dropped when the adapter is loaded. If none has one, the base is another than the one
    the adapter was trained on, and the model answers as if there were no adapter.

    ## How sure
    Names count as the same if they differ only in how they begin (``model.`` for ``transformer.``) or in how the experts
    of a mixture are stored. Heads that classify are new with every adapter and are not looked for.

    ## What to do
    Compare with base_model_name_or_path. A library that was upgraded in between may have renamed modules.
    """
    reach = evidence.measurements.reach
    if reach is None or not reach.absent:
        return
    count, total = len(reach.absent), _module_count(evidence)
    if count >= total:
        message = f"none of the adapter's {plural(count, 'module')} is in the base: {_shown(reach.absent)}"
    else:
        message = f"{count:,} of {plural(total, 'module')} are not in the base: {_shown(reach.absent)}"
    yield Match(message, modules=reach.absent, observed=count, threshold=0)


def _module_count(evidence: Evidence) -> int:
    integrity = evidence.measurements.integrity
    return integrity.modules if integrity else 0


def _is_another_base(evidence: Evidence, reach: Reach) -> bool:
    """Whether most modules have no place in the base: then what else it has says nothing about the adapter."""
    return 2 * (len(reach.absent) + len(reach.mismatched)) > _module_count(evidence)


@rule(
    "LD407",
    "shape-differs-from-base",
    Severity.ERROR,
    source="a product of another shape cannot be added to the weight",
    advice="Name the base that the adapter was trained on: this one has other widths.",
)
def shape_differs_from_base(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An update has another shape than the weight of the base that it is for.

    ## Why it matters
    The adapter cannot be loaded: the base is of the same family and of another size.

    ## What to do
    Compare with base_model_name_or_path.
    """
    reach = evidence.measurements.reach
    if reach is None or not reach.mismatched:
        return
    shown = [
        f"{shorten(printable(row.name), 80)} {' × '.join(map(str, row.adapter))}, base {' × '.join(map(str, row.base))}"
        for row in reach.mismatched
    ]
    count = len(reach.mismatched)
    yield Match(
        f"{plural(count, 'module')} of another shape than the base's: {listed(shown, 2)}",
        modules=[row.name for row in reach.mismatched],
        observed=count,
        threshold=0,
    )


@rule(
    "LD408",
    "linears-never-reached",
    Severity.INFO,
    source="Biderman et al. 2024 (arXiv 2405.09673): targeting all linear layers matters more than the rank",
    advice="If the adapter learned too little, target these too (target_modules='all-linear').",
)
def linears_never_reached(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Linear weights of the base are changed by no module of the adapter.

    ## Why it matters
    The full paths show what a role or a pattern left out: one tower of two, a projection with a name of its own, the
    last layers.

    ## How sure
    The output head is not counted: adapters seldom have it, and it needs care of its own. Experts have a rule of their own.

    ## What to do
    Nothing, if it was meant. The report has every name.
    """
    reach = evidence.measurements.reach
    if reach is None or not reach.linears or _is_another_base(evidence, reach):
        return
    groups = [group for group in reach.unreached if group.role not in ("head", "expert")]
    if groups:
        count = sum(len(group.names) for group in groups)
        largest = sorted(groups, key=lambda group: (-len(group.names), group.pattern))
        shown = [f"{shorten(printable(group.pattern), 80)} ({len(group.names):,})" for group in largest]
        yield Match(
            f"{count:,} of the base's {plural(reach.linears, 'linear weight')} never reached: {listed(shown, 8)}",
            observed=count,
            threshold=0,
        )


@rule(
    "LD409",
    "targeted-but-absent",
    Severity.WARNING,
    source="PEFT's resolution of target_modules against the base's names; modules that a file lacks load as no update",
    advice="Compare with what training reported as adapted; save the adapter again, or fetch the shard that is missing.",
)
def targeted_but_absent(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The targets mean modules of the base that the file has no factors for.

    ## Why it matters
    On loading, PEFT gives them fresh factors that change nothing. Part of the training was lost on saving, or never took
    place.

    ## How sure
    Targets are resolved as PEFT resolves them, layers_to_transform and exclude_modules included. Parts of the checkpoint
    that the adapter has nothing of, a vision tower for one, are not counted. Experts have a rule of their own.

    ## What to do
    Look which layers are missing: the last ones point to a truncated save, one role to a typing error in a pattern.
    """
    reach = evidence.measurements.reach
    if reach is None or _is_another_base(evidence, reach):
        return
    experts = _experts(reach) if not reach.experts_reached else set()
    skipped = [name for name in reach.skipped if name not in experts]
    if skipped:
        meant = sum(target.resolved for target in reach.targets)
        yield Match(
            f"{plural(len(skipped), 'module')} of {meant:,} that the targets mean not in the file: {_shown(skipped)}",
            modules=skipped,
            observed=len(skipped),
            threshold=0,
        )


def _experts(reach: Reach) -> set[str]:
    return {name for group in reach.unreached if group.role == "expert" for name in group.names}


@rule(
    "LD410",
    "vocabulary-differs",
    Severity.WARNING,
    source="peft#2415, peft#1932: size mismatch for embed_tokens when the adapter is loaded",
    advice="Call model.resize_token_embeddings with the adapter's number of rows before loading the adapter.",
)
def vocabulary_differs(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An embedding or a head of the adapter has another number of tokens than the base's.

    ## Why it matters
    Tokens were added, or the vocabulary was padded, before training. Loaded into the base as it is, the adapter fails with
    a size mismatch; a server that cannot resize cannot serve it. An error where the rows are those of a low-rank update:
    it can neither be loaded into this base nor merged.

    ## What to do
    Resize the embeddings of the base first, and ship the tokenizer with the adapter.
    """
    reach = evidence.measurements.reach
    if reach is None:
        return
    scale = evidence.measurements.scale
    adapted = {module.name for module in scale.modules} if scale else set()
    for part in reach.vocabulary:
        if part.base_rows is not None and part.rows != part.base_rows:
            what = "adapts" if part.name in adapted else "saves"
            yield Match(
                f"{what} {_shown([part.name])} with {part.rows:,} tokens; the base has {part.base_rows:,}",
                modules=[part.name],
                observed=part.rows,
                threshold=part.base_rows,
                severity=Severity.ERROR if part.name in adapted else None,
            )


@rule(
    "LD411",
    "tied-weights-in-play",
    Severity.WARNING,
    source="peft#2777, peft#2018: tied embeddings lost on merging",
    advice="Before merging, untie them: copy the embedding into the head and set tie_word_embeddings to false.",
)
def tied_weights_in_play(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter changes an embedding or a head, and the base keeps one weight for both.

    ## Why it matters
    While the adapter runs beside the base, embedding and head differ. A merged model that is saved with tied weights has
    one of them only: the change is lost on one side, or acts on both.

    ## What to do
    Untie before merging, or serve without merging. PEFT's ensure_weight_tying trains both as one.
    """
    reach = evidence.measurements.reach
    if reach is not None and reach.tied:
        yield Match(f"the base ties embedding and head; the adapter changes {_shown(reach.tied)}", modules=reach.tied)


@rule(
    "LD412",
    "experts-never-reached",
    Severity.INFO,
    source="unsloth#4193: experts stored as one parameter are no linear layers, and their names match nothing",
    advice="Name the experts' parameters in target_parameters (mlp.experts.gate_up_proj, mlp.experts.down_proj).",
)
def experts_never_reached(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base is a mixture of experts, and the adapter changes none of them.

    ## Why it matters
    Most parameters of a mixture are its experts'. To adapt attention alone is a choice. A warning where the targets name
    what the experts have: then it was not meant, and PEFT said nothing because other modules matched.

    ## What to do
    Nothing, if it was meant.
    """
    reach = evidence.measurements.reach
    if reach is None or not reach.experts or reach.experts_reached or not reach.reached:
        return
    meant = _means_experts(reach)
    why = ", though its targets name them" if meant else ""
    yield Match(
        f"none of the {reach.experts:,} expert weights of the base is reached{why}",
        observed=0,
        threshold=1,
        severity=Severity.WARNING if meant else None,
    )


def _means_experts(reach: Reach) -> bool:
    """Whether the targets resolve to experts, or end with the name of what they stack."""
    if not _experts(reach).isdisjoint(reach.skipped):
        return True
    words = {word for group in reach.unreached if group.role == "expert" for word in group.pattern.split(".")}
    leaves = (target.target.rpartition(".")[2] for target in reach.targets if target.kind in ("name", "parameter"))
    return any(leaf in words or _STACKED.get(leaf) in words for leaf in leaves)
