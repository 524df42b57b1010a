"""What became of a run, in a sentence or two. All text is safe to show."""

from __future__ import annotations

from loradiag.core.learning import FLAT, best_saved, flat_since, growth, late_gain, main_evaluation
from loradiag.core.report import Report
from loradiag.core.text import listed, plural
from loradiag.core.trajectory import Evaluation, TrainingLog, Trajectory
from loradiag.outputs.advice import Advice, Tone
from loradiag.outputs.arrange import active
from loradiag.outputs.learning import called, of_set, size


def story(report: Report) -> Advice:
    """What became of the run, in a sentence or two, and what is to be known besides."""
    series, log = report.measurements.trajectory, report.measurements.training_log
    tone, said = _headline(report)
    more = []
    if said[1]:
        more.append(said[1])
    if log is not None and log.level is not None and log.vanished is None:
        more.append(_training(log))
    if series is not None:
        more += _movement(series, log)
        more += _lacking(series)
    return Advice(tone, said[0], tuple(more))


def _headline(report: Report) -> tuple[Tone, tuple[str, str]]:
    """Its tone, the sentence, and what belongs under it."""
    series, log = report.measurements.trajectory, report.measurements.training_log
    codes = {finding.code: finding for finding in active(report)}
    broken = next((row for row in series.steps if row.nonfinite), None) if series else None
    if broken is not None and series is not None:
        sound = [row for row in series.steps if not row.nonfinite and row.step < broken.step]
        take = f"; {called(sound[-1])} is the last sound one" if sound else ""
        return "fail", (f"lost from step {broken.step:,} on: its updates are not finite{take}", "")
    if series is not None and len(series.steps) > 1 and all(row.frobenius_norm == 0 for row in series.steps):
        return "fail", ("nothing was trained: the update is zero at every checkpoint", "")
    found = main_evaluation(log)
    if found is None or found.best_step is None or found.best_loss is None:
        return "inconclusive", ("no validation loss in the log: nothing tells which step is best", "")
    of = f" of {log.step:,}" if log and log.step and log.step != found.best_step else ""
    validation = f"validation{of_set(found)}"
    if "LD902" in codes or ("LD905" in codes and found.last_loss is None):
        return "fail", (f"{validation} is not finite at the end; it was best at step {found.best_step:,}{of}", "")
    if "LD903" in codes:
        under = f"{validation} was best at step {found.best_step:,}{of} ({found.best_loss:.3f})"
        return "fail", ("the run diverged: the training loss rose and stayed up", under)
    rise = (found.last_loss or found.best_loss) - found.best_loss
    if "LD906" in codes:
        best = best_saved(found, series.steps) if series else None
        take = f"take {called(best[0])}: " if best and series and best[0] is not series.steps[-1] else ""
        return "inconclusive", (f"{take}best at step {found.best_step:,}{of} ({found.best_loss:.3f}); validation ends "
                                f"{rise:.3f} above that", "")  # fmt: skip
    if found.best_step == found.last_step:
        text = f"best at the last evaluation, step {found.best_step:,}{of} ({found.best_loss:.3f})"
    else:
        text = f"best at step {found.best_step:,}{of} ({found.best_loss:.3f}), and {rise:.3f} above that at the end"
    return "pass", (f"{text}; {_course(found)}", "")


def _course(found: Evaluation) -> str:
    """Whether validation still falls, or since when it is flat."""
    flat, late = flat_since(found, FLAT), late_gain(found)
    if flat is not None and (late is None or late[1] < 2 * FLAT):
        return f"validation flat since step {flat[0]:,}"
    if late is not None and late[1] > 0:
        return f"validation still falls, by {late[1]:.3f} since step {late[0]:,}"
    return "one evaluation tells no course" if found.count == 1 else "validation fell to the end"


def _training(log: TrainingLog) -> str:
    level = log.level
    assert level is not None, "asked for a log with a level"
    error = f" (± {log.course.level_error:.2f})" if log.course is not None else ""
    said = f"training loss, smoothed, {level.start:.2f} → {level.end:.2f}{error}"
    found = main_evaluation(log)
    last = next((gap.points[-1] for gap in log.gaps if found and gap.name == found.name and gap.points), None)
    if last is None:
        return said
    side = "above" if last.gap >= 0 else "below"
    return f"{said}; at step {last.step:,} validation lies {abs(last.gap):.2f} nats {side} it"


def _movement(series: Trajectory, log: TrainingLog | None) -> list[str]:
    """How the update grew and turned."""
    known = [row for row in series.steps if row.frobenius_norm]
    if len(known) < 2:
        return ["one checkpoint: nothing to compare it with"] if len(series.steps) == 1 else []
    first, before, last = known[0], known[-2], known[-1]
    late = (last.frobenius_norm or 0.0) / (before.frobenius_norm or 1.0) - 1
    grew = f"{late:+.0%}" if abs(late) >= 0.0995 else f"{late:+.1%}"
    said = [f"‖ΔW‖ {size(first.frobenius_norm)} at step {first.step:,} → {size(last.frobenius_norm)} at step {last.step:,}, "
            f"{grew} since step {before.step:,}"]  # fmt: skip
    grown = growth(log, series)
    if grown is not None and grown.first is not before and grown.share >= 0.005:
        said.append(f"grew by {grown.share:.0%} from step {grown.first.step:,} on, while validation got no better")
    turned = next((row for row in known if (row.cosine_last or 0.0) >= 0.9), None)
    if turned is not None and turned is not last and series.comparable:
        said.append(
            f"its direction was found by step {turned.step:,} (cosine {turned.cosine_last:.2f} with the last checkpoint)"
        )
    return said


def _lacking(series: Trajectory) -> list[str]:
    said = []
    if series.missing and series.spacing:
        more = "+" if len(series.missing) >= 1000 else ""
        said.append(
            f"holes: {len(series.missing):,}{more} of the checkpoints every {series.spacing:,} steps are not there"
        )
    if series.unread:
        names = [f"step {row.step:,}" if row.step is not None else "one" for row in series.unread]
        said.append(f"could not be read: {listed(names, 5)}")
    aside = max((row.modules - row.measured - row.nonfinite for row in series.steps), default=0)
    if aside:
        said.append(f"{plural(aside, 'module')} without a low-rank update that can be compared")
    if not series.comparable:
        said.append("the factors hold part of the base, so sizes and directions are not those of the training alone")
    return said
