"""LD401 to LD405: what the adapter reaches, as far as it can tell by itself."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.coverage import Coverage
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, plural, printable


def _roles(coverage: Coverage, prefix: str) -> set[str]:
    return {role for role in coverage.roles if role.startswith(prefix)}


@rule(
    "LD401",
    "attention-only",
    Severity.INFO,
    source="Biderman et al. 2024 (arXiv 2405.09673): targeting all linear layers matters more than the rank",
    advice="If the adapter learned too little, target the MLP too (target_modules='all-linear').",
)
def attention_only(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Only attention is adapted, no part of the MLP.

    ## Why it matters
    It is the commonest choice (72 of 89 public configurations) and often the weaker one: most parameters, and much of
    what a model knows, sit in the MLP.

    ## What to do
    Nothing, if it does its work.
    """
    coverage = evidence.measurements.coverage
    if coverage is None:
        return
    attention = _roles(coverage, "attention") | _roles(coverage, "cross_attention")
    if attention and not coverage.roles.keys() - attention:
        yield Match(f"only attention is adapted ({listed(sorted(attention), 8)})")


@rule(
    "LD402",
    "incomplete-mlp",
    Severity.INFO,
    source="Biderman et al. 2024 (arXiv 2405.09673)",
    advice="Target gate, up and down together.",
    confidence=Confidence.MEDIUM,
)
def incomplete_mlp(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A part of the MLP is adapted and another part is not.

    ## Why it matters
    A list of targets that names ``up_proj`` and forgets ``down_proj``, or a name that means two things: GPT-2's
    ``c_proj`` is in the attention and in the MLP, whose other half ``c_fc`` is then left out.

    ## What to do
    Nothing, if it was meant.
    """
    coverage = evidence.measurements.coverage
    if coverage is None:
        return
    mlp = _roles(coverage, "mlp.")
    up = mlp & {"mlp.up", "mlp.gate", "mlp.gate_up"}
    if mlp and not (up and "mlp.down" in mlp):
        lacking = "mlp.down" if up else "mlp.up (and mlp.gate)"
        yield Match(f"{listed(sorted(mlp))} adapted, {lacking} not")


@rule(
    "LD403",
    "embedding-or-norm-targeted",
    Severity.INFO,
    source="loradiag",
    advice="Check that the server supports it (see the deployability table) and that the vocabulary is the base's.",
)
def embedding_or_norm_targeted(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Embeddings or normalisations are adapted or saved.

    ## Why it matters
    Few servers take them, and an embedding whose vocabulary was resized fits only a base resized the same way.

    ## What to do
    Make sure that it was meant.
    """
    coverage = evidence.measurements.coverage
    if coverage is None:
        return
    found = [role for role in ("embedding", "norm") if role in coverage.roles]
    saved = [
        name for name in coverage.saved_modules if name.split(".")[-1] in ("embed_tokens", "wte", "word_embeddings")
    ]
    if found or saved:
        yield Match(f"adapts or saves {listed([*found, *map(printable, saved)])}", modules=saved)


@rule(
    "LD404",
    "head-in-play",
    Severity.INFO,
    source="peft#2777, peft#2018: tied embeddings lost on merging",
    advice="If the base ties its embeddings, untie them before merging or train both.",
    confidence=Confidence.MEDIUM,
)
def head_in_play(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The output head is adapted, or saved whole beside the adapter.

    ## Why it matters
    For a classifier it is as it must be. For a language model whose head is tied to its embeddings, merging changes both
    or loses one.

    ## What to do
    Inspect with ``--base``: where the base is known, LD411 speaks if it ties the two and this rule keeps silent.
    """
    coverage = evidence.measurements.coverage
    if coverage is None or evidence.measurements.reach is not None:  # with a base, LD411 knows whether it is tied
        return
    saved = [name for name in coverage.saved_modules if name.split(".")[-1] in ("lm_head", "embed_out")]
    if "head" in coverage.roles or saved:
        what = f"saves {listed([printable(name) for name in saved])}" if saved else "adapts the output head"
        yield Match(what, modules=saved)


@rule(
    "LD405",
    "block-missing",
    Severity.WARNING,
    source="loradiag",
    advice="Check layers_to_transform and the names of the targets; a shard may be missing.",
    confidence=Confidence.MEDIUM,
)
def block_missing(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A layer in the middle lacks what the layers around it have.

    ## Why it matters
    A hole in a regular pattern is seldom meant: an exclusion that matched too much, or part of the file that is lost.

    ## How sure
    Roles that recur every second or third layer are taken for what they are. If the configuration chose layers, the
    finding is for information only.

    ## What to do
    Compare with the configuration.
    """
    coverage = evidence.measurements.coverage
    if coverage is None or not coverage.holes:
        return
    shown = [
        f"{hole.stack + ' ' if hole.stack else ''}layer {hole.layer} without {listed(hole.roles, 3)}"
        for hole in coverage.holes
    ]
    severity = Severity.INFO if coverage.layers_chosen else None
    yield Match(
        f"{plural(len(coverage.holes), 'hole')} in the middle: {listed(shown, 3)}",
        observed=len(coverage.holes),
        threshold=0,
        severity=severity,
    )
