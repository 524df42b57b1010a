"""Losses over steps: training and held-out text, the best step, and where checkpoints lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loradiag.core.learning import main_evaluation
from loradiag.core.report import Report
from loradiag.core.trajectory import TrainingLog
from loradiag.outputs.learning import fixed
from loradiag.outputs.losscurves import SETS, is_gone, is_wide, losses_of, most_drawn
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label

if TYPE_CHECKING:
    import pandas as pd

TRAINING, VALIDATION, BROKEN, CHECKPOINT = "training", "validation", "not finite", "checkpoint"
_HELD = ("orange", "green", "pink", "gold", "violet")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down")


def losses(report: Report) -> None:
    """Draw the chart; nothing where no loss was logged."""
    log = report.measurements.training_log
    values = losses_of(log) if log else []
    if log is None or not values:
        return
    wide = is_wide(values)
    most = max(values) if wide else most_drawn(log, values)
    frame = losses_frame(log)
    about = "Lower is better. A dashed line marks the best evaluation."
    if most < max(values):
        about += f" Losses above {fixed(most)} are cut at the top."
    made = _chart(report, log, frame, (min(values), most), wide=wide)
    chart(made, frame, name="losses", title="Losses over steps", about=about)


def losses_frame(log: TrainingLog) -> pd.DataFrame:
    """A row a loss: of which text, at which step; what is not finite has none."""
    import pandas as pd

    rows = [(TRAINING, row.step, None if is_gone(log, row.step) else row.loss) for row in log.train]
    for found in log.evaluations[:SETS]:
        rows += [(_named(found.name), point.step, point.loss) for point in found.points]
    frame = pd.DataFrame(rows, columns=["text", "step", "loss"])
    return frame.astype({"loss": "float64"})


def _named(name: str) -> str:
    return f"{VALIDATION} {label(name, 40)}" if name else VALIDATION


def _chart(report: Report, log: TrainingLog, frame: pd.DataFrame, ends: tuple[float, float], *, wide: bool) -> Any:
    import altair as alt

    names = [name for name in dict.fromkeys(frame["text"]) if name != TRAINING]
    order = ([TRAINING] if (frame["text"] == TRAINING).any() else []) + names
    colors = [color("blue")] * (len(order) > len(names)) + [color(_HELD[index % 5]) for index in range(len(names))]
    air = 0.0 if wide else (ends[1] - ends[0]) * 0.04 or 0.1
    scale = alt.Scale(type="log" if wide else "linear", domain=[ends[0] - air, ends[1] + air], clamp=True, nice=False)
    y = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title="loss, logarithmic" if wide else "loss"))
    x = alt.X("step:Q", axis=alt.Axis(title="step", format=",d", tickMinStep=1, tickCount=10))
    base = alt.Chart(frame).encode(
        x=x,
        y=y,
        color=alt.Color("text:N", scale=alt.Scale(domain=order, range=colors)),
        tooltip=[alt.Tooltip("text:N"), alt.Tooltip("step:Q", format=","), alt.Tooltip("loss:Q", format=".4f")],
    )
    # Both scales name the same texts, so that color and shape share a legend.
    shapes = alt.Scale(domain=order, range=["stroke"] * (len(order) > len(names)) + list(_SHAPES[: len(names)]))
    held = base.transform_filter(f"datum.text != '{TRAINING}'")
    layers = [
        base.transform_filter(f"datum.text == '{TRAINING}'").mark_line(strokeWidth=1.4, interpolate="linear"),
        held.mark_line(strokeWidth=2),
        held.mark_point(filled=True, size=42).encode(shape=alt.Shape("text:N", scale=shapes)),
        *_best(log),
        *_feet(report, frame, scale),
    ]
    return alt.layer(*layers).properties(height=380, width="container")


def _best(log: TrainingLog) -> list[Any]:
    """A line at the best step, with its loss."""
    import altair as alt
    import pandas as pd

    found = main_evaluation(log)
    if found is None or found.best_step is None or found.best_loss is None:
        return []
    said = f"best: {fixed(found.best_loss)} at step {found.best_step:,}"
    base = alt.Chart(pd.DataFrame([{"step": found.best_step, "said": said}])).encode(x="step:Q")
    right = found.best_step > 0.7 * max(log.step or 0, found.last_step)
    text = base.mark_text(align="right" if right else "left", dx=-6 if right else 6, baseline="top", color=color("ink"))
    return [base.mark_rule(strokeDash=[4, 3], color=color("dim")), text.encode(text="said:N", y=alt.value(2))]


def _feet(report: Report, frame: pd.DataFrame, scale: Any) -> list[Any]:
    """Marks at the foot where checkpoints lie, and at the top where a loss was not finite."""
    import altair as alt
    import pandas as pd

    series = report.measurements.trajectory
    saved = [{"step": row.step, "what": CHECKPOINT} for row in series.steps] if series else []
    lost = [{"step": step, "what": BROKEN} for step in sorted(set(frame.loc[frame["loss"].isna(), "step"]))]
    layers = []
    low, high = scale.domain
    for rows, shape, place, tone in ((saved, "triangle-up", low, "dim"), (lost, "cross", high, "red")):
        if rows:
            base = alt.Chart(pd.DataFrame(rows)).mark_point(shape=shape, filled=True, size=60, color=color(tone))
            layers.append(base.encode(x="step:Q", y=alt.datum(place), tooltip=["what:N", "step:Q"]))
    return layers
