"""The way into the trainer's own log, and with it to TensorBoard, W&B, MLflow and whatever else reports."""

from __future__ import annotations

import logging
import sys
from typing import Any

from loradiag.core.lazy import require
from loradiag.core.text import printable

_LOGGER = logging.getLogger("loradiag")

_FRAMES = 8
"""How far above a callback its handler is looked for. In transformers it is the next but one."""


def tell(text: str) -> None:
    """Say one line to whoever runs the training: Python shows warnings on stderr unless told otherwise."""
    _LOGGER.warning("loradiag: %s", printable(text))


class TrainerLog:
    """Writes to the log of a trainer.

    transformers gives callbacks no trainer, and calls those that report to trackers before those of the user, so that what a
    callback adds to another's log comes too late for them. A log of one's own reaches all. It is written by the trainer, if
    one is given; else by the handler that calls the callback, in the way in which the trainer would.

    Args:
        callback: Whose log it is.
        trainer: A transformers ``Trainer``, or None.
    """

    def __init__(self, callback: object, trainer: Any = None) -> None:
        self._callback, self._trainer = callback, trainer
        self._handler: Any = None

    def find(self) -> None:
        """Look for the handler. To be called from an event of the callback."""
        if self._trainer is None:
            self._handler = _calling_handler(self._callback)

    @property
    def reaches_trackers(self) -> bool:
        """Whether trackers will see what is written; if not, only ``state.log_history`` will have it."""
        return self._trainer is not None or self._handler is not None

    def write(self, args: Any, state: Any, control: Any, values: dict[str, float]) -> None:
        """Write values at the current step.

        Trainers of TRL extend ``log`` by averages since the last call, and then forget these. So that their averages stay
        what they are, transformers' own ``log`` is called, not an extended one.
        """
        due = control.should_log  # writing resets it, and the trainer's own log of this step would be lost
        try:
            if self._trainer is not None:
                require("transformers", "merge").Trainer.log(self._trainer, values)
                return
            logs = values if state.epoch is None else {**values, "epoch": state.epoch}
            state.log_history.append({**logs, "step": state.global_step})
            if self._handler is not None:
                self._handler.on_log(args, state, control, logs)
        finally:
            control.should_log = due


def _calling_handler(callback: object) -> Any:
    """The ``CallbackHandler`` up the stack that has ``callback`` in its list; None if nobody like that calls."""
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame.f_back is None:
            return None
        frame = frame.f_back
        caller = frame.f_locals.get("self")
        if caller is not callback and hasattr(caller, "on_log"):
            listed = getattr(caller, "callbacks", None)
            if isinstance(listed, list) and any(entry is callback for entry in listed):
                return caller
    return None
