"""LD511, LD512, LD515: does the adapter belong to the base that it is inspected against?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loradiag.core.beside import Fit
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable
from loradiag.rules.common import names

_TRIALS = (
    "measured on two small bases of one shape from different seeds and a third of another shape: 39 of 40 adapters on their "
    "own base had z from 12.7 up and one, over-scaled, −0.9; 24 on the base of the other seed had −0.7 to 1.9, and 38 on "
    "their own base with its hidden units relabelled −1.1 to 3.0. Copies of embeddings and heads: cosine 0.96 to 1.0 against "
    "at most 0.04; DoRA magnitudes: correlation 0.97 and 0.99 against 0.05 (benchmarks/evidence.py)"
)
_LEAST_Z = Threshold("least_z", 6.0, "z from which alignment speaks for this base", _TRIALS)


def _proven(evidence: Evidence) -> bool:
    provenance = evidence.measurements.provenance
    return provenance is not None and provenance.base_match is not None


def _for_base(fit: Fit, least_z: float) -> list[str]:
    """What the values say in favour of the base."""
    said = []
    if fit.alignment_z is not None and fit.alignment_z >= least_z:
        said.append(
            f"its directions lean towards the base's (z = {fit.alignment_z:.0f} against {fit.permutations} relabellings of "
            "the hidden units)"
        )
    if fit.copies and min(copy.cosine for copy in fit.copies) >= 0.5:
        said.append(f"stored copies resemble the base's (cosine {min(copy.cosine for copy in fit.copies):.2f})")
    if fit.magnitude_correlation is not None and fit.magnitude_correlation >= 0.5:
        said.append(f"DoRA magnitudes follow the base's rows (correlation {fit.magnitude_correlation:.2f})")
    return said


def _against(fit: Fit, doubtful_z: float, least_modules: float) -> list[str]:
    """What the values say against the base."""
    said = []
    aligned = fit.alignment_z is not None and fit.alignment_modules >= least_modules
    if aligned and fit.alignment_z is not None and fit.alignment_z < doubtful_z:
        said.append(
            f"its directions lean no more towards the base's than chance gives (z = {fit.alignment_z:.1f} over "
            f"{plural(fit.alignment_modules, 'module')})"
        )
    unlike = [copy for copy in fit.copies if copy.cosine < 0.5]
    if unlike:
        said.append(
            f"its stored copy of {printable(unlike[0].name)} does not resemble the base's ({unlike[0].cosine:.2f})"
        )
    if fit.magnitude_correlation is not None and fit.magnitude_correlation < 0.5:
        said.append(f"DoRA magnitudes do not follow the base's rows (correlation {fit.magnitude_correlation:.2f})")
    return said


@rule(
    "LD511",
    "base-unproven",
    Severity.INFO,
    source=_TRIALS,
    advice="Record the base's fingerprint beside the adapter: loradiag stamp ADAPTER --base BASE.",
    confidence=Confidence.MEDIUM,
    thresholds=[_LEAST_Z],
)
def base_unproven(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """No stamp says which weights the adapter was trained on; this is how well it fits the base that was given.

    ## Why it matters
    Bases of one family have equal names and shapes, and names of files can lie. An adapter on the wrong one loads without
    a warning. A fingerprint in a stamp settles the question; anything else is evidence.

    ## How sure
    Directions of an update lean towards the leading directions of the weights that it was trained on, and not towards those
    of a base from another run: see the source. They lean as well towards a close relative, such as the same base after
    another fine-tuning. So agreement means "this base or a close relative of it", and names and shapes alone mean little.

    ## What to do
    Stamp the adapter when it is trained.
    """
    fit = evidence.measurements.fit
    if fit is None or _proven(evidence) or not fit.shapes_agree:
        return
    said = _for_base(fit, limits["least_z"])
    shapes = f"{fit.shapes_agree:,} of {plural(fit.modules, 'module')} fit by name and shape"
    named = {True: ", the base's name agrees", False: ", the base's name differs", None: ""}[fit.names_agree]
    if said:
        verdict = f"supports this base or a close relative of it: {'; '.join(said)}"
    elif fit.alignment_z is None and not fit.copies and fit.magnitude_correlation is None:
        verdict = "nothing beyond that tells this base from another of its shape"
    else:
        z = "" if fit.alignment_z is None else f" (z = {fit.alignment_z:.1f} against {fit.permutations} relabellings)"
        verdict = f"the values do not speak for this base{z}"
    yield Match(f"{shapes}{named}; {verdict}", observed=fit.alignment_z, threshold=limits["least_z"])


@rule(
    "LD512",
    "base-doubtful",
    Severity.WARNING,
    source=_TRIALS,
    advice="Make sure that this is the base it was trained on, and the same revision; stamp adapters when they are trained.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        _LEAST_Z,
        Threshold("doubtful_z", 3.0, "z of the alignment below which it speaks against this base", _TRIALS),
        Threshold("least_modules", 8, "fewer modules say nothing", "the least that was measured"),
    ],
)
def base_doubtful(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Names and shapes fit, but the values look as if the adapter had been trained on another base.

    ## Why it matters
    On another base of the same shape an adapter loads without an error and does harm.

    ## How sure
    One adapter of 40 on its own base looked like this: its scale had been set so high that training pushed it anywhere. An
    adapter of a few steps, or of random factors, says nothing of a base either. A fingerprint in a stamp outweighs this
    evidence.

    ## What to do
    Compare the base with the one in the training run's records.
    """
    fit = evidence.measurements.fit
    if fit is None or _proven(evidence) or not fit.shapes_agree:
        return
    against = _against(fit, limits["doubtful_z"], limits["least_modules"])
    if against and not _for_base(fit, limits["least_z"]):
        yield Match("; ".join(against), observed=fit.alignment_z, threshold=limits["doubtful_z"])


@rule(
    "LD515",
    "base-not-compared",
    Severity.WARNING,
    source="loradiag",
    advice="Name the 16-bit checkpoint of the base.",
    undecided=True,
)
def base_not_compared(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A base was given, and some updates could not be compared with its weights.

    ## Why it matters
    What was not compared cannot have passed, so the verdict is inconclusive at best.

    ## What to do
    The message says why. Modules that the base does not have, or has in another shape, are LD406 and LD407.
    """
    relative = evidence.measurements.relative
    if relative is None:
        return
    missed = [row for row in relative.modules if row.reason and not _told(row.reason)]
    if missed:
        reasons = Counter(row.reason or "" for row in missed)
        shown = listed([f"{printable(reason)} ({count:,})" for reason, count in reasons.most_common()], 2)
        base = evidence.measurements.base
        obstacle = f"; {printable(base.obstacle)}" if base and base.obstacle else ""
        yield Match(
            f"{plural(len(missed), 'module')} not, or not wholly, compared: {shown}{obstacle}", modules=names(missed)
        )


def _told(reason: str) -> bool:
    """Whether another rule speaks of it: LD406, LD407, LD105, LD507."""
    return reason.startswith(
        ("the base has no weight", "the base's weight has another shape", "the factors hold part")
    ) or (reason == "the update has non-finite values")
