"""Whether an adapter's files are whole, and its values numbers.

Part of the wire format, as :mod:`loradiag.core.measurements`.
"""

from __future__ import annotations

from loradiag.core.measure import Measure


class Problem(Measure, kw_only=True, frozen=True):
    """One thing about one module or tensor that is not as it must be. ``kind`` is a stable word."""

    kind: str
    detail: str
    module: str | None = None
    role: str | None = None
    stack: str | None = None
    layer: int | None = None
    tensor: str | None = None
    observed: float | None = None
    expected: float | None = None


class Unreadable(Measure, kw_only=True, frozen=True):
    """Why nothing could be read. ``kind`` is a stable word: ``missing``, ``lfs-pointer``, ``truncated`` and so on."""

    kind: str
    file: str
    detail: str
    remedy: str


class Integrity(Measure, kw_only=True, frozen=True):
    """Structure and values: every problem found, and the counts that they are to be seen against."""

    modules: int
    tensors: int
    zero_modules: int
    has_config: bool
    config_expected: bool
    problems: list[Problem]
    unreadable: Unreadable | None = None
