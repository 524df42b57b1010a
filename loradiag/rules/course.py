"""LD903 and LD915: whether the training loss came apart, and whether it fell at all, beside what its noise would do."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from loradiag.core.findings import Confidence, Severity
from loradiag.core.learning import held_fall, main_evaluation, summed_over, wavering
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural
from loradiag.core.trajectory import TrainingLog
from loradiag.rules.training import RUNS

_CONVENTION = "convention"
_DRAWN = "chosen on 10,470 drawn logs, and measured on others (benchmarks/validity)"
_SUMS = Threshold(
    "max_ratio", 1.8, "training loss over validation loss from which it is a sum of several (LD914)", RUNS
)


@rule(
    "LD903",
    "loss-diverged",
    Severity.ERROR,
    source=RUNS,
    advice="Do not ship the last checkpoint. Take one from before the loss rose; use a lower learning rate or a warm-up.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("min_rise", 0.3, "rise of the smoothed training loss from its least to its end, in nats", RUNS),
        Threshold(
            "min_over_noise", 2.5, "the same rise, in standard errors of a difference of smoothed values", _DRAWN
        ),
        Threshold("lost_share", 0.5, "share of what had been gained from which its loss is an error", _CONVENTION),
        _SUMS,
    ],
)
def loss_diverged(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The training loss rose and stayed up: the run came apart.

    ## Why it matters
    A diverged adapter loads without a warning and ruins the model.

    ## How sure
    The loss is smoothed by running medians of a tenth of the log, so that a single bad batch is none. Of 12 runs at 30 and 100
    times the usual learning rate 7 rose by 0.49 to 2.5 nats; the others, which never learned much to lose, by up to 0.23.
    Of 61 others none rose by more than 0.12. It is an error where half of what was gained is lost, and else a warning. A short
    log of small batches rises so far by luck: what lies within its noise is a note. Of 360 drawn logs of thirty losses of
    batches of two that had not come apart 127 rose so, and 6 beyond their noise; of 80 that had, by 0.5 nats and more, 31 rose
    within it. Where the trainer logged sums over accumulation steps (LD914), rises are taken as parts of that sum.

    ## What to do
    Look for the step where the loss turned; everything after it is of no use.
    """
    log = evidence.measurements.training_log
    if log is None or log.level is None:
        return
    level = log.level
    rise, gained = level.end - level.least, level.start - level.least
    times = summed_over(log, limits["max_ratio"])
    if rise / times < limits["min_rise"]:
        return
    share = rise / gained if gained > 0 else float("inf")
    lost = f", {share:.0%} of what had been gained" if gained > 0 else ""
    sums = f" (sums of about {times:.1f} losses)" if times > 1 else ""
    # Reports before schema 1.8 have no course: what was a rise in them still is one.
    lucky = log.course is not None and rise < limits["min_over_noise"] * log.course.level_error
    why = f"; that is within its noise, ± {log.course.level_error:.2f}" if log.course and lucky else ""
    graver = None if share >= limits["lost_share"] else Severity.WARNING
    yield Match(
        f"the training loss{sums} rose from {level.least:.2f} at step {level.least_step:,} to {level.end:.2f} at the "
        f"end{lost}{why}",
        observed=rise / times,
        threshold=limits["min_rise"],
        severity=Severity.INFO if lucky else graver,
        confidence=Confidence.LOW if lucky else None,
        advice="Log more values, or evaluate on held-out text: this log is too noisy to tell." if lucky else None,
    )


@rule(
    "LD915",
    "loss-never-fell",
    Severity.WARNING,
    source=RUNS,
    advice="Check the learning rate, that the adapter's weights require gradients, and that labels are not all masked.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold("min_fall", 0.02, "fall of the training loss that is none, in nats", _CONVENTION),
        Threshold("over_noise", 2, "standard errors up to which a fall is its luck", "convention"),
        Threshold("max_luck", 0.05, "fall that is called luck at most, however large the noise, in nats", _DRAWN),
        Threshold("min_logs", 20, "logged values that it takes to tell", _CONVENTION),
        _SUMS,
    ],
)
def loss_never_fell(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The training loss at the end is no lower than at the start, beside what its noise does.

    ## Why it matters
    Nothing was learned: a learning rate near zero, frozen weights, or nothing to learn from.

    ## How sure
    The fall is that of a line over the logarithm of the place, beside its standard error; neither it nor the smoothed loss at
    the start and the end may differ by more than two of those, and validation may not have fallen either. A fall of 0.05 nats
    or more is never called none: where the noise hides as much, a note says that this log cannot tell. On 7,400 drawn logs on
    which nothing was chosen it found 202 of 220 that learned nothing, and fired on none of 4,060 others; of 760 sound ones
    whose noise hides nearly all that they gained, on 43. Reports before schema 1.8 hold no noise: in those a smoothed fall
    below 0.02 nats fires. A model that knows its data already gives the same picture.

    ## What to do
    Look at the update: one of zero says that no step was taken (LD106).
    """
    log = evidence.measurements.training_log
    if log is None or log.level is None or log.count < limits["min_logs"]:
        return
    none = limits["min_fall"]
    smoothed = log.level.start - log.level.end
    said = f"the training loss went from {log.level.start:.3f} to {log.level.end:.3f} over {plural(log.count, 'log')}"
    if log.course is None:
        if smoothed < none:
            yield Match(said, observed=smoothed, threshold=none)
        return
    times, sure = summed_over(log, limits["max_ratio"]), limits["over_noise"]
    if smoothed / times >= max(none, sure * log.course.level_error / times) or _validation_fell(log, none, sure):
        return
    fall, luck = log.course.fall / times, sure * log.course.fall_error / times
    most = max(none, min(luck, limits["max_luck"]))
    said += f"; a line through it falls by {log.course.fall:.3f} ± {log.course.fall_error:.3f}"
    if fall < most:
        yield Match(said, observed=fall, threshold=most)
    elif fall < luck:
        yield Match(
            f"{said}: too noisy to tell whether it fell",
            observed=fall,
            threshold=luck,
            severity=Severity.INFO,
            advice="Log more values, or evaluate on held-out text before training and after it.",
        )


def _validation_fell(log: TrainingLog, none: float, sure: float) -> bool:
    """Whether held-out text tells that something was learned: by more than ``sure`` standard errors of a difference."""
    found = main_evaluation(log)
    fall = held_fall(found) if found else None
    return found is not None and fall is not None and fall >= max(none, sure * sqrt(2) * wavering(found))
