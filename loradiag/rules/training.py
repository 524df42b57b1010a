"""LD902, LD904, LD905 and LD913: what the trainer logged of its own losses and gradients.

They are judged of a checkpoint alone as of all of its run.
"""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural, printable, shorten

RUNS = (
    "measured over 73 runs of transformers' Trainer on a base of 15.7M parameters (three kinds of text; 30 sound, others "
    "overfit, too hot, too long, or disturbed on purpose), and five public logs"
)
_CONVENTION = "convention"


def of_set(name: str) -> str:
    """Say which set of held-out text, where it has a name."""
    return f" on {shorten(printable(name), 40)}" if name else ""


@rule(
    "LD902",
    "loss-not-finite",
    Severity.ERROR,
    source="a loss that is NaN or infinite has no gradient that helps",
    advice="Do not ship what came after. Take the last checkpoint before it; lower the learning rate, or use BF16 or FP32.",
)
def loss_not_finite(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The loss became NaN or infinite.

    ## Why it matters
    From the step where it stays so, the weights are as a rule NaN too, and everything after is lost.

    ## How sure
    By default transformers' Trainer leaves NaN out of the training loss that it logs: a loss that is exactly zero ever after,
    right after one that was not small, is what remains (3 of 3 runs into which NaN was put looked so). It is an error where
    the log ends so, and a warning where the loss came back.

    ## What to do
    Find the first step; look at the gradients (LD905), at the learning rate and at the batch of that step.
    """
    log = evidence.measurements.training_log
    if log is None:
        return
    if log.vanished is not None:
        yield Match(
            f"from step {log.vanished:,} on the logged training loss is exactly 0: what the trainer logs of NaN",
            about="vanished",
        )
    for row in log.nonfinite:
        if row.kind == "loss":
            yield _ended("the training loss", row.count, row.of, row.first, row.since, "train")
    for found in log.evaluations:
        if found.nonfinite:
            since = found.last_step if found.last_loss is None else None
            first = next((point.step for point in found.points if point.loss is None), found.last_step)
            yield _ended(
                f"the validation loss{of_set(found.name)}",
                found.nonfinite,
                found.count,
                first,
                since,
                f"eval {found.name}",
            )


def _ended(what: str, count: int, of: int, first: int, since: int | None, about: str) -> Match:
    how = "and so it ends" if since is not None else "and finite again later"
    return Match(
        f"{what} is not finite in {count:,} of {plural(of, 'log')}, first at step {first:,}, {how}",
        observed=count,
        threshold=0.0,
        severity=None if since is not None else Severity.WARNING,
        about=about,
    )


@rule(
    "LD904",
    "loss-spikes",
    Severity.WARNING,
    source=RUNS,
    advice="Look at the batch and the learning rate of that step; clip gradients; check with LD903 whether the run recovered.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("min_rise", 0.5, "rise of the training loss over the median of the ten values before, in nats", RUNS),
        Threshold("min_ratio", 2.5, "the rise over the largest of the thirty values before it", RUNS),
        Threshold("min_later", 5, "values after it from which a loss that has not come back is a warning", _CONVENTION),
    ],
)
def loss_spikes(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The training loss jumped far out of its own noise.

    ## Why it matters
    One bad batch, or one step too long, can undo hours. Most runs recover; what was learned before may not.

    ## How sure
    A jump must be far larger than anything that the thirty values before it did. All of 9 runs that were given a learning rate
    60 times too large for three steps, or batches of noise, were found, and none of 51 that were neither disturbed nor too hot,
    with batches of two and three among them: the largest jump there was 1.4 times the usual. One that came back is a note.

    ## What to do
    Compare the checkpoints before and after it: loradiag compare RUN/ says how far the update moved.
    """
    log = evidence.measurements.training_log
    for row in log.jumps if log else ():
        if row.rise < limits["min_rise"] or row.rise < limits["min_ratio"] * row.usual:
            continue
        open_ = row.recovered is None
        back = f"back by step {row.recovered:,}" if row.recovered is not None else "not back by the end of the log"
        yield Match(
            f"at step {row.step:,} the training loss jumped from {row.before:.2f} to {row.loss:.2f}, {back}",
            observed=row.rise,
            threshold=limits["min_rise"],
            severity=None if open_ and row.later >= limits["min_later"] else Severity.INFO,
            about=f"step {row.step}",
        )


@rule(
    "LD905",
    "gradients-not-finite",
    Severity.ERROR,
    source="a step along a gradient that is NaN makes every weight NaN; loss scaling in FP16 skips such steps on purpose",
    advice="Take a checkpoint from before it. Train in BF16 or FP32, lower the learning rate, clip gradients.",
    thresholds=[
        Threshold("early_share", 0.05, "share of the run within which loss scaling may find its scale", _CONVENTION),
        Threshold("few", 3, "so many are within what loss scaling gives", _CONVENTION),
    ],
)
def gradients_not_finite(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The norm of the gradients was logged as NaN or infinite.

    ## Why it matters
    Where it stays so, the weights are lost. In FP16 single ones are normal: the scaler tries a scale that is too large, skips
    the step and halves it.

    ## How sure
    It is an error where the log ends so, a note for up to three that lie within the first twentieth of the run, and a warning
    otherwise. All of 3 runs into which NaN was put ended so.

    ## What to do
    Find the first step. In FP16, see that only the first steps are hit.
    """
    log = evidence.measurements.training_log
    for row in log.nonfinite if log else ():
        if row.kind != "grad_norm" or log is None:
            continue
        end = log.max_steps or log.step or row.last
        early = row.last <= limits["early_share"] * end and row.count <= limits["few"]
        lasting = row.since is not None and row.count > 1
        if lasting:
            how = f"from step {row.since:,} to the end"
        elif early:
            how = f"all by step {row.last:,}, where loss scaling looks for its scale"
        else:
            how = f"the first at step {row.first:,}, the last at {row.last:,}"
        yield Match(
            f"the gradient norm is not finite in {row.count:,} of {plural(row.of, 'log')}, {how}",
            observed=row.count,
            threshold=0.0,
            severity=None if lasting else Severity.INFO if early else Severity.WARNING,
        )


@rule(
    "LD913",
    "unreadable-log",
    Severity.INFO,
    source="the log says what weights alone cannot",
    advice="Fetch trainer_state.json again, or leave it away.",
)
def unreadable_log(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The trainer's log, or part of it, could not be read.

    ## Why it matters
    Nothing can be said of losses, and a divergence may go unseen.

    ## What to do
    See whether the file was cut short, or written by something else.
    """
    log = evidence.measurements.training_log
    if log is not None and log.problem:
        yield Match(shorten(printable(log.problem), 300))
