"""Callbacks for training loops: the measures of ``loradiag inspect``, taken from the live model while it trains.

Importing this package is light. :class:`LoraHealthCallback` must subclass one of transformers' classes, so transformers is
imported when the class is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loradiag.callbacks.health import LoraHealthCallback

__all__ = ["LoraHealthCallback"]


def __getattr__(name: str) -> Any:
    """Import the class (PEP 562).

    Raises:
        MissingExtraError: transformers or peft is not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module 'loradiag.callbacks' has no attribute {name!r}")
    from loradiag.core.lazy import require

    for package in ("transformers", "peft"):
        require(package, "merge")
    from loradiag.callbacks.health import LoraHealthCallback

    return LoraHealthCallback


def __dir__() -> list[str]:
    """Names for completion."""
    return sorted(__all__)
