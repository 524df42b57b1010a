"""A loaded model in the form that lm-eval asks questions of."""

from __future__ import annotations

from functools import cache
from typing import Any

from loradiag.core.lazy import require
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.tasks import EXTRA


def wrap(model: Any, tokenizer: Any, *, batch: int, most: int | None = None) -> Any:
    """Wrap a model for lm-eval.

    Args:
        model: Of transformers, loaded.
        tokenizer: Of the base, whichever model it is.
        batch: Requests at once. Fixed: results depend on it in their last digits.
        most: Tokens of a request at most; None: what the model takes.

    Returns:
        lm-eval's ``HFLM``, silent. Log-probabilities are computed in FP32: in BF16 choices tie.
    """
    with quietly():
        return _silent()(
            pretrained=model,
            tokenizer=tokenizer,
            backend="causal",
            batch_size=batch,
            max_length=most,
            softmax_dtype="float32",
        )


def exchange(wrapped: Any, model: Any) -> None:
    """Put another model, of the same base, into the wrapper: its tokenizer and limits stay."""
    wrapped._model = model


def is_served(wrapped: Any) -> bool:
    """Whether it is lm-eval's class for vLLM: of its classes only that one has LoRA requests."""
    return hasattr(wrapped, "lora_request")


@cache
def _silent() -> Any:
    """lm-eval's class for loaded models, less its progress bars."""
    parent: Any = require("lm_eval.models.huggingface", EXTRA).HFLM

    class Silent(parent):  # type: ignore[misc]
        def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:  # noqa: ARG002
            return super().loglikelihood(requests, disable_tqdm=True)

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = True) -> Any:  # noqa: ARG002
            return super().loglikelihood_rolling(requests, disable_tqdm=True)

        def generate_until(self, requests: Any, disable_tqdm: bool = True) -> Any:  # noqa: ARG002
            return super().generate_until(requests, disable_tqdm=True)

        def _loglikelihood_tokens(self, requests: Any, disable_tqdm: bool = True, override_bs: Any = None) -> Any:  # noqa: ARG002
            found = super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)
            if override_bs is not None and hasattr(self.cache_hook, "add"):  # a batch of windows of long texts
                self.cache_hook.add(len(requests))
            return found

    return Silent
