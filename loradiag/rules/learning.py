"""LD710 to LD713: what was learned by heart, and what should be served in place of the whole adapter."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.forgetting import Forgetting
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural, printable


def _found(evidence: Evidence) -> Forgetting | None:
    return evidence.measurements.forgetting


@rule(
    "LD710",
    "training-data-recited",
    Severity.ERROR,
    source="Carlini et al., arXiv 2202.07646: verbatim continuation of training documents from their own beginnings",
    advice="Remove duplicates and private data from the training set, train for fewer epochs, or lower the rank.",
    thresholds=[
        Threshold("alpha", 0.01, "chance that as many recitations come of text that was not trained on", "convention"),
        Threshold("most", 0.0, "share of prompted training documents that may be recited", "convention"),
    ],
)
def training_data_recited(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter continues training documents verbatim, more often than text that it has not seen.

    ## Why it matters
    Whoever can prompt the model can read the training data. It is also a sign of too many epochs.

    ## How sure
    Held-out text of the same kind is prompted as well: what is recited of it, by its nature, is the false-positive rate. What
    the base writes too does not count, nor what several documents share. An exact test compares both rates.

    ## What to do
    Deduplicate the training data and remove what must not come out; train for fewer epochs.
    """
    found = _found(evidence)
    memory = found.memorisation if found else None
    if memory is None or not memory.prompted or memory.p_value is None:
        return
    recited, asked = memory.recited + memory.others_recited, memory.prompted + memory.others
    if recited / asked > limits["most"] and memory.p_value < limits["alpha"]:
        bound = "" if memory.false_positives is None else f", at most {memory.false_positives:.1%} by chance"
        control = f"of held-out ones {memory.control_recited:,} of {memory.control_prompted:,}{bound}"
        more = f"; {memory.others_recited:,} more came out unprompted" if memory.others_recited else ""
        yield Match(
            f"recites {memory.recited:,} of {plural(memory.prompted, 'training document')} that were prompted, in runs of "
            f"{memory.span:,} tokens or more; {control}{more}",
            observed=recited / asked,
            threshold=limits["most"],
        )


@rule(
    "LD711",
    "training-data-remembered",
    Severity.WARNING,
    source="loss-based membership inference (Yeom et al., arXiv 1709.01604), with the base as the reference",
    advice="See the same advice as for recited data; likelihoods alone do not let anyone read the data.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("alpha", 0.01, "chance that so many documents are flagged if none is remembered", "convention"),
        Threshold(
            "factor", 2.0, "times the expected number of flagged documents from which this is said", "convention"
        ),
    ],
)
def training_data_remembered(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Training documents became likelier than held-out text of the same kind, so that one can tell which were trained on.

    ## Why it matters
    It is memorisation that does not (yet) come out word by word: who trained on what can be told.

    ## How sure
    A document is flagged if it lies further below what the base lets expect, in nats per token, than all but the stated share
    of the held-out ones. These have to be drawn as the training data was: text of another time or place can be told by what
    it is about.

    ## What to do
    Train for fewer epochs, on more or deduplicated data.
    """
    found = _found(evidence)
    memory = found.memorisation if found else None
    if memory is None or memory.flag_rate is None or memory.flag_p is None or not memory.documents:
        return
    share = memory.flagged / memory.documents
    if memory.flag_p < limits["alpha"] and share > limits["factor"] * memory.flag_rate:
        yield Match(
            f"{memory.flagged:,} of {plural(memory.documents, 'training document')} ({share:.1%}) can be told from "
            f"held-out text, of which {memory.flag_rate:.1%} would be flagged",
            observed=share,
            threshold=limits["factor"] * memory.flag_rate,
        )


@rule(
    "LD712",
    "weaker-form-keeps-more",
    Severity.INFO,
    source="interpolation between base and fine-tuned weights (Wortsman et al., arXiv 2109.01903)",
    advice="Write it with --sweep --write DIR and measure it once more.",
)
def weaker_form_keeps_more(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A weaker form of the adapter keeps the base's abilities within the margin, at a cost that was measured.

    ## Why it matters
    Forgetting grows with the size of the update; what was learned saturates. Between the two there is often a better trade.

    ## What to do
    Write it with ``--write DIR``, and measure it once more as you would any other adapter.
    """
    found = _found(evidence)
    sweep = found.sweep if found else None
    if sweep is None or sweep.chosen is None:
        return
    best = next((row for row in sweep.candidates if row.name == sweep.chosen), None)
    if best is None or best.kind in ("adapter", "base") or best.kept_report is None or best.loss_report is None:
        return
    yield Match(
        f"{printable(best.name)} keeps {best.kept_report:.0%} of what was gained on the domain; no task loses more than "
        f"{max(best.loss_report, 0.0):.1%} of the base's score (on documents that it was not chosen by)",
        observed=best.loss_report,
        threshold=sweep.margin,
    )


@rule(
    "LD713",
    "tokenizer-differs",
    Severity.WARNING,
    source="loradiag",
    advice="Name the tokenizer that is served, for base and adapter alike: --tokenizer DIR.",
)
def tokenizer_differs(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The tokenizer that lies beside the adapter is not the base's, which was used for both.

    ## Why it matters
    If the adapter is served with its own tokenizer or chat template, prompts are others than those that were asked here.

    ## What to do
    Give the tokenizer that is served: ``--tokenizer`` uses one for both models, so that they are asked the same.
    """
    found = _found(evidence)
    if found is not None and found.tokenizer_differs:
        yield Match(f"the adapter's tokenizer {printable(found.tokenizer_differs)}; the base's was used for both")
