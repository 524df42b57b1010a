"""Losses over steps, drawn: how they would run without noise, and what a trainer would have logged of them.

Nothing of loradiag is in here. A style is one kind of training as people run it; every style is drawn from several seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Style(NamedTuple):
    """A kind of training.

    ``noise``: standard deviation of a logged loss about its mean, in nats; ``heavy``: whether single batches lie far out;
    ``held``: standard deviation of an evaluation, which is of the same text each time; ``apart``: how much harder the held-out
    text is; ``hump``: nats by which the loss rises during warm-up; ``epochs``: steps down at the end of each.
    """

    name: str
    start: float
    end: float
    logs: int
    noise: float
    evaluations: int = 10
    held: float = 0.002
    apart: float = 0.03
    power: float = 1.0
    heavy: bool = False
    hump: float = 0.0
    epochs: int = 1
    every: int = 10
    flat: bool = True


STYLES = (
    Style("instructions", 1.7, 0.95, 60, 0.05),
    Style("batches of two", 2.4, 1.4, 300, 0.35, every=1, heavy=True),
    Style("a classifier", 0.70, 0.10, 80, 0.06, held=0.01, apart=0.05),
    Style("a long run", 2.1, 1.2, 1500, 0.12, evaluations=30),
    Style("twelve values", 1.9, 1.1, 12, 0.04, evaluations=3),
    Style("three epochs", 1.8, 1.0, 90, 0.06, epochs=3, evaluations=9, apart=0.15),
    Style("preferences", 0.693, 0.33, 100, 0.05, held=0.004),
    Style("a hump at the start", 1.9, 1.0, 100, 0.07, hump=0.35),
    Style("no evaluations", 1.7, 0.9, 80, 0.07, evaluations=0),
    Style("harder held-out text", 1.6, 0.8, 80, 0.05, apart=0.6),
    Style("easier held-out text", 1.9, 1.1, 80, 0.05, apart=-0.3),
    Style("stopped while falling", 2.6, 1.0, 70, 0.06, power=0.35, flat=False),
    Style("little to gain", 1.15, 1.0, 100, 0.08, evaluations=0),
    Style("thirty batches of two", 2.4, 1.6, 30, 0.35, evaluations=5, heavy=True, every=1),
    Style("small batches, little to gain", 1.4, 1.2, 200, 0.3, evaluations=0, heavy=True, every=1),
)
"""In the last three noise hides much of what happens."""


class Curve(NamedTuple):
    """A run before noise: steps, training loss, and the loss on held-out text at ``held_steps``."""

    style: Style
    steps: npt.NDArray[np.int64]
    train: Array
    held_steps: npt.NDArray[np.int64]
    held: Array

    @property
    def last(self) -> int:
        """The last step."""
        return int(self.steps[-1])


def curve(style: Style) -> Curve:
    """The run of a style, as it goes where nothing is wrong."""
    steps = style.every * np.arange(1, style.logs + 1)
    share = steps / steps[-1]
    train = _level(style, share)
    held_steps = np.linspace(0, steps[-1], style.evaluations + 1)[1:].astype(np.int64)
    held = _level(style._replace(epochs=1), held_steps / steps[-1]) + style.apart
    return Curve(style, steps, train, held_steps, held)


def _level(style: Style, share: Array) -> Array:
    """A power law that comes to rest, or one that is cut off while it falls; with steps down between epochs."""
    speed = 25.0 if style.flat else 4.0
    fallen = 1 - (1 + speed * share) ** (-style.power)
    whole = 1 - (1 + speed) ** (-style.power)
    level = style.start + (style.end - style.start) * fallen / whole
    if style.epochs > 1:
        level = level - 0.12 * np.minimum(np.floor(share * style.epochs - 1e-9), style.epochs - 1)
    return np.asarray(level + style.hump * np.exp(-(((share - 0.03) / 0.015) ** 2)))


def noisy(found: Curve, rng: np.random.Generator) -> Curve:
    """The same as it is logged."""
    style = found.style
    draw = rng.standard_t(4, found.train.size) / np.sqrt(2) if style.heavy else rng.standard_normal(found.train.size)
    # A loss near zero wavers less than one of two nats.
    width = style.noise * np.minimum(1.0, found.train / max(style.end, 0.3) + 0.1)
    train = np.maximum(found.train + width * draw, 0.002)
    held = found.held + style.held * rng.standard_normal(found.held.size)
    return found._replace(train=train, held=np.maximum(held, 0.002))


class Log(NamedTuple):
    """What the trainer wrote: a line a logged step, and a line an evaluation."""

    lines: list[dict[str, Any]]
    last: int
    save_steps: int


def log_of(found: Curve, rng: np.random.Generator, norms: bool = True) -> Log:
    """Lines as transformers' Trainer writes them, with a learning rate that warms up and decays."""
    lines: list[dict[str, Any]] = []
    for step, loss in zip(found.steps, found.train, strict=True):
        share = float(step) / found.last
        rate = 2e-4 * min(share / 0.03, 0.5 * (1 + np.cos(np.pi * share)))
        line: dict[str, Any] = {"epoch": 3 * share, "learning_rate": rate, "loss": float(loss), "step": int(step)}
        lines.append({"grad_norm": float(0.6 * np.exp(0.3 * rng.standard_normal())), **line} if norms else line)
    for step, loss in zip(found.held_steps, found.held, strict=True):
        lines.append({"epoch": 3 * float(step) / found.last, "eval_loss": float(loss), "step": int(step)})
    lines.sort(key=lambda line: (line["step"], "eval_loss" in line))
    return Log(lines, found.last, int(found.held_steps[0]) if found.held_steps.size else found.last)


def changed(log: Log, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Log:
    """The same with every line changed."""
    return log._replace(lines=[change(dict(line)) for line in log.lines])


def text_of(log: Log, lines: Sequence[dict[str, Any]] | None = None) -> str:
    """The file as the Trainer writes it: NaN and Infinity are bare words."""
    state = {
        "best_metric": None,
        "global_step": log.last,
        "max_steps": log.last,
        "num_train_epochs": 3,
        "save_steps": log.save_steps,
        "log_history": log.lines if lines is None else list(lines),
    }
    return json.dumps(state, indent=1)


def write(folder: Path, text: str) -> Path:
    """Put it where the Trainer puts it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(text)
    return folder
