"""LD509, LD510, LD513 and LD514: is this the adapter, and this the base, that the stamp is about?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from loradiag.core.findings import Confidence, Severity
from loradiag.core.identity import Provenance
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, printable, shorten

# What a model has one row of for each token, by the names that checkpoints give it.
_VOCABULARY = re.compile(
    r"(^|\.)(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|shared|lm_head|embed_out|output)$"
)


def _read(evidence: Evidence) -> Provenance | None:
    """What the stamp says, where there is one that could be read."""
    provenance = evidence.measurements.provenance
    return provenance if provenance and provenance.problem is None else None


@rule(
    "LD509",
    "base-differs-from-stamp",
    Severity.ERROR,
    source="hashes of the weights: SHA-256",
    advice="Serve it on the base that it is stamped with. If this one is right, stamp it anew: loradiag stamp --force.",
)
def base_differs_from_stamp(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base given is not the one that the stamp names.

    ## Why it matters
    An update was fitted to one set of weights. On others of the same shape it loads without an error and does harm, and
    every number measured against them is about a pair that was never trained. A base that is quantized has other bytes than
    the one it was made from, so there a difference is expected and only worth a look.

    ## What to do
    Compare names and revisions. Where only the embedding and the head differ, the vocabulary was resized on one side. Where
    everything differs, it is another model, another training run, or the same in another number format.
    """
    stamp, base = _read(evidence), evidence.measurements.base
    if stamp is None or stamp.base_match is not False:
        return
    stamped = _named(stamp.base_name, stamp.base_revision)
    given = _named(base.name, base.revision) if base else "another"
    quantized = base.scheme if base else None
    hint = f" (the base given is quantized: {printable(quantized)})" if quantized else ""
    yield Match(
        f"stamped with {stamped}, given {given}: {_difference(stamp)}{hint}",
        observed=len(stamp.differing),
        threshold=0,
        severity=Severity.WARNING if quantized else None,
        confidence=Confidence.LOW if quantized else None,
    )


def _named(name: str | None, revision: str | None) -> str:
    shown = f'"{shorten(printable(name or "?"), 80)}"'
    return f"{shown} at {shorten(printable(revision), 12)}" if revision else shown


def _difference(stamp: Provenance) -> str:
    differing = [shorten(printable(part), 60) for part in stamp.differing]
    if not differing:
        return "all sampled blocks agree, other bytes do not"
    if len(differing) == stamp.parts:
        return f"all {stamp.parts:,} parts differ"
    said = f"{len(differing):,} of {stamp.parts:,} parts differ ({listed(differing, 3)})"
    resized = all(_VOCABULARY.search(part) for part in stamp.differing)
    return f"{said}, so the vocabulary may have been resized" if resized else said


@rule(
    "LD510",
    "stamp-of-other-weights",
    Severity.ERROR,
    source="hashes of the weights: SHA-256",
    advice="If these are the weights that you mean, stamp them anew: loradiag stamp --force. Else fetch the stamped ones.",
)
def stamp_of_other_weights(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The weights beside the stamp are not the ones that it was written for.

    ## Why it matters
    Base, data and evaluation in the stamp are those of another file. Either the weights were replaced after they were
    evaluated, or the stamp was copied from another adapter. Whoever trusts it is misled, which is worse than no stamp; and
    a hash has no false alarms. So this is an error.

    ## What to do
    Find out which of the two is newer. Training on, resizing, converting or casting an adapter gives other weights, which
    want an evaluation and a stamp of their own.
    """
    stamp = _read(evidence)
    if stamp and stamp.weights_match is False:
        created = f" of {shorten(printable(stamp.created), 30)}" if stamp.created else ""
        yield Match(f"{printable(stamp.file)}{created} was written for other weights")


@rule(
    "LD513",
    "unreadable-stamp",
    Severity.WARNING,
    source="loradiag",
    advice="Write it anew: loradiag stamp --force. Or delete it.",
)
def unreadable_stamp(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """There is a stamp beside the adapter, and it cannot be read.

    ## Why it matters
    Nothing shows that adapter and base are the ones that were evaluated, although somebody meant to show it.

    ## What to do
    The message says what is wrong. A stamp of a newer loradiag wants that version.
    """
    provenance = evidence.measurements.provenance
    if provenance and provenance.problem is not None:
        yield Match(f"{printable(provenance.file)} {printable(provenance.problem)}")


@rule(
    "LD514",
    "incomplete-provenance",
    Severity.INFO,
    source="Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993)",
    advice="Add what is missing: loradiag stamp --update.",
)
def incomplete_provenance(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The stamp does not say whose the adapter is, what it was trained with, or what it scored.

    ## Why it matters
    Months later these are the questions: whom to ask, whether a recalled data set went into it, whether it was ever good.

    ## What to do
    ``loradiag stamp ADAPTER --update --owner … --data … --evaluation …`` adds them without reading the base again.
    """
    stamp = _read(evidence)
    if stamp is None:
        return
    missing = _missing(stamp)
    if missing:
        yield Match(f"the stamp says nothing of {listed(missing)}", observed=len(missing), threshold=0)


def _missing(stamp: Provenance) -> Sequence[str]:
    said = {"the owner": stamp.owner, "the training data": stamp.data_sha256, "an evaluation": stamp.evaluation}
    return [what for what, value in said.items() if not value]
