"""The reference: the adapter beside its base, not folded into it, as it was trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from loradiag.adapters.model import Adapter
from loradiag.analyzers.merge.routes import ROUTES
from loradiag.analyzers.merge.swapping import Swapped
from loradiag.core.errors import InputError, MissingExtraError, reason_of
from loradiag.core.lazy import require
from loradiag.models.harness.quiet import quietly

_WEIGHTS = "adapter_model.safetensors"

BY_PEFT = "peft"
"""The adapter ran unmerged, in PEFT's own layers."""

BY_FOLD = "fold"
"""The update was added to the weights in FP32: PEFT does not read this layout."""


@contextlib.contextmanager
def unmerged(swapped: Swapped, adapter: Adapter, trained_on: str) -> Iterator[tuple[Any, str]]:
    """Give the model with the adapter beside it, and how that was done. Its weights are those of the base before and after.

    Args:
        swapped: With the base put in as it was during training.
        adapter: What to run.
        trained_on: The precision of the base during training.

    Raises:
        InputError: PEFT cannot load the adapter.
    """
    if not read_by_peft(adapter):
        swapped.put_fold(ROUTES[trained_on])
        yield swapped.model, BY_FOLD
        return
    with beside(swapped.model, adapter, "leave --prompts out to measure weights only") as wrapped:
        yield wrapped, BY_PEFT


@contextlib.contextmanager
def beside(model: Any, adapter: Adapter, remedy: str) -> Iterator[Any]:
    """Give the model with the adapter in PEFT's own layers; afterwards the layers are taken out of ``model`` again.

    Args:
        model: The base, loaded. PEFT puts its layers into it.
        adapter: What to load.
        remedy: What the user can do if it cannot be loaded.

    Raises:
        InputError: PEFT cannot load the adapter.
    """
    try:
        with quietly():  # PEFT imports bitsandbytes, which says on standard error what it lacks
            peft = require("peft", "merge")
            wrapped = peft.PeftModel.from_pretrained(model, adapter.path)
    except MissingExtraError:
        raise
    except Exception as error:  # PEFT raises whatever its loaders and its configurations do
        raise InputError(adapter.path, f"cannot be loaded by PEFT ({reason_of(error)})", remedy) from error
    try:
        yield wrapped.eval()
    finally:
        if not wrapped.active_peft_config.is_prompt_learning:  # prompts stand before the input: there are no layers
            wrapped.unload()


def read_by_peft(adapter: Adapter) -> bool:
    """Whether PEFT finds the file: it knows one name, else asks a hub, and unpickles."""
    named = adapter.path.is_dir() and (adapter.path / _WEIGHTS).is_file()
    return adapter.layout == "peft" and adapter.config is not None and named
