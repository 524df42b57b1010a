"""The base that a stamp names: what identifies it, and whether the adapter fits it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from loradiag.adapters.model import Adapter
from loradiag.adapters.stamps import StampedBase
from loradiag.analyzers.pairing import Pair, pair
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from loradiag.core.text import plural, printable, quoted
from loradiag.stamping.fingerprint import identity_of

Progress = Callable[[int, int], None]


def stamped_base(
    adapter: Adapter, name: str | Path, revision: str | None, *, fast: bool, progress: Progress | None
) -> tuple[StampedBase, list[str]]:
    """Identify a base, and see whether an adapter fits it.

    Args:
        adapter: The adapter.
        name: A directory, a safetensors file, or ``owner/name`` on the hub.
        revision: Commit, branch or tag on the hub.
        fast: Identify it by samples only.
        progress: Called with bytes done and their number.

    Returns:
        What the stamp says of it, and warnings, a line each.

    Raises:
        InputError: The base cannot be read, or no module of the adapter fits it.
        MissingExtraError: It is a hub id and ``huggingface_hub`` is not installed.
    """
    base = open_base(name, revision=revision)
    warnings = _fit(adapter, base)
    identity = identity_of(base, fast=fast, progress=progress)
    stamped = StampedBase(
        name=identity.name,
        revision=identity.revision,
        fingerprint=identity.sampled,
        fingerprint_full=identity.full,
        parts=identity.parts,
        tensors=identity.tensors,
    )
    return stamped, warnings


def _fit(adapter: Adapter, base: Base) -> list[str]:
    """Check the adapter's modules against the base's weights by name and shape.

    Returns:
        Warnings.

    Raises:
        InputError: No module fits.
    """
    pairs = pair(adapter, base).pairs
    # A packed weight has the name but not its shape, a fused one neither: they speak neither for the base nor against it.
    wrong = [found for found in pairs if found.reason in ("absent", "shape")]
    right = [found for found in pairs if found.weight is not None]
    example = next((found for found in wrong if found.reason == "shape"), wrong[0] if wrong else None)
    if example is not None and not right:
        raise InputError(
            adapter.path,
            f"fits {printable(base.name)} in none of its {plural(len(pairs), 'module')}: {_why(example)}",
            "name the base that it was trained on",
            kind="other-base",
        )
    if example is not None:
        return [f"{len(wrong):,} of {plural(len(pairs), 'module')} do not fit the base: {_why(example)}"]
    if not right:
        return ["no module could be compared with the base: nothing shows that the two belong together"]
    return []


def _why(found: Pair) -> str:
    name = quoted(found.module.name)
    if found.reason == "absent":
        return f"the base has no weight for {name}"
    theirs = f"[{found.module.d_out or '?'}, {found.module.d_in or '?'}]"
    return f"{name} is {theirs} in the adapter and {list(found.shape or ())} in the base"
