"""LD608, LD611 and LD614: whether enough was measured of a merge, and beside the right reference."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.beside import BaseFacts
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import EVERY_ROUTE, Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural, printable
from loradiag.rules.merge import measured


@rule(
    "LD608",
    "too-little-text",
    Severity.WARNING,
    source="convention: intervals from a bootstrap over fewer than 20 clusters are too narrow (Cameron, Gelbach & Miller 2008)",
    advice="Give more prompts: 100 and more make narrow intervals.",
    undecided=True,
    thresholds=[
        Threshold("least_sequences", 20, "sequences below which outputs are no evidence", "convention"),
        Threshold("least_tokens", 1000, "predicted tokens below which outputs are no evidence", "convention"),
    ],
)
def too_little_text(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The outputs were measured on too few samples to be evidence.

    ## Why it matters
    One prompt shows that a model runs. Samples differ more from each other than routes do.

    ## What to do
    Give more prompts of the kind that users send.
    """
    merge = evidence.measurements.merge
    outputs = merge.outputs if merge else None
    if outputs is None:
        return
    few = outputs.sequences < limits["least_sequences"]
    if few or outputs.tokens < limits["least_tokens"]:
        message = f"{plural(outputs.sequences, 'sample')} of {outputs.tokens:,} tokens in all are too little evidence"
        observed, threshold = (
            (outputs.sequences, limits["least_sequences"]) if few else (outputs.tokens, limits["least_tokens"])
        )
        yield Match(message, observed=float(observed), threshold=threshold, route=EVERY_ROUTE)


@rule(
    "LD611",
    "outputs-not-measured",
    Severity.INFO,
    source="loradiag: in four bits the delta gain is near 1 whatever becomes of the outputs",
    advice="Give --prompts.",
    undecided=True,
    thresholds=[
        Threshold("least_bits", 16, "bits an entry below which weights alone decide nothing but failure", "loradiag")
    ],
)
def outputs_not_measured(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A route that quantizes the sum, or stores FP16 where the base is wider, was judged by its weights alone.

    ## Why it matters
    A quantizer that is given W + ΔW keeps the update on average, so the gain is near 1; what its own error does to the
    outputs, no measure of the weights tells. Nor whether sums in a forward pass exceed the range of FP16.

    ## What to do
    Give ``--prompts`` with a hundred samples or more.
    """
    merge = evidence.measurements.merge
    if merge is None or merge.outputs is not None:
        return
    base = evidence.measurements.base
    for row in measured(evidence):
        if row.bits < limits["least_bits"]:
            message = f"{row.route}: weights alone do not tell what {row.storage} does to the outputs"
            yield Match(message, route=row.route)
        elif row.storage == "fp16" and not (base and base.dtype == "F16"):
            message = (
                f"{row.route}: weights alone do not tell whether activations of a {_format(base)} model overflow FP16"
            )
            yield Match(message, route=row.route)


def _format(base: BaseFacts | None) -> str:
    return printable(base.dtype) if base and base.dtype else "wider"


@rule(
    "LD614",
    "training-precision-assumed",
    Severity.INFO,
    source="PEFT's configuration does not record how the base was loaded",
    advice="Say it: --trained-on nf4, bf16, ….",
    confidence=Confidence.MEDIUM,
)
def training_precision_assumed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The precision of the base during training was not said, and the reference depends on it.

    ## Why it matters
    An adapter trained over an NF4 base has learned to make up for that base's rounding errors. Compared with the 16-bit base
    every route looks different.

    ## What to do
    Name it with ``--trained-on``.
    """
    merge = evidence.measurements.merge
    if merge is None or merge.outputs is None or merge.trained_on_source in ("given", "stored"):
        return
    how = "as its name says" if merge.trained_on_source == "named" else "assumed"
    yield Match(f"the reference is the adapter over a base in {merge.trained_on} ({how})")
