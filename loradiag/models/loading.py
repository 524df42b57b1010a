"""From a base checkpoint to a transformers model and its tokenizer, offline and without running code of the checkpoint's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loradiag.bases.model import Base
from loradiag.core.errors import InputError, reason_of
from loradiag.core.lazy import require
from loradiag.models.panics import is_failure

COMPUTE = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Types that a model can compute in, by the names that users write."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and telling stories on standard error, and from asking a hub."""
    logging = require("transformers.utils.logging", "merge")
    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    before = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    os.environ.update(dict.fromkeys(before, "1"))
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def load_tokenizer(base: Base, *, trust_remote_code: bool = False) -> Any:
    """Load the tokenizer that lies beside the base.

    Raises:
        InputError: There is none, or it cannot be loaded.
        MissingExtraError: transformers is not installed.
    """
    folder = base.path if base.path.is_dir() else base.path.parent
    return tokenizer_in(folder, trust_remote_code=trust_remote_code)


def tokenizer_in(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """Load the tokenizer that lies in a directory.

    Raises:
        InputError: There is none, or it cannot be loaded.
        MissingExtraError: transformers is not installed.
    """
    transformers = require("transformers", "merge")
    try:
        with _quiet():
            return transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=trust_remote_code
            )
    except BaseException as error:  # the loader raises whatever its many back ends do
        if not is_failure(error):
            raise
        remedy = "copy tokenizer.json and tokenizer_config.json there"
        raise InputError(folder, f"has no tokenizer that can be loaded ({reason_of(error)})", remedy) from error


def load_model(
    folder: Path, *, dtype: str, trust_remote_code: bool = False, device_map: str | Mapping[str, str] | None = None
) -> Any:
    """Load a causal language model in evaluation mode, on the CPU unless told otherwise.

    Args:
        folder: A checkpoint's directory.
        dtype: The type of its parameters, as torch calls it.
        device_map: How accelerate spreads it over devices; ``auto`` fills GPUs first, then memory, then the disk.
        trust_remote_code: Whether code that lies beside the weights may run.

    Raises:
        InputError: It is none, or cannot be loaded.
        MissingExtraError: transformers is not installed.
    """
    transformers, torch = require("transformers", "merge"), require("torch", "merge")
    try:
        with _quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                device_map=device_map,
            )
    except Exception as error:  # see load_tokenizer
        problem = f"cannot be loaded as a causal language model ({reason_of(error)})"
        remedy = "see whether config.json and weights are complete; merge-drift without --prompts needs no model"
        raise InputError(folder, problem, remedy) from error
    return model.eval().requires_grad_(False)
