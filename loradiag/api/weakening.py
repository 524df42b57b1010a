"""Weaker forms of an adapter, written for a sweep, and the chosen one kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.core.errors import UsageError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.analyzers.forgetting.wanted import Spec, Sweeping

_MARK = "adapter_config.json"


def sweeping(
    specs: Sequence[str],
    limits: Mapping[str, float],
    adapters: Sequence[str | Path],
    write: str | Path | None,
    *,
    allow_pickle: bool,
    force: bool,
) -> Sweeping:
    """Return how weaker forms are made and kept.

    Args:
        specs: ``scale:0.5``, ``rank:8``, ``intruders:0.75``; empty: a grid that suits the adapter.
        limits: Thresholds of the rule that holds the margins.
        adapters: What is weakened.
        write: The directory for the chosen form; None: it is not kept.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        force: Whether an adapter that lies in ``write`` is replaced.

    Raises:
        UsageError: A form is not understood, or the directory cannot be written.
    """
    from loradiag.analyzers.forgetting.wanted import Sweeping

    def make(path: Path, spec: Spec, output: Path) -> None:
        from loradiag.resizing.resize import resize
        from loradiag.resizing.scaled import scaled

        if spec.kind == "scale":
            scaled(path, output, spec.value, allow_pickle=allow_pickle)
        else:
            resize(path, output, rank=int(spec.value), allow_pickle=allow_pickle)

    return Sweeping([_spec(word) for word in specs], dict(limits), make, _keeper(adapters, write, force=force))


def _keeper(adapters: Sequence[str | Path], write: str | Path | None, *, force: bool) -> Callable[[Path], str | None]:
    from loradiag.storage.directories import Kind, check_output, installed

    if write is None:
        return lambda _chosen: None
    if len(adapters) != 1:
        raise UsageError("--write: one directory takes one adapter; give them one by one")
    kind = Kind("adapter", _MARK)
    place = check_output(Path(write), {"adapter": Path(adapters[0])}, kind, force=force)

    def keep(chosen: Path) -> str:
        with installed(place, kind if force else None) as folder:
            for file in chosen.iterdir():
                shutil.copyfile(file, folder / file.name)
        return str(write)

    return keep


def _spec(word: str) -> Spec:
    from loradiag.analyzers.forgetting.wanted import Spec

    kind, _, value = word.partition(":")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    sound = {"scale": 0 < number <= 1, "rank": number >= 1 and number.is_integer(), "intruders": 0 <= number < 1}
    if not sound.get(kind, False):
        raise UsageError(f"--candidate {printable(word)}: write scale:0.5, rank:8 or intruders:0.75")
    return Spec(kind, number)  # type: ignore[arg-type]
