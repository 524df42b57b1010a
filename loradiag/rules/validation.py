"""LD901, LD906, LD912 and LD914: losses on held-out text beside those of training, as the trainer logged them."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.learning import best_saved, late_gain, main_evaluation, wavering
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import printable, shorten
from loradiag.core.trajectory import Evaluation, Gap, TrainingLog
from loradiag.rules.training import RUNS, of_set

_CONVENTION = "convention"
_OVER_NOISE = Threshold(
    "min_over_noise",
    3,
    "the same rise, in standard deviations of single evaluations about their course (from five on)",
    "convention (three standard deviations); measured on 696 sound logs (benchmarks/validity)",
)


def _sets(log: TrainingLog) -> Iterable[tuple[Gap, Evaluation]]:
    by_name = {row.name: row for row in log.evaluations}
    return ((gap, by_name[gap.name]) for gap in log.gaps if gap.points and gap.name in by_name)


@rule(
    "LD901",
    "validation-gap",
    Severity.WARNING,
    source="practitioners' convention: a gap of more than 0.1 nats is overfitting",
    advice="Take an earlier checkpoint, or train with more or more varied data, fewer epochs, dropout, or a smaller rank.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("max_gap", 0.1, "largest validation − training loss at the last evaluation, in nats", _CONVENTION),
        Threshold(
            "min_growth", 0.1, "growth of the gap since its least from which it is no matter of the texts", _CONVENTION
        ),
        Threshold(
            "min_rise", 0.02, "rise of the validation loss above its best that makes it more than a note", _CONVENTION
        ),
        _OVER_NOISE,
        Threshold("max_ratio", 1.8, "training loss over validation loss from which they are in two units", RUNS),
    ],
)
def validation_gap(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The model does better on what it is trained on than on held-out text.

    ## Why it matters
    What it gains on its training data and not elsewhere it has memorised.

    ## How sure
    The training loss is taken at the step of the evaluation: the median of what was logged since the evaluation before, at most
    five values. It is a warning where the gap has grown by 0.1 nats and the validation loss lies above its best by more than
    evaluations waver. While that still falls, or where the gap was there from the start and has not grown, which is a matter of
    two different texts, it is a note. Of 30 sound runs on little data 23 had a gap above 0.1, all with validation at its best:
    notes. All 6 overfit runs, 6 at ten times the usual learning rate, and 4 of 6 that ran on at a constant one had gaps of 0.9
    to 5.3 nats and a loss above its best: warnings. Dropout raises the training loss and hides part of a gap; replay of general
    text shifts it to either side. In classifiers a nat is not what it is in language models.

    ## What to do
    Look at the validation loss: where it rises, the best checkpoint lies behind (LD906).
    """
    log = evidence.measurements.training_log
    for gap, found in _sets(log) if log else ():
        last = gap.points[-1]
        if last.gap <= limits["max_gap"] or (gap.ratio or 0.0) >= limits["max_ratio"]:
            continue
        least = min(point.gap for point in gap.points)
        rise = 0.0 if found.last_loss is None or found.best_loss is None else found.last_loss - found.best_loss
        grown = last.gap - least >= limits["min_growth"]
        warned = grown and rise >= max(limits["min_rise"], limits["min_over_noise"] * wavering(found))
        if warned:
            why = f"the gap has grown from {least:+.2f}, and validation is {rise:.2f} above its best"
        elif grown:
            why = f"the gap has grown from {least:+.2f}, but validation {_trend(found, rise)}"
        elif len(gap.points) == 1:
            why = "the only evaluation, so the two texts may simply differ"
        else:
            why = "it has not grown, so the two texts may simply differ"
        yield Match(
            f"at step {last.step:,} validation{of_set(gap.name)} is {last.validation:.3f} and training {last.train:.3f}: "
            f"a gap of {last.gap:.2f} nats; {why}",
            observed=last.gap,
            threshold=limits["max_gap"],
            advice=None if warned else "Nothing to do while validation does not rise; watch it where training goes on.",
            severity=None if warned else Severity.INFO,
            confidence=None if warned else Confidence.LOW,
            about=gap.name or None,
        )


def _trend(found: Evaluation, rise: float) -> str:
    return "is still at its best" if rise <= 0 else f"is within {rise:.3f} of its best"


@rule(
    "LD906",
    "best-is-not-last",
    Severity.WARNING,
    source="early stopping: the checkpoint with the least loss on held-out text generalises best (Prechelt 1998)",
    advice="Take the best checkpoint; another time, stop early or keep the best (load_best_model_at_end).",
    thresholds=[
        Threshold("min_rise", 0.02, "rise of the validation loss from its best to its last, in nats", _CONVENTION),
        _OVER_NOISE,
    ],
)
def best_is_not_last(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Validation was better at an earlier step than at the last.

    ## Why it matters
    Training on made the adapter worse at what it was trained for, and as a rule forget more besides.

    ## How sure
    Differences below 0.02 nats are let pass, by convention, and so are those below three standard deviations of the evaluations
    themselves: the best of many that waver lies below the last by luck. How much they waver is told from second differences,
    and needs five evaluations. On 7,400 drawn logs on which nothing was chosen it missed 4 of 660 that were overfit, and fired
    on 17 of 3,880 others, of which 440 were made to waver and drew 13. In 30 sound runs the last evaluation was the best in
    every one; in 6 overfit ones it lay 0.40 to 1.15 above. The loss is one measure; if the trainer chose by another (accuracy,
    a reward), the message says so.

    ## What to do
    Use the checkpoint that the message names.
    """
    log = evidence.measurements.training_log
    found = main_evaluation(log)
    if log is None or found is None or found.last_loss is None or found.best_loss is None or found.best_step is None:
        return
    rise = found.last_loss - found.best_loss
    least = max(limits["min_rise"], limits["min_over_noise"] * wavering(found))
    if rise < least:
        return
    use, advice = _use(evidence, found)
    other = log.chosen_step
    chosen = f"; the trainer chose step {other:,} by its own metric" if other and other != found.best_step else ""
    yield Match(
        f"validation{of_set(found.name)} was best at step {found.best_step:,} ({found.best_loss:.3f}) and ends "
        f"{rise:.3f} above it at step {found.last_step:,}{use}{chosen}",
        observed=rise,
        threshold=least,
        advice=advice,
    )


def _use(evidence: Evidence, found: Evaluation) -> tuple[str, str | None]:
    """Which checkpoint to take, where the series is at hand."""
    series = evidence.measurements.trajectory
    if series is None:
        return "", None
    best = best_saved(found, series.steps)
    if best is None or best[0].step == series.steps[-1].step:
        return "; no checkpoint that is better than the last is there", None
    row, loss = best
    name = shorten(printable(row.path.rstrip("/").rpartition("/")[2]), 60)
    there = "" if row.step == found.best_step else f"; of the checkpoints that are there, {name} is best ({loss:.3f})"
    return there, f"Take {name}; another time, stop early or keep the best (load_best_model_at_end)."


@rule(
    "LD912",
    "still-improving",
    Severity.INFO,
    source=_CONVENTION,
    advice="If it is not good enough yet, train longer.",
    thresholds=[
        Threshold(
            "min_gain", 0.05, "fall of the validation loss over the last third of the steps, in nats", _CONVENTION
        ),
        Threshold(
            "spent_rate", 0.05, "learning rate at the end, over the largest, below which it had run out", _CONVENTION
        ),
    ],
)
def still_improving(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Validation was still getting better when training ended.

    ## Why it matters
    The run stopped before it had learned what it could.

    ## How sure
    A note, and a frequent one: 20 of 30 sound runs of 300 and 400 steps draw it.

    ## What to do
    Where the learning rate had run out, a longer schedule helps and a few more steps do not. Watch what the base forgets.
    """
    log = evidence.measurements.training_log
    found = main_evaluation(log)
    late = late_gain(found) if found else None
    if log is None or found is None or late is None or late[1] < limits["min_gain"]:
        return
    rate = log.learning_rate_end
    spent = rate is not None and rate <= limits["spent_rate"]
    how = "; the learning rate had run out, so it takes a longer schedule" if spent else ""
    yield Match(
        f"validation{of_set(found.name)} fell by {late[1]:.3f} from step {late[0]:,} to {found.last_step:,}, the last and "
        f"best{how}",
        observed=late[1],
        threshold=limits["min_gain"],
    )


@rule(
    "LD914",
    "losses-in-two-units",
    Severity.INFO,
    source=f"transformers before 4.46 logged sums over gradient accumulation steps; {RUNS}",
    advice="Divide the logged training loss by gradient_accumulation_steps, or train with a newer version.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold("max_ratio", 1.8, "median of training over validation loss", RUNS),
        Threshold("min_evaluations", 3, "evaluations that it takes to tell", _CONVENTION),
    ],
)
def losses_in_two_units(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The training loss is a multiple of the validation loss, so that a gap between them cannot be judged.

    ## Why it matters
    A sum over accumulation steps hides any overfitting: the training loss looks larger than it is.

    ## How sure
    Dropout and easier held-out text raise it too; over the logs that were measured the ratio lay between 0.09 and 1.4.

    ## What to do
    Look up gradient_accumulation_steps: if the ratio is near it, that is why.
    """
    log = evidence.measurements.training_log
    for gap in log.gaps if log else ():
        if gap.ratio is not None and gap.ratio >= limits["max_ratio"] and len(gap.points) >= limits["min_evaluations"]:
            yield Match(
                f"the training loss is {gap.ratio:.1f} times the validation loss{of_set(gap.name)}: the gap is not judged",
                observed=gap.ratio,
                threshold=limits["max_ratio"],
                about=gap.name or None,
            )
