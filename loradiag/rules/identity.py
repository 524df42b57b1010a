"""LD501 to LD508: does the adapter say where it belongs, and can it go where it should?"""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, printable, shorten
from loradiag.rules.common import holds_part_of_base


@rule(
    "LD501",
    "base-missing",
    Severity.WARNING,
    source="loradiag",
    advice="Record the base: base_model_name_or_path in adapter_config.json.",
)
def base_missing(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Nothing says which base the adapter was trained on.

    ## Why it matters
    On another base of the same shape it loads without an error and does harm.

    ## What to do
    Write the name and revision into the configuration.
    """
    identity = evidence.measurements.identity
    if identity and identity.base_kind == "missing":
        yield Match("no base model is named")


@rule(
    "LD502",
    "base-is-local-path",
    Severity.INFO,
    source="loradiag",
    advice="Put the hub id and the revision in its place.",
)
def base_is_local_path(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base is given as a path on the machine that trained.

    ## Why it matters
    On every other machine the path leads nowhere, or to something else.

    ## What to do
    Replace it before publishing.
    """
    identity = evidence.measurements.identity
    if identity and identity.base_kind == "local-path":
        yield Match(f'base is the local path "{shorten(printable(identity.base_name or ""), 80)}"')


@rule(
    "LD503",
    "revision-unpinned",
    Severity.INFO,
    source="loradiag",
    advice="Set revision in adapter_config.json to the commit that was trained on.",
)
def revision_unpinned(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base is named without a revision.

    ## Why it matters
    Bases change under their name: weights are re-uploaded, tokenizers and templates corrected.

    ## What to do
    Pin the commit.
    """
    identity = evidence.measurements.identity
    if identity and identity.base_kind == "hub-id" and not identity.revision:
        yield Match(f'base "{shorten(printable(identity.base_name or ""), 80)}" without a revision')


@rule(
    "LD504",
    "mixed-dtypes",
    Severity.INFO,
    source="loradiag",
    advice="Save in one format, unless the wider one is meant for a part that needs it.",
    thresholds=[
        Threshold(
            "min_share",
            0.01,
            "least share of the bytes that a second format has to hold",
            "below it are scalars and buffers",
        )
    ],
)
def mixed_dtypes(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Tensors are stored in more than one number format.

    ## Why it matters
    Parts were saved by different code, or a merge of two runs. Loaders cast all to one format, some without a word.

    ## What to do
    Find out which part differs.
    """
    identity = evidence.measurements.identity
    if identity is None:
        return
    total = sum(identity.dtypes.values()) or 1
    large = {name: size / total for name, size in identity.dtypes.items() if size / total >= limits["min_share"]}
    if len(large) > 1:
        shown = ", ".join(
            f"{printable(name)} {share:.0%}" for name, share in sorted(large.items(), key=lambda item: -item[1])
        )
        yield Match(f"stored in {shown}", observed=len(large), threshold=1)


@rule(
    "LD505",
    "pickle-only",
    Severity.WARNING,
    source="safetensors: a format that cannot carry code",
    advice="Save with safe_serialization=True and remove the .bin file.",
)
def pickle_only(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The weights are a pickle, with no safetensors file beside it.

    ## Why it matters
    Loading a pickle can run code of whoever wrote it. Many servers refuse it.

    ## What to do
    Convert once, in a place where you trust the file.
    """
    identity = evidence.measurements.identity
    if identity and identity.pickle_only:
        yield Match(f"weights are only in {listed([printable(name) for name in identity.weight_files])}")


@rule(
    "LD506",
    "not-deployable",
    Severity.INFO,
    source="sources of the named tools, in the versions named",
    advice="See the deployability table for what each tool refuses and why.",
    confidence=Confidence.MEDIUM,
)
def not_deployable(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some tools refuse the adapter, or would run it at the wrong scale without saying so.

    ## Why it matters
    It is better known before the release than at the first request.

    ## What to do
    For saved modules or DoRA, merge into the base. For patterns or rsLoRA that a server does not read, write a plain
    adapter of one rank and scale.
    """
    table = evidence.measurements.deployability
    refused = [row for row in table.targets if row.status == "no"] if table else []
    if refused:
        shown = [f"{row.target}: {row.reasons[-1]}" for row in refused]
        yield Match(
            f"{len(refused)} of {len(table.targets) if table else 0} tools refuse it or would run it wrongly "
            f"({listed(shown, 2)})",
            observed=len(refused),
            threshold=0,
        )


@rule(
    "LD507",
    "needs-modified-base",
    Severity.WARNING,
    source="Meng et al. 2024 (arXiv 2404.02948), PEFT documentation of PiSSA and OLoRA",
    advice="Convert it when saving (path_initial_model_for_weight_conversion), or keep the residual base beside it.",
    confidence=Confidence.MEDIUM,
)
def needs_modified_base(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter starts from the base's own weights, and was stored unconverted.

    ## Why it matters
    PiSSA and OLoRA move part of the base into the adapter at the start. PEFT repeats that when it loads; every tool that
    simply adds B·A to the plain base computes something else. The spectrum in this report is that of the factors as
    stored, so it holds part of the base.

    ## What to do
    Convert to a plain LoRA of twice the rank.
    """
    identity = evidence.measurements.identity
    if identity and holds_part_of_base(evidence):
        yield Match(f'initialised with "{printable(identity.init or "")}" and stored unconverted')


@rule(
    "LD508",
    "fan-in-fan-out-unset",
    Severity.INFO,
    source="PEFT sets fan_in_fan_out for Conv1D layers itself, with a warning",
    advice="Set fan_in_fan_out to true in adapter_config.json.",
    confidence=Confidence.MEDIUM,
)
def fan_in_fan_out_unset(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The targets look like GPT-2's Conv1D layers, and ``fan_in_fan_out`` is false.

    ## Why it matters
    Conv1D keeps its weight transposed. PEFT corrects the setting; a tool that trusts the file merges the transpose.

    ## What to do
    Correct the configuration. loradiag goes by the shapes.
    """
    identity = evidence.measurements.identity
    if identity and identity.conv1d_targets and identity.fan_in_fan_out is False:
        yield Match("targets of GPT-2's Conv1D kind with fan_in_fan_out = false")
