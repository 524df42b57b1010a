"""What a training run logged, and how its checkpoints moved. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure


class TrainPoint(Measure, kw_only=True, frozen=True):
    """What the trainer logged at a step: its loss is the mean since the log before, in the trainer's unit (nats for most).

    ``nonfinite``: which of ``loss`` and ``grad_norm`` were logged as NaN or infinite, and are None here.
    """

    step: int
    loss: float | None = None
    grad_norm: float | None = None
    learning_rate: float | None = None
    nonfinite: list[str] = []


class EvalPoint(Measure, kw_only=True, frozen=True):
    """The loss on held-out text at a step; None where it was NaN or infinite."""

    step: int
    loss: float | None


class Evaluation(Measure, kw_only=True, frozen=True):
    """Evaluations on one set of held-out text, in the order of steps.

    ``name``: of the set, where the trainer has several (``eval_NAME_loss``); empty for ``eval_loss``. ``count``: evaluations
    in the log, of which ``points`` keeps at most a thousand, with the least and the largest. ``best_step``: the first with
    the least loss. ``last_loss`` is None if it is not finite.
    """

    name: str
    count: int
    points: list[EvalPoint]
    nonfinite: int
    best_step: int | None
    best_loss: float | None
    last_step: int
    last_loss: float | None


class GapPoint(Measure, kw_only=True, frozen=True):
    """Training and validation loss at the step of an evaluation, and their difference, validation − training.

    ``train`` is the median of the last ``points`` logged losses (at most five) since the evaluation before; where none was
    logged since, the loss that was logged next covers the step.
    """

    step: int
    train: float
    validation: float
    gap: float
    points: int


class Gap(Measure, kw_only=True, frozen=True):
    """The gap at every evaluation on one set. ``ratio``: the median of train / validation."""

    name: str
    points: list[GapPoint]
    ratio: float | None


class Jump(Measure, kw_only=True, frozen=True):
    """A rise of the training loss above the median of the (at most 30) losses before it.

    ``rise`` = ``loss`` − ``before``. ``usual``: the largest rise above their median among those before, which tells noise from
    a jump. ``recovered``: the first later step with a loss nearer to ``before`` than a quarter of the rise; None if there is
    none in the log. ``later``: losses logged after it.
    """

    step: int
    loss: float
    before: float
    rise: float
    usual: float
    recovered: int | None
    later: int


class Level(Measure, kw_only=True, frozen=True):
    """The training loss, smoothed by running medians: at the start, the least with its step, and at the end."""

    start: float
    least: float
    least_step: int
    end: float
    window: int


class Course(Measure, kw_only=True, frozen=True):
    """How much the logged training loss wavers, how far it fell, and how sure that is, in the trainer's unit. Not of under 12.

    ``noise``: the standard deviation of single logged losses about their course, median |x₋₁ − 2x₀ + x₊₁| / (0.6745·√6): of
    independent normal noise second differences have √6 times its deviation (Gasser, Sroka & Jennen-Steinmetz 1986), and the
    median lets spikes pass (Hampel 1974). It reads low where neighbours waver together (0.65 times, if they correlate by 0.5)
    and where single batches lie far out (0.85 times, of Student's t with four degrees of freedom).
    ``slow_noise``: the same as means over many losses have it: from the running medians of :class:`Level`, a window apart,
    times √(2·window/π) (batch means), and never less than ``noise``. From 20 losses on; of fewer it is ``noise``. It reads high
    where the course falls or bends within a window, low where neighbours waver together (0.8 times, if they correlate by 0.5).
    ``level_error``: the standard error of the difference of two values of :class:`Level`, slow_noise·√(π/window).
    ``fall``: from the first log to the last, of the straight line over ln(1), ln(2) … that lies nearest: where runs fall
    fastest it weighs most. Losses count as at most three deviations from the running median about them.
    ``fall_error``: its standard error, slow_noise·ln(n)/√Σ(ln k − mean)².
    """

    noise: float
    slow_noise: float
    level_error: float
    fall: float
    fall_error: float


class NonFinite(Measure, kw_only=True, frozen=True):
    """Non-finite values of one kind in the log: how many of how many, where the first and the last, and how it ends.

    ``since``: the step from which on every value is non-finite, to the end; None if the last one is finite.
    """

    kind: Literal["loss", "grad_norm"]
    count: int
    of: int
    first: int
    last: int
    since: int | None


class TrainingLog(Measure, kw_only=True, frozen=True):
    """The log beside an adapter: ``trainer_state.json`` of transformers' Trainer, which TRL, Unsloth and Axolotl write too.

    ``sources``: the files that were read, newest first. ``problem``: why the newest cannot be used, or what of it cannot; the
    rest is empty where nothing could be read. ``step``: the last step of the run so far; ``max_steps``: of its plan.
    ``train`` keeps at most two thousand of ``count`` points: evenly thinned, with the extremes and the non-finite ones.
    ``course``: None of under 12 losses, and in reports before schema 1.8.
    ``vanished``: the step from which on the loss is exactly zero, to the end, right after one that was not small: what
    transformers logs of a loss that is NaN (its ``logging_nan_inf_filter``). ``restarts``: steps at which the log begins again
    at an earlier one; what came after those is of an abandoned run and is left out. ``chosen_step``, ``chosen_metric``: the
    best checkpoint as the trainer noted it, by a metric that need not be the loss. ``learning_rate_end``: the last learning
    rate, as a share of the largest.
    """

    sources: list[str]
    problem: str | None = None
    step: int | None = None
    max_steps: int | None = None
    epochs: float | None = None
    save_steps: int | None = None
    count: int = 0
    train: list[TrainPoint] = []
    evaluations: list[Evaluation] = []
    gaps: list[Gap] = []
    jumps: list[Jump] = []
    level: Level | None = None
    course: Course | None = None
    nonfinite: list[NonFinite] = []
    vanished: int | None = None
    restarts: list[int] = []
    chosen_step: int | None = None
    chosen_metric: float | None = None
    learning_rate_end: float | None = None


class TrajectoryStep(Measure, kw_only=True, frozen=True):
    """One checkpoint: its update as a whole, and where it lies to the checkpoint before and to the last.

    ``modules``: that it adapts; ``measured``: whose update could be compared (see :mod:`loradiag.linalg.directions`);
    ``nonfinite``: whose update is not finite.
    ``frobenius_norm``: √Σ‖ΔW‖_F² over them. ``stable_rank`` and the shares (``entropy_share``: entropy rank / r;
    ``effective_share``: singular values above 1% of the largest / r; ``effective_share_10``: above 10%) are medians over
    modules whose update is not zero. ``change``: ‖Δ_t − Δ_{t−1}‖_F / ‖Δ_t‖_F over the modules of both, to about 1e-8.
    Cosines are of all modules together; overlaps of subspaces, ‖UᵀU′‖_F² / min(k, k′), are medians over modules.
    """

    step: int
    path: str
    modules: int
    measured: int
    nonfinite: int = 0
    frobenius_norm: float | None = None
    stable_rank: float | None = None
    entropy_share: float | None = None
    effective_share: float | None = None
    effective_share_10: float | None = None
    change: float | None = None
    cosine_previous: float | None = None
    cosine_last: float | None = None
    left_previous: float | None = None
    right_previous: float | None = None
    left_last: float | None = None
    right_last: float | None = None


class ModuleTrajectory(Measure, kw_only=True, frozen=True):
    """One module over the checkpoints: lists as long as the steps, with None where it is not there or not known."""

    name: str
    role: str
    stack: str
    layer: int | None
    frobenius_norm: list[float | None]
    entropy_share: list[float | None]
    change: list[float | None]
    cosine_last: list[float | None]


class UnreadCheckpoint(Measure, kw_only=True, frozen=True):
    """A checkpoint that could not be read, and why."""

    step: int | None
    path: str
    problem: str
    kind: str


class SeriesChange(Measure, kw_only=True, frozen=True):
    """What a checkpoint has otherwise than the one before: its ``modules``, ``rank``, ``scale``, ``method`` or ``base``."""

    step: int
    kind: Literal["modules", "rank", "scale", "method", "base"]
    detail: str


class Trajectory(Measure, kw_only=True, frozen=True):
    """The checkpoints of one run, in the order of their steps.

    ``comparable``: whether B·A is what training changed, and not in part the base (PiSSA and its kin). ``spacing``: steps
    between two checkpoints, by the trainer's ``save_steps`` or by what most of them keep (``spacing_source``); ``missing``:
    steps at which one should lie by that, between the first and the last that are there; at most a thousand.
    """

    steps: list[TrajectoryStep]
    modules: list[ModuleTrajectory]
    unread: list[UnreadCheckpoint] = []
    changes: list[SeriesChange] = []
    comparable: bool = True
    spacing: int | None = None
    spacing_source: Literal["save_steps", "most"] | None = None
    missing: list[int] = []

    def __post_init__(self) -> None:
        """Raise ValueError where a module is known at other steps than there are: outputs show them side by side."""
        known = (
            len(values)
            for row in self.modules
            for values in (row.frobenius_norm, row.entropy_share, row.change, row.cosine_last)
        )
        if any(count != len(self.steps) for count in known):
            raise ValueError("a module is known at other steps than there are")
