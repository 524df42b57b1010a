"""One weight along its routes: what each starts from, what is stored, and what is shared between routes."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from loradiag.analyzers.merge.fold import Fold
from loradiag.analyzers.merge.kinds import Way
from loradiag.analyzers.merge.routes import ORIGINAL, Settings
from loradiag.linalg.formats import PLAIN, Format, Stored, format_named


class Formats:
    """Storage formats, each made once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.named = cache(self._make)

    def _make(self, name: str) -> Format:
        return format_named(name, self._settings.block_size, self._settings.double)


class Merged(NamedTuple):
    """A weight after it went along a route.

    Attributes:
        source: What the route started from: [rows, cols].
        stored: The merged weight as the format keeps it.
        plain: The codes that the format gives the base without an adapter.
        floating: Whether codes can be flushed to zero.
    """

    source: Any
    stored: Stored
    plain: Any
    floating: bool


class Strip:
    """Rows of one weight of the base. What several routes need of them is computed once.

    Args:
        rows: As the checkpoint has them, in its type; dequantized where it is quantized: a torch tensor [n, cols].
        start: The first of them.
        formats: See :class:`Formats`.
        transposed: Whether the weight is stored [in, out]. Quantizers see it as [out, in].
        quantized: The format of bitsandbytes in which the checkpoint stores it; None where it holds plain numbers.
    """

    def __init__(
        self, rows: Any, start: int, formats: Formats, *, transposed: bool = False, quantized: str | None = None
    ) -> None:
        self.rows, self._start, self._formats = rows, start, formats
        self._transposed, self.quantized = transposed, quantized
        self._kept: dict[tuple[str, str], Stored] = {}  # no functools.cache: a cycle would outlive its large tensors

    def held(self, name: str) -> Any:
        """The rows in a plain format."""
        if (name, "") not in self._kept:
            self._kept[name, ""] = self._formats.named(name).store(self.rows)
        return self._kept[name, ""].values

    def _stored_plain(self, storage: str, before: str) -> Stored:
        """The rows without any adapter, in a format."""
        if (storage, before) not in self._kept:
            self._kept[storage, before] = self._store(storage, self.held(before))
        return self._kept[storage, before]

    def _store(self, storage: str, rows: Any) -> Stored:
        quantizer = self._formats.named(storage)
        if not self._transposed or storage in PLAIN:
            return quantizer.store(rows)
        stored = quantizer.store(rows.T.contiguous())
        return Stored(stored.values.T, stored.codes.T, stored.parts)

    def source(self, way: Way) -> Any:
        """What a route adds the update to."""
        if way.source == ORIGINAL:
            return self.held(way.before)
        if way.source == self.quantized:  # PEFT adds to what it dequantizes: 8 bits give FP32
            return self.rows if way.inplace else self.held(way.before)
        values = self._stored_plain(way.source, way.before).values
        return values if way.inplace else values.to(self.held(way.before).dtype)

    def without(self, way: Way) -> Stored:
        """The base along a route, without any adapter."""
        if way.source == way.storage and self.quantized != way.source:
            return self._stored_plain(way.source, way.before)
        if way.source == ORIGINAL:
            return self._stored_plain(way.storage, way.before)
        return self._store(way.storage, self.source(way))

    def along(self, way: Way, fold: Fold) -> Merged:
        """The rows with the update along a route."""
        source = self.source(way)
        merged = fold.merged(source, self._start)
        if not way.inplace and way.storage not in PLAIN:
            merged = merged.to(self.held(way.before).dtype)
        stored = self._store(way.storage, merged)
        return Merged(source, stored, self.without(way).codes, self._formats.named(way.storage).floating)
