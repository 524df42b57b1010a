"""LD907 to LD911, and LD916 to LD918: how the update moved over the checkpoints of one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from loradiag.core.findings import Confidence, Severity
from loradiag.core.learning import growth
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.trajectory import Trajectory, TrajectoryStep
from loradiag.rules.training import RUNS

_CONVENTION = "convention"


def _pairs(series: Trajectory) -> Iterator[tuple[TrajectoryStep, TrajectoryStep]]:
    return pairwise(series.steps)


def _name(path: str) -> str:
    return shorten(printable(path.rstrip("/").rpartition("/")[2]), 60)


@rule(
    "LD907",
    "norm-grows-without-gain",
    Severity.WARNING,
    source=f"{RUNS}; the size of an update went best with what its base forgot (see LD207)",
    advice="Take the checkpoint from where validation stopped improving.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("min_growth", 0.1, "growth of ‖ΔW‖_F while validation is flat, as a share", RUNS),
        Threshold("max_gain", 0.01, "nats by which validation may still improve where it is called flat", _CONVENTION),
    ],
)
def norm_grows_without_gain(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The update kept growing after validation had stopped improving.

    ## Why it matters
    Every part of the update that buys nothing on held-out text costs something of what the base could do.

    ## How sure
    It is counted from the first checkpoint after validation became flat, or was best if it ends above that. A learning rate
    that decays ends growth by itself: in 30 sound runs it was at most 1.4%. In 6 overfit runs it was 54% to 128%, in 17 of 18
    that were too hot 32% and more, and in 5 of 6 that ran on at a constant rate 15% to 17%.

    ## What to do
    Take the checkpoint that the message names, and measure what was forgotten by both.
    """
    found = growth(evidence.measurements.training_log, evidence.measurements.trajectory, limits["max_gain"])
    if found is not None and found.share >= limits["min_growth"]:
        yield Match(
            f"from step {found.first.step:,} to {found.last.step:,} the update grew by {found.share:.0%}, while validation got "
            f"better by {found.gain:.3f} at most after step {found.since:,}",
            observed=found.share,
            threshold=limits["min_growth"],
            advice=f"Take {_name(found.first.path)}, or measure what the base forgot since.",
        )


@rule(
    "LD908",
    "rank-collapsed-midway",
    Severity.WARNING,
    source=RUNS,
    advice="Take the checkpoint before it; look at the loss and the learning rate between the two.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("max_share", 0.667, "entropy rank over r, as a share of that of the checkpoint before", RUNS),
        Threshold(
            "least_rank_share", 0.15, "entropy rank over r before it, below which there is nothing to lose", _CONVENTION
        ),
    ],
)
def rank_collapsed_midway(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """From one checkpoint to the next the median module lost a third of its entropy rank.

    ## Why it matters
    A run that blows up piles its update onto few directions; what it had learned in the others drowns.

    ## How sure
    In sound runs the share rises, or sinks a little at first: the least from one checkpoint to the next was 0.84 of the one
    before, and 0.93 in three series from elsewhere. The runs that diverged came no lower either, so that this has no false
    alarm on record and no hit: it catches violent collapses only. LD903 and the sizes (LD206, LD207) catch the others.

    ## What to do
    Compare with the loss at that step.
    """
    series = evidence.measurements.trajectory
    for before, here in _pairs(series) if series else ():
        old, new = before.entropy_share, here.entropy_share
        if old is None or new is None or old < limits["least_rank_share"] or new > limits["max_share"] * old:
            continue
        yield Match(
            f"between step {before.step:,} and {here.step:,} the median module's entropy rank fell from {old:.0%} to "
            f"{new:.0%} of its rank",
            observed=new / old,
            threshold=limits["max_share"],
            about=f"step {here.step}",
        )


@rule(
    "LD909",
    "checkpoints-missing",
    Severity.INFO,
    source="the trainer's save_steps, or the distance that most checkpoints keep",
    advice="Fetch them if you have them: what happened between the others cannot be seen.",
)
def checkpoints_missing(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The series has holes: checkpoints that should lie between others are not there.

    ## Why it matters
    Changes are told between neighbours; over a hole they add up, and the step where something happened is known less well.

    ## What to do
    A trainer that keeps the last few (save_total_limit) leaves none. Holes in the middle come from deleting by hand, or
    from a copy that is not whole.
    """
    series = evidence.measurements.trajectory
    if series is not None and series.missing and series.spacing:
        how = "by the trainer's save_steps" if series.spacing_source == "save_steps" else "as most checkpoints do"
        there = len(series.steps) + len(series.unread)
        shown = listed([f"{step:,}" for step in series.missing], 4)
        count = f"{len(series.missing):,}{'+' if len(series.missing) >= 1000 else ''}"
        noun = "checkpoint is" if len(series.missing) == 1 else "checkpoints are"
        yield Match(
            f"{count} {noun} missing between the {there:,} that are there, every {series.spacing:,} steps {how}: {shown}",
            observed=len(series.missing),
            threshold=0.0,
        )


@rule(
    "LD910",
    "unreadable-checkpoint",
    Severity.WARNING,
    source="a series is told by what can be read of it",
    advice="Fetch it again, or delete it.",
)
def unreadable_checkpoint(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A checkpoint of the series cannot be read; the others were measured without it.

    ## Why it matters
    A run that was resumed from it would fail, and one that is shipped from it would not load.

    ## What to do
    The message says what is wrong with it. A disk that was full, or a copy that was cut short, are usual.
    """
    series = evidence.measurements.trajectory
    for row in series.unread if series else ():
        step = f"step {row.step:,}" if row.step is not None else "a checkpoint"
        yield Match(
            f"{step} ({_name(row.path)}) {shorten(printable(row.problem), 200)}",
            about=f"step {row.step} {_name(row.path)}",
        )


@rule(
    "LD911",
    "checkpoint-unchanged",
    Severity.WARNING,
    source="the relative change is exact to about 1e-8",
    advice="Check the learning rate there, whether steps were skipped, and whether the right files were saved.",
    thresholds=[
        Threshold("max_change", 1e-6, "‖Δ_t − Δ_{t−1}‖_F / ‖Δ_t‖_F", "float64 rounding is a hundred times smaller"),
    ],
)
def checkpoint_unchanged(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A checkpoint has the same update as the one before it: the steps between did nothing.

    ## Why it matters
    The learning rate had run out, gradients did not reach the adapter, or one file was copied over another.

    ## How sure
    Over 72 runs the least change between neighbours was 0.7%, where a cosine schedule had come down to zero; the one run with a
    learning rate of zero changed by nothing.

    ## What to do
    Everything after the first of the two cost time and gave nothing.
    """
    series = evidence.measurements.trajectory
    for rows in _unchanged(series, limits["max_change"]) if series else ():
        first, last = rows[0], rows[-1]
        steps = f"step {last.step:,} has" if len(rows) == 2 else f"steps {rows[1].step:,} to {last.step:,} have"
        largest = max(row.change or 0.0 for row in rows[1:])
        what = "all are zero" if not last.frobenius_norm else f"relative change {largest:.1g}"
        yield Match(
            f"{steps} the same update as step {first.step:,} ({what})",
            observed=largest,
            threshold=limits["max_change"],
            about=f"step {first.step}",
        )


def _unchanged(series: Trajectory, most: float) -> list[list[TrajectoryStep]]:
    """Runs of checkpoints with one update, each with the checkpoint that it is the same as."""
    found: list[list[TrajectoryStep]] = []
    for before, here in _pairs(series):
        if here.change is None or here.change > most:
            continue
        if found and found[-1][-1] is before:
            found[-1].append(here)
        else:
            found.append([before, here])
    return found


@rule(
    "LD916",
    "update-not-finite-since",
    Severity.ERROR,
    source="an update with NaN or infinite values ruins every output",
    advice="Take the last checkpoint before it.",
)
def update_not_finite_since(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """From some checkpoint on, weights are NaN or infinite.

    ## Why it matters
    The run is lost from there on, whatever its log says.

    ## How sure
    Exact: the values of every module are looked at.

    ## What to do
    The message names the first that is broken and the last that is sound.
    """
    series = evidence.measurements.trajectory
    bad = [row for row in series.steps if row.nonfinite] if series else []
    if series is None or not bad:
        return
    sound = [row for row in series.steps if not row.nonfinite and row.step < bad[0].step]
    last = f"; the last sound one is {_name(sound[-1].path)}" if sound else ""
    yield Match(
        f"from step {bad[0].step:,} on, in {bad[0].nonfinite:,} of {plural(bad[0].modules, 'module')}, the update is not "
        f"finite{last}",
        observed=bad[0].nonfinite,
        threshold=0.0,
        advice=f"Take {_name(sound[-1].path)}." if sound else None,
        about=f"step {bad[0].step}",
    )


@rule(
    "LD917",
    "checkpoints-of-two-kinds",
    Severity.WARNING,
    source="the checkpoints of one run have one shape, one scale and one base",
    advice="Check that the directory holds one run; resume with the same configuration.",
)
def checkpoints_of_two_kinds(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Modules, ranks, scales, method or base change from one checkpoint to the next.

    ## Why it matters
    What is compared over steps is then not one adapter growing but two, and norms over all modules jump.

    ## How sure
    AdaLoRA changes ranks on purpose while it trains: a note.

    ## What to do
    See whether two runs share the directory, or whether the run was resumed with another configuration.
    """
    series = evidence.measurements.trajectory
    for row in series.changes if series else ():
        yield Match(
            f"at step {row.step:,} the {row.kind} {'differ' if row.kind == 'modules' else 'differs'} from the checkpoint "
            f"before: {shorten(printable(row.detail), 200)}",
            severity=Severity.INFO if row.kind == "rank" and "AdaLoRA" in (evidence.subject.method or "") else None,
            about=f"step {row.step} {row.kind}",
        )


@rule(
    "LD918",
    "updates-not-compared",
    Severity.WARNING,
    source="a series is told by its low-rank updates",
    advice="Inspect the checkpoints one by one: loradiag inspect RUN/.",
    undecided=True,
)
def updates_not_compared(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """No module of any checkpoint has an update that can be compared over steps.

    ## Why it matters
    Nothing was seen of how the adapter moved, so that nothing can be wrong with it either. IA³, prompts and LoKr have no thin
    factors to compare.

    ## What to do
    The log of the training is judged all the same.
    """
    series = evidence.measurements.trajectory
    if series is not None and not any(row.measured or row.nonfinite for row in series.steps):
        modules = plural(max(row.modules for row in series.steps), "module")
        yield Match(
            f"none of {modules} has a low-rank update that can be compared over {len(series.steps):,} checkpoints"
        )
