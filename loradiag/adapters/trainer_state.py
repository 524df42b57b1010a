"""``trainer_state.json``: what transformers' Trainer logged, as it lies beside an adapter. Hostile until it is read.

Python's json writes NaN and Infinity as bare words, which is no JSON; they are what one looks for here. TRL, Unsloth, Axolotl
and LLaMA-Factory train by the same class and leave the same file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from loradiag.core.errors import InputError
from loradiag.core.text import shorten
from loradiag.storage.files import unreadable

NAME = "trainer_state.json"

MAX_BYTES = 64 << 20
"""Logs of a million lines are smaller. Decoding takes about a second and ten times the memory."""

MAX_STEP = 10**15
"""Numbers of steps beyond this are no steps."""

MAX_SETS = 32
"""Sets of held-out text that are told apart; a log with more of them invents names."""

_EVALUATION = re.compile(r"eval_(?:(.{1,200})_)?loss", re.DOTALL)


class Row(msgspec.Struct, frozen=True):
    """One log line of training. NaN and infinities are kept as they are; None is what was not logged."""

    step: int
    loss: float | None
    grad_norm: float | None
    learning_rate: float | None


class Held(msgspec.Struct, frozen=True):
    """One evaluation. The loss may be NaN or infinite."""

    step: int
    loss: float


class State(msgspec.Struct, frozen=True):
    """A log, in the order of steps: each step once, and nothing of what a later restart abandoned.

    Attributes:
        step: The last step of the run so far.
        max_steps: Of the plan.
        epochs: That were trained so far.
        save_steps: Between two checkpoints, if the trainer went by steps.
        train: Log lines of training.
        held: Evaluations by the name of their set; empty for ``eval_loss``.
        chosen_step: The best step by the trainer's own metric.
        chosen_metric: Its value.
        restarts: Steps at which the log begins again at an earlier one.
        skipped: Lines that could not be understood.
    """

    step: int | None
    max_steps: int | None
    epochs: float | None
    save_steps: int | None
    train: tuple[Row, ...]
    held: Mapping[str, tuple[Held, ...]]
    chosen_step: int | None
    chosen_metric: float | None
    restarts: tuple[int, ...]
    skipped: int


def read_state(path: Path) -> State:
    """Read a log.

    Raises:
        InputError: It cannot be read, is too large, or is no trainer's state.
    """
    document = read_document(path)
    lines = document.get("log_history") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(lines, list):
        raise InputError(path, "is no trainer's state: it has no log_history", kind="log")
    rows, skipped = [], 0
    for line in lines:
        step = whole(line.get("step")) if isinstance(line, dict) else None
        if step is None:
            skipped += 1
        else:
            rows.append((step, line))
    train, restarts = _ordered(_train(rows))
    held, more = _held(rows)
    return State(
        step=whole(document.get("global_step")),
        max_steps=whole(document.get("max_steps")),
        epochs=finite(document.get("epoch")),
        save_steps=whole(document.get("save_steps")) or None,
        train=tuple(train),
        held=held,
        chosen_step=_chosen(document),
        chosen_metric=finite(document.get("best_metric")),
        restarts=tuple(sorted({*restarts, *more})),
        skipped=skipped,
    )


def number(value: object) -> float | None:
    """What a log calls a number, NaN and infinities too; None for anything else. Some loggers write numbers as text."""
    if isinstance(value, str) and len(value) > 40:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):  # text, or a whole number beyond what a float holds
        return None


def finite(value: object) -> float | None:
    """The same, without NaN and infinities."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A number of steps; None for what is none."""
    found = finite(value)
    if found is None or found != int(found) or not 0 <= found <= MAX_STEP:
        return None
    return int(found)


def read_document(path: Path) -> Any:
    """Read the JSON of a trainer, whatever it is, with NaN and infinities in it.

    Raises:
        InputError: It cannot be read, is too large, or is no JSON.
    """
    try:
        if not path.is_file():
            raise InputError(path, "is no regular file", kind="log")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise InputError(path, f"is larger than {MAX_BYTES >> 20} MiB: not read", kind="log")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested or numbers beyond all reason
        raise InputError(path, "is not JSON", "fetch it again", kind="log") from error


def _train(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Row]:
    found = []
    for step, line in rows:
        loss, norm = number(line.get("loss")), number(line.get("grad_norm"))
        if loss is not None or norm is not None:
            found.append(Row(step, loss, norm, finite(line.get("learning_rate"))))
    return found


def _held(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[dict[str, tuple[Held, ...]], list[int]]:
    found: dict[str, list[Held]] = {}
    for step, line in rows:
        for key, value in line.items():
            match = _EVALUATION.fullmatch(key)
            loss = number(value) if match else None
            if match is None or loss is None:
                continue
            name = shorten((match[1] or "").encode("utf-8", "backslashreplace").decode(), 80)
            if name in found or len(found) < MAX_SETS:
                found.setdefault(name, []).append(Held(step, loss))
    ordered, restarts = {}, []
    for name, points in found.items():
        kept, back = _ordered(points)
        ordered[name] = tuple(kept)
        restarts += back
    return ordered, restarts


class _Stepped(Protocol):
    """Anything that was logged at a step."""

    @property
    def step(self) -> int: ...


Line = TypeVar("Line", bound=_Stepped)


def _ordered(lines: Iterable[Line]) -> tuple[list[Line], list[int]]:
    """Each step once, the last of its lines, and none that lie after a step at which the log began again."""
    kept: list[Line] = []
    restarts = []
    for line in lines:
        if kept and line.step < kept[-1].step:
            restarts.append(line.step)
        while kept and kept[-1].step >= line.step:
            kept.pop()
        kept.append(line)
    return kept, restarts


def _chosen(document: Mapping[str, Any]) -> int | None:
    """The step of the best checkpoint; older versions of the trainer name its directory only."""
    step = whole(document.get("best_global_step"))
    name = document.get("best_model_checkpoint")
    if step is None and isinstance(name, str):
        match = re.search(r"checkpoint-(\d{1,15})/?$", name[-200:], re.ASCII)
        step = int(match[1]) if match else None
    return step or None
