"""A base checkpoint, opened: headers in memory, values on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from loradiag.storage.tensors import Scratch, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Source(Protocol):
    """Something that yields the rows of a matrix in the carrier type of its dtype."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    def read(self, start: int, stop: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """Return rows ``start`` to ``stop``: [stop - start, cols]. They may lie in ``scratch``."""


class StoredRows(msgspec.Struct, frozen=True):
    """Rows of a tensor that holds its numbers plainly, beginning with row ``first`` of its flattened view."""

    tensor: Tensor
    rows: int
    cols: int
    first: int = 0

    def read(self, start: int, stop: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """See :class:`Source`."""
        flat = self.tensor.read((self.first + start) * self.cols, (stop - start) * self.cols, scratch)
        return flat.reshape(stop - start, self.cols)


class Weight(msgspec.Struct, frozen=True):
    """One weight of the base as a matrix, in the orientation in which it is stored.

    Attributes:
        name: Of the tensor, or of the first of several that are stacked.
        shape: [rows, cols]; a convolution kernel is flattened to [out, in·kh·kw].
        dtype: The format in which a model that loads the checkpoint holds it: that of the values, not of the codes, where
            it is quantized.
        sources: What yields its rows, one below the other.
        quantization: The scheme that it is stored in; None for plain numbers.
    """

    name: str
    shape: tuple[int, int]
    dtype: str
    sources: tuple[Source, ...]
    quantization: str | None = None

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.shape[0] * self.shape[1]

    def read(self, start: int, stop: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """Return rows ``start`` to ``stop`` in the carrier type of ``dtype``.

        Raises:
            InputError: A file ends before its header says.
        """
        import numpy as np

        parts, first = [], 0
        for source in self.sources:
            low, high = max(start - first, 0), min(stop - first, source.rows)
            if low < high:
                parts.append((source, low, high))
            first += source.rows
        if not parts:
            return self.sources[0].read(0, 0)
        if len(parts) == 1:
            source, low, high = parts[0]
            return source.read(low, high, scratch)
        return np.concatenate([source.read(low, high) for source, low, high in parts])


class Base(msgspec.Struct, frozen=True):
    """A base checkpoint.

    Attributes:
        name: What the user called it: a path, or a hub id.
        path: Where it lies.
        files: The files that hold the tensors.
        config: ``config.json`` as decoded; empty where there is none.
        tensors: Every tensor as stored, codes and scales of quantized ones among them.
        weights: Every weight by name (``model.layers.0.mlp.up_proj.weight``): quantized ones with the shape of their
            values. Those that cannot be read are missing here.
        shapes: The shape of the values of every weight by name; None for one that is packed so that it cannot be told.
        scheme: How the checkpoint is quantized, in a word; None if it is not.
        obstacle: Why some weights cannot be read; None if all can.
        revision: The commit, where it came from a hub.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    weights: Mapping[str, Weight]
    shapes: Mapping[str, tuple[int, ...] | None]
    scheme: str | None = None
    obstacle: str | None = None
    revision: str | None = None

    def setting(self, key: str) -> Any:
        """A value of the configuration; of multimodal models also that of the language model. None where it is absent."""
        for part in (
            self.config,
            *(self.config.get(name) for name in ("text_config", "llm_config", "language_config")),
        ):
            if isinstance(part, Mapping) and part.get(key) is not None:
                return part[key]
        return None

    @property
    def ties_embeddings(self) -> bool:
        """Whether the configuration says that the output head is the embedding."""
        return bool(self.setting("tie_word_embeddings"))
