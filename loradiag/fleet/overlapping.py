"""Overlap of all with all on one module, by blocks: of thousands of adapters, neither updates nor all blocks are in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.comparing.deltas import NoDirectionsError, directions_of
from loradiag.analyzers.updates import Values
from loradiag.core.errors import InputError, UsageError
from loradiag.core.fleet import FleetOverlap
from loradiag.core.rules import matches_any
from loradiag.core.text import printable
from loradiag.fleet.finding import Found, brought
from loradiag.linalg.threads import all_threads
from loradiag.storage.writing import write_whole

Singles = npt.NDArray[np.float32]

_MEMORY = 256 << 20
"""Bytes of the inner products that are in memory at once."""


class Subspaces(NamedTuple):
    """Orthonormal columns of many adapters side by side [d, Σk], and how many each has."""

    columns: Singles
    ranks: npt.NDArray[np.int64]


def stacked(parts: Sequence[Singles]) -> Subspaces:
    """Put the columns [d, kᵢ] of some adapters side by side."""
    ranks = np.array([part.shape[1] for part in parts], dtype=np.int64)
    return Subspaces(np.ascontiguousarray(np.concatenate(parts, axis=1)), ranks)


def overlaps(subspaces: Subspaces, progress: Callable[[int, int], None]) -> Singles:
    """Return ‖UᵢᵀUⱼ‖_F²/min(kᵢ, kⱼ) of all pairs [n, n] (Hu et al. 2021, arXiv 2106.09685, §7.2), in float32.

    Args:
        subspaces: Of n adapters.
        progress: Told the adapters that are done, and their number.
    """
    columns, ranks = subspaces
    count, ends = ranks.size, np.concatenate([[0], np.cumsum(ranks)])
    found = np.empty((count, count), dtype=np.float32)
    step = max(1, int(_MEMORY / (4 * max(columns.shape[1], 1) * max(int(ranks.max(initial=1)), 1))))
    with all_threads():
        for start in range(0, count, step):
            stop = min(start + step, count)
            block = columns[:, ends[start] : ends[stop]].T @ columns
            np.square(block, out=block)
            across = np.add.reduceat(block, ends[:-1], axis=1) if count > 1 else block.sum(axis=1, keepdims=True)
            found[start:stop] = np.add.reduceat(across, ends[start:stop] - ends[start], axis=0)
            progress(stop, count)
    few = np.minimum(ranks[:, None], ranks[None, :]).astype(np.float32)
    shares: Singles = np.minimum(found / few, 1.0)
    return shares


def overlaps_on(
    patterns: Sequence[str],
    adapters: Sequence[tuple[int, Found]],
    folder: Path | None,
    stages: Callable[[str, int, int], None],
    *,
    allow_pickle: bool = False,
) -> list[FleetOverlap]:
    """Hold all adapters against all, on every module that a pattern names.

    What lies behind URLs is fetched once. Copies of adapters that have such a module take room in the temporary folder
    until all modules are done.

    Args:
        patterns: Names of modules, with ``*`` and ``?``.
        adapters: Their places among all, and where they lie.
        folder: Where matrices are written, ``overlap-<number>.npy`` of left and right [2, n, n]; nowhere if None.
        stages: Told what is done, the parts of it that are done, and their number.
        allow_pickle: Whether pickles may be read.

    Raises:
        UsageError: No module is named so, or the folder cannot be written.
    """
    made: list[FleetOverlap] = []
    with ExitStack() as copies:
        for name, here in _modules(patterns, adapters, allow_pickle, copies).items():
            for own, left, right in _directions(name, here, allow_pickle, stages):
                if len(own) > 1:
                    made.append(_overlap(name, own, left, right, folder, len(made), stages))
    if not made:
        raise UsageError(f"--overlap {printable(', '.join(patterns))}: no two adapters have such a module of one shape")
    return made


def _modules(
    patterns: Sequence[str], adapters: Sequence[tuple[int, Found]], allow_pickle: bool, copies: ExitStack
) -> dict[str, list[tuple[int, Path]]]:
    """Names that patterns mean, with the adapters that have them: their places, and where they lie while ``copies`` is open."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for place, adapter in adapters:
        with suppress(InputError), ExitStack() as copy:
            path = copy.enter_context(brought(adapter))
            modules = open_adapter(path, allow_pickle=allow_pickle).modules
            names = dict.fromkeys(module.name for module in modules if matches_any(module.name, patterns))
            for name in names:
                found.setdefault(name, []).append((place, path))
            if names:
                copies.enter_context(copy.pop_all())
    return found


def _directions(
    name: str, adapters: Sequence[tuple[int, Path]], allow_pickle: bool, stages: Callable[[str, int, int], None]
) -> list[tuple[list[int], Subspaces, Subspaces]]:
    """The subspaces of one module, of all adapters that have it in one shape."""
    shapes: dict[tuple[int, int], list[tuple[int, Singles, Singles]]] = {}
    for number, (place, path) in enumerate(adapters, 1):
        with suppress(InputError, NoDirectionsError):
            module = next(one for one in open_adapter(path, allow_pickle=allow_pickle).modules if one.name == name)
            update = directions_of(module, Values())
            if update.sigma.size:
                sides = (update.left.dense().astype(np.float32), update.right.dense().astype(np.float32))
                shapes.setdefault((len(sides[0]), len(sides[1])), []).append((place, *sides))
        stages(f"directions of {name}", number, len(adapters))
    return [
        (
            [place for place, _, _ in rows],
            stacked([left for _, left, _ in rows]),
            stacked([right for *_, right in rows]),
        )
        for rows in shapes.values()
    ]


def _overlap(
    name: str,
    places: list[int],
    left: Subspaces,
    right: Subspaces,
    folder: Path | None,
    number: int,
    stages: Callable[[str, int, int], None],
) -> FleetOverlap:
    sides = [overlaps(side, partial(stages, f"overlap of {name}")) for side in (left, right)]
    others = sides[0].copy()
    np.fill_diagonal(others, -1.0)
    nearest = others.argmax(axis=1)
    count = len(places)
    off = ~np.eye(count, dtype=np.bool_)
    return FleetOverlap(
        module=name,
        adapters=places,
        nearest=[places[place] for place in nearest],
        nearest_left=[float(value) for value in others.max(axis=1)],
        mean_left=float(sides[0][off].mean()),
        mean_right=float(sides[1][off].mean()),
        expected_left=float(left.ranks.mean() / len(left.columns)),
        expected_right=float(right.ranks.mean() / len(right.columns)),
        file=None if folder is None else _written(folder, number, np.stack(sides)),
    )


def _written(folder: Path, number: int, matrices: Singles) -> str:
    path = folder / f"overlap-{number}.npy"
    data = io.BytesIO()
    np.save(data, matrices, allow_pickle=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: cannot be written ({error.strerror})") from error
    write_whole(path, data.getvalue())
    return printable(str(path))
