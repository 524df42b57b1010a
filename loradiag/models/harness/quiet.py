"""Silence: lm-eval and its libraries draw bars and tell stories, where there is a progress bar already, or a report in JSON."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

_LOGGERS = ("lm_eval", "lm-eval", "datasets", "transformers", "huggingface_hub", "httpx", "bitsandbytes", "peft")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence logs, warnings and bars while the context lasts.

    Standard output and standard error go nowhere: some bars cannot be turned off, and some tasks print.
    """
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        nowhere = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if before is None:
            os.environ.pop("TQDM_DISABLE", None)
        else:
            os.environ["TQDM_DISABLE"] = before
