"""How much of an update's energy lies in a subspace, against random relabellings of the coordinates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Array

PERMUTATIONS = 200


def shares(directions: Array, subspace: Array) -> Array:
    """Return ‖Vᵀ·P·D‖²/‖D‖² for P the identity, then for each of 200 permutations of the rows.

    The permutations of one length are the same in every call, so that the results of several matrices that act on the same
    coordinates may be added: each sum then belongs to one relabelling of them all.

    Args:
        directions: D [d, r]: singular vectors of an update times its singular values.
        subspace: V [d, k], orthonormal.

    Returns:
        [201]. A random relabelling gives k/d on average.
    """
    energy = float(np.sum(np.square(directions)))
    inside = [np.sum(np.square(subspace.T @ directions))]
    # Relabelling the other side is the same, and there are fewer columns to move.
    inside += [np.sum(np.square(subspace[order].T @ directions)) for order in _orders(directions.shape[0])]
    return np.array(inside) / energy


@lru_cache(maxsize=2)
def _orders(length: int) -> list[npt.NDArray[np.int32]]:
    generator = np.random.default_rng(length)
    return [generator.permutation(length).astype(np.int32) for _ in range(PERMUTATIONS)]
