"""Log-probabilities in the words of OpenAI's two interfaces, of vLLM and of SGLang."""

from __future__ import annotations

from typing import Any

from loradiag.traffic.request import Request
from loradiag.traffic.values import Node, first, items, logarithms, node, number


def read_logprobs(request: Request, choice: Node, answer: Node, *, echo: bool = False) -> None:
    """Give a request what its answer says of how sure the model was.

    Args:
        request: Of which ``prompt_tokens`` are known already.
        choice: The choice that counts.
        answer: What it stands in.
        echo: Whether the completion repeats the prompt, whose tokens are then not generated ones.
    """
    request.logprobs, request.top_logprobs = _native(answer) if "meta_info" in answer else _generated(choice)
    request.prompt_logprobs = _of_prompt(choice, answer)
    if echo:
        _without_prompt(request)


def _generated(choice: Node) -> tuple[list[float], list[list[float]]]:
    told = node(choice.get("logprobs"))
    if "content" in told:  # chat
        tokens = [node(token) for token in items(told.get("content"))]
        tops = [logarithms(node(top).get("logprob") for top in items(token.get("top_logprobs"))) for token in tokens]
        return logarithms(token.get("logprob") for token in tokens), tops
    tops = [logarithms(node(top).values()) for top in items(told.get("top_logprobs"))]
    return logarithms(items(told.get("token_logprobs"))), tops


def _native(answer: Node) -> tuple[list[float], list[list[float]]]:
    """SGLang's: for each token a list of its log-probability, its id and its text."""
    told = node(answer.get("meta_info"))
    tops = [logarithms(map(first, items(place))) for place in items(told.get("output_top_logprobs"))]
    return logarithms(map(first, items(told.get("output_token_logprobs")))), tops


def _of_prompt(choice: Node, answer: Node) -> list[float | None]:
    """What the model gave to each token of the prompt; None where nothing is said, as of the first."""
    native = items(node(answer.get("meta_info")).get("input_token_logprobs"))
    if native:
        return [number(first(entry)) for entry in native]
    found = items(choice.get("prompt_logprobs")) or items(answer.get("prompt_logprobs"))
    ids = items(choice.get("prompt_token_ids")) or items(answer.get("prompt_token_ids"))
    return [_of_token(entry, ids[place] if place < len(ids) else None) for place, entry in enumerate(found)]


def _of_token(entry: Any, token: Any) -> float | None:
    """Of vLLM's mapping from ids what stands under the token's own; else the first, before likelier ones with their ranks."""
    if not isinstance(entry, dict) or not entry:
        return number(entry)
    own = entry.get(str(token)) or next(iter(entry.values()))
    return number(node(own).get("logprob"))


def _without_prompt(request: Request) -> None:
    """The completion's own tokens; where nobody knows how many the prompt has, nothing is said of either."""
    count = request.prompt_tokens
    # Of the first token nothing is said, so the list of what is known lacks it.
    known = max(count - 1, 0) if count is not None else len(request.logprobs)
    if not request.prompt_logprobs and count is not None:
        request.prompt_logprobs = [None, *request.logprobs[:known]]
    if request.prompt and request.response and request.response.startswith(request.prompt):
        request.response = request.response[len(request.prompt) :] or None
    request.logprobs = request.logprobs[known:]
    request.top_logprobs = request.top_logprobs[count if count is not None else len(request.top_logprobs) :]
