"""What the last part of a weight's name says of it."""

from __future__ import annotations

import re

EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings", "shared")
HEADS = ("lm_head", "embed_out", "output")

_CONV1D = re.compile(r"(^|\.)(c_attn|c_proj|c_fc)$")
_NUMBERED = re.compile(r"\.\d+\.", re.ASCII)


def is_head(name: str) -> bool:
    """Whether a weight, with or without ``.weight`` behind its name, is the output head: layers have an ``output`` too."""
    return name.removesuffix(".weight").rpartition(".")[2] in HEADS and not _NUMBERED.search(name)


def is_conv1d(module: str) -> bool:
    """Whether a module is called as GPT-2 calls its Conv1D, which keep their weights as [in, out]."""
    return _CONV1D.search(module) is not None
