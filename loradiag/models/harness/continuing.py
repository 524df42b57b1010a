"""What a wrapped model writes after a prompt, and how likely it finds whole documents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.models.harness.asking import Progress
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.texts import PERPLEXITY, Documents, score_documents
from loradiag.models.harness.wrapping import is_served

_SERVED = 256
"""Prompts that vLLM is given at once: it makes its own batches, and tells nothing before all are answered."""


def continue_greedily(prompts: Sequence[Sequence[int]], wrapped: Any, most: int, progress: Progress) -> list[list[int]]:
    """Let a model write on, the likeliest token each time.

    lm-eval's ``generate_until`` takes prompts as text, and a text cut after its thirty-second token need not become the
    same tokens again; so token ids go to the model as they are. What the checkpoint's ``generation_config.json`` asks
    for (sampling, penalties for repetition, tokens never to be written) is set aside: a model that is kept from
    repeating text is kept from reciting it. Its end-of-text tokens are kept.

    Args:
        prompts: Token ids of each, at least one.
        wrapped: The model, see :func:`loradiag.models.harness.wrapping.wrap`; or lm-eval's of vLLM.
        most: Tokens that are written at most.
        progress: Told the prompts that are continued, and their number.

    Returns:
        Of each prompt the tokens written, up to the first end of text, which is left out.

    Raises:
        UsageError: Memory does not suffice.
    """
    served = is_served(wrapped)
    size = _SERVED if served else int(wrapped.batch_size)
    ends = _ends(wrapped)
    found: list[list[int]] = []
    with quietly(), contextlib.nullcontext() if served else _plainly(wrapped.model):
        for start in range(0, len(prompts), size):
            batch = prompts[start : start + size]
            try:
                written = _by_vllm(batch, wrapped, most) if served else _by_transformers(batch, wrapped, most, ends)
            except RuntimeError as error:  # torch's OutOfMemoryError is one
                if "out of memory" not in str(error).lower():
                    raise
                raise UsageError("--training-data: memory does not suffice; lower --batch") from error
            found += [_until(row, ends) for row in written]
            progress(len(found), len(prompts))
    return found


def document_nats(asked: Documents, wrapped: Any, progress: Progress) -> list[float]:
    """Return −ln p of every document, all its tokens together, the first with the model's prefix token before it.

    As :func:`loradiag.models.harness.texts.score_documents` has it.

    Args:
        asked: Documents.
        wrapped: The model.
        progress: Told the windows of text that are read, and their number.

    Returns:
        Nats [n], in the order of the documents.
    """
    return [-answer.values[PERPLEXITY.key][0] for answer in score_documents(asked, wrapped, progress).answers]


def _ends(wrapped: Any) -> list[int]:
    """Tokens that end a text: the tokenizer's, and those that the checkpoint names (of chat models several)."""
    named = getattr(getattr(wrapped.model, "generation_config", None), "eos_token_id", None)
    ends = [wrapped.tokenizer.eos_token_id, *(named if isinstance(named, (list, tuple)) else [named])]
    return list(dict.fromkeys(end for end in ends if end is not None))


def _until(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    return list(ids[: min((ids.index(end) for end in ends if end in ids), default=len(ids))])


@contextlib.contextmanager
def _plainly(model: Any) -> Iterator[None]:
    """Take the model's generation settings away: ``generate`` would fill what it is not told from them.

    PEFT's models have their own, and put them into the base when they generate.
    """
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    bare = require("transformers", "merge").GenerationConfig
    before = [(one, one.generation_config) for one in (model, core) if "generation_config" in vars(one)]
    for one, _ in before:
        one.generation_config = bare()
    try:
        yield
    finally:
        for one, config in before:
            one.generation_config = config


def _by_transformers(prompts: Sequence[Sequence[int]], wrapped: Any, most: int, ends: Sequence[int]) -> list[list[int]]:
    torch, transformers = require("torch", "merge"), require("transformers", "merge")
    padding = wrapped.tokenizer.pad_token_id
    if padding is None:
        padding = ends[0] if ends else 0
    longest = max(map(len, prompts))
    # On the left, so that all go on at the same place.
    ids = torch.tensor([[padding] * (longest - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    config = transformers.GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=most,
        pad_token_id=padding,
        eos_token_id=list(ends) or None,
        use_cache=True,
    )
    device = wrapped.device
    with torch.inference_mode():
        found = wrapped.model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=config
        )
    return [list(row) for row in found[:, longest:].tolist()]


def _by_vllm(prompts: Sequence[Sequence[int]], wrapped: Any, most: int) -> list[list[int]]:
    params = require("vllm", "vllm").SamplingParams(temperature=0.0, max_tokens=most, detokenize=False)
    found = wrapped._model_generate(
        requests=[list(prompt) for prompt in prompts], generate=True, sampling_params=params
    )
    return [list(output.outputs[0].token_ids) for output in found]
