"""A sentence encoder: texts in, unit vectors out, and a hash that says which encoder it was."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.errors import InputError, UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import printable

Halves = npt.NDArray[np.float16]

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
"""A widely used encoder of 384 dimensions (Apache-2.0), fetched from the hub once."""

MAX_CHARACTERS = 20_000
"""Characters of a text that are read: encoders look at some hundred tokens, and tokenizers take long over a megabyte."""

_PATIENCE = 15.0
"""Seconds that the hub has to say whether it has a model."""

_BATCH = 64
_CHUNK = 4096
"""Texts between two reports of progress."""

Progress = Callable[[int, int], None]


class Identity(msgspec.Struct, frozen=True):
    """Which encoder made some vectors.

    Attributes:
        name: As the user called it, for people.
        sha256: Of all its weights, its tokenizer and how it puts them together: equal hashes mean equal vectors, up to
            rounding on other hardware.
        dimension: Of its vectors.
    """

    name: str
    sha256: str
    dimension: int


class Encoder:
    """A loaded sentence-transformers model.

    Args:
        model: The model.
        name: As the user called it.
    """

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self.identity = Identity(name, _sha256(model), int(_dimension(model)))

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Halves:
        """Return one unit vector a text, float16 [n, dimension]; a row of zeros where there is nothing to encode.

        Each distinct text is encoded once. Vectors are of length 1 up to float16's rounding.

        Args:
            texts: Only the first 20,000 characters of each are looked at.
            progress: Told how many distinct texts are done, and how many there are.
        """
        cut = [text[:MAX_CHARACTERS] for text in texts]
        places: dict[str, int] = {}
        order = np.array([places.setdefault(text, len(places)) for text in cut], dtype=np.int64)
        distinct = list(places)
        made = np.zeros((len(distinct), self.identity.dimension), dtype=np.float16)
        for start in range(0, len(distinct), _CHUNK):
            part = distinct[start : start + _CHUNK]
            made[start : start + len(part)] = self._encode(part)
            if progress:
                progress(start + len(part), len(distinct))
        return made[order] if len(order) else made

    def _encode(self, texts: list[str]) -> Halves:
        filled = [index for index, text in enumerate(texts) if text.strip()]
        result = np.zeros((len(texts), self.identity.dimension), dtype=np.float16)
        if filled:
            vectors = self._model.encode(
                [texts[index] for index in filled],
                batch_size=_BATCH,
                convert_to_numpy=True,
                normalize_embeddings=False,
                show_progress_bar=False,
            )
            result[filled] = unit(np.asarray(vectors, dtype=np.float32))
        return result


def unit(vectors: npt.NDArray[Any]) -> Halves:
    """Scale vectors [n, d] to length 1, as float16. What is zero or not finite becomes zero."""
    wide = np.asarray(vectors, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide, dtype=np.float64))
    good = np.isfinite(lengths) & (lengths > 0)
    scaled = np.zeros(wide.shape, dtype=np.float16)
    scaled[good] = wide[good] / lengths[good, None]
    return scaled


def load_encoder(name: str = DEFAULT, *, device: str | None = None) -> Encoder:
    """Load a sentence-transformers model from a directory, or by its name on the hub.

    Code that lies beside a model is never run, and its weights are read from safetensors only.

    Args:
        name: A directory, or ``owner/name``.
        device: As torch calls it; a GPU if there is one, where None.

    Raises:
        InputError: There is no such model, or it cannot be loaded.
        MissingExtraError: sentence-transformers is not installed.
        UsageError: There is no such device.
    """
    with _quiet():
        library = require("sentence_transformers", "drift")
    local = Path(os.path.expanduser(name))  # Path's own raises where there is no such user
    if not local.exists() and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise InputError(name, "does not exist", "give the directory of an encoder, or its name on the hub", "missing")
    try:
        model = _loaded(library, str(local) if local.exists() else name, device, here=local.exists())
    except RuntimeError as error:
        if device is not None and "device" in str(error).lower():
            raise UsageError(f"device {printable(device)}: {reason_of(error)}") from error
        raise _unloadable(name, error) from error
    except Exception as error:  # the hub, transformers, tokenizers and safetensors each raise errors of their own
        raise _unloadable(name, error) from error
    model.eval()
    return Encoder(model, name)


def _loaded(library: Any, name: str, device: str | None, *, here: bool) -> Any:
    """Load from a directory, from the hub's cache, or else from the hub."""
    options = {"device": device, "model_kwargs": {"use_safetensors": True}, "trust_remote_code": False}
    with _quiet():
        if not here:
            try:
                return library.SentenceTransformer(name, local_files_only=True, **options)
            except (
                Exception
            ):  # it is not in the cache: the hub says next whether there is one, without a minute of retries
                require("huggingface_hub", "drift").HfApi().model_info(name, timeout=_PATIENCE)
        return library.SentenceTransformer(name, **options)


@contextmanager
def _quiet() -> Iterator[None]:
    """The hub's client tells of every retry, and transformers of every kernel that it did not find."""
    loggers = [
        logging.getLogger(name) for name in ("huggingface_hub", "transformers", "sentence_transformers", "bitsandbytes")
    ]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _unloadable(name: str, error: Exception) -> InputError:
    remedy = "give a directory that SentenceTransformer.save wrote"
    if not os.path.exists(name):
        remedy = "check the name and the network, or give a directory"
    return InputError(name, f"cannot be loaded as an encoder ({reason_of(error)})", remedy)


def _dimension(model: Any) -> int:
    ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
    dimension = ask()
    return int(dimension) if dimension else int(np.asarray(model.encode(["a"])).shape[1])


def _sha256(model: Any) -> str:
    """Hash what decides the vectors: every tensor, the tokenizer, and the modules with their settings."""
    torch = require("torch", "drift")
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    digest.update(json.dumps(_settings(model), sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _settings(model: Any) -> dict[str, Any]:
    modules = []
    for module in model:
        keys = getattr(module, "config_keys", None) or ()
        modules.append([type(module).__name__, {key: getattr(module, key, None) for key in keys}])
    return {
        "modules": modules,
        "max_length": str(getattr(model, "max_seq_length", None)),
        "tokenizer": _tokenizer(getattr(model, "tokenizer", None)),
        "prompts": [getattr(model, "prompts", None), getattr(model, "default_prompt_name", None)],
    }


def _tokenizer(tokenizer: Any) -> str:
    """The tokenizer's own description of itself, where it has one: its words, its rules, its special tokens."""
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    told = getattr(fast, "to_str", None)
    return told() if told else str(type(tokenizer).__name__)
