"""LD112 to LD116: whether all that lies there is accounted for: files, parts, tensors, the configuration and its targets."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.common import names, where
from loradiag.rules.integrity import problems_of


@rule(
    "LD112",
    "conflicting-weight-files",
    Severity.ERROR,
    source="PEFT prefers .safetensors; other loaders take the first file that they find",
    advice="Remove the file that is out of date.",
)
def conflicting_weight_files(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Another weight file beside the one that was read holds other values.

    ## Why it matters
    Which of the two is served depends on the loader and its version.

    ## How it is known
    Every tensor's bytes are hashed and the two sets compared. Torch archives are compared record by record, without
    unpickling anything. A file that cannot be compared is named with low confidence, as a warning.

    ## What to do
    Keep one.
    """
    for problem in problems_of(evidence, "conflicting-files"):
        yield Match(problem.detail)
    for problem in problems_of(evidence, "unread-weights"):
        yield Match(problem.detail, severity=Severity.WARNING, confidence=Confidence.LOW)


@rule(
    "LD113",
    "unsupported-parts",
    Severity.WARNING,
    source="loradiag",
    advice="What is named was not analysed; judge it by what it does on your evaluation.",
    undecided=True,
)
def unsupported_parts(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Parts of the adapter are of a kind that loradiag knows and cannot analyse.

    ## Why it matters
    A verdict over the rest would pass for one over the whole. So the verdict is ``inconclusive``, unless something else
    fails. A policy with ``inconclusive = "fail"`` makes the gate fail.

    ## What to do
    All tensors were still checked for NaN and infinity. For more, measure what the adapter does.
    """
    parts = evidence.accounting.unsupported
    if parts:
        reasons = list(dict.fromkeys(part.reason for part in parts))
        yield Match(
            f"{plural(len(parts), 'tensor')} of {evidence.accounting.total:,} not analysed: "
            f"{listed([printable(reason) for reason in reasons], 2)}",
            observed=len(parts),
            threshold=0,
        )
    unknown = problems_of(evidence, "not-analysed")
    if unknown:
        yield Match(
            f"{plural(len(unknown), 'update')} could not be computed: {unknown[0].detail} ({where(unknown)})",
            modules=names(unknown),
            observed=len(unknown),
            threshold=0,
        )
    if not parts and evidence.measurements.integrity and not evidence.subject.modules and evidence.accounting.total:
        yield Match("no module could be analysed", observed=0)


@rule(
    "LD114",
    "unexpected-tensors",
    Severity.WARNING,
    source="loradiag",
    advice="Find out what wrote them; a loader ignores them or stops at them.",
)
def unexpected_tensors(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The file holds tensors that an adapter of its layout does not have.

    ## Why it matters
    Most loaders drop what they do not know without a word. If it was trained, it is lost; if it was smuggled in, it
    should not be there.

    ## What to do
    A renamed key after an upgrade of a library looks like this too: compare the names with those of the base.
    """
    unexpected = evidence.accounting.unexpected
    if unexpected:
        shown = [shorten(printable(name), 60) for name in unexpected]
        yield Match(
            f"{plural(len(unexpected), 'tensor')} of no known use: {listed(shown, 3)}",
            observed=len(unexpected),
            threshold=0,
        )


@rule(
    "LD115",
    "missing-configuration",
    Severity.WARNING,
    source="PEFT and MLX write adapter_config.json beside the weights",
    advice="Restore adapter_config.json; without it no loader knows the scale or the base.",
)
def missing_configuration(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """There is no configuration beside the weights.

    ## Why it matters
    α, the base and the targets stand only there. Without α every scale in this report is an assumption.

    ## What to do
    Fetch the file, or name the directory that holds both.
    """
    integrity = evidence.measurements.integrity
    if integrity and not integrity.unreadable and integrity.config_expected and not integrity.has_config:
        yield Match("no adapter_config.json beside the weights: scale and base are unknown")


_BENIGN_TARGETS = ("classifier", "score")


@rule(
    "LD116",
    "target-matched-nothing",
    Severity.WARNING,
    source="PEFT raises only if no target at all matches",
    advice="Correct the name in target_modules; compare it with the base's module names.",
    confidence=Confidence.MEDIUM,
)
def target_matched_nothing(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An entry of ``target_modules`` accounts for no module of the adapter.

    ## Why it matters
    PEFT says nothing as long as one entry matches, so a typing error leaves a whole role untrained.

    ## What to do
    Lists that serve several model families carry names of other families; then it is harmless.
    """
    coverage = evidence.measurements.coverage
    missing = [t for t in coverage.targets if t.matched == 0 and t.target not in _BENIGN_TARGETS] if coverage else []
    if missing and coverage:
        shown = [f'"{shorten(printable(target.target), 60)}"' for target in missing]
        yield Match(
            f"{listed(shown)} of target_modules matched nothing ({len(missing)} of {len(coverage.targets)} entries)",
            observed=0,
            threshold=1,
        )
