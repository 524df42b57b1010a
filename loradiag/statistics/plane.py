"""The plane that two samples of points are drawn on, so that neither hides what is peculiar to the other."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Vectors = npt.NDArray[Any]

_NO_VARIANCE = 1e-12


class Plane(msgspec.Struct, frozen=True):
    """A plane in d dimensions.

    Attributes:
        middle: The mean of the two samples' means [d], which is its origin.
        axes: Orthonormal directions [2, d], that of more variance first.
        explained: The share of the weighted variance that it holds.
    """

    middle: Array
    axes: Array
    explained: float

    def at(self, vectors: Vectors) -> Array:
        """Return where points [n, d] fall on it [n, 2]."""
        placed: Array = (np.asarray(vectors, dtype=np.float64) - self.middle) @ self.axes.T
        return placed


def plane_of(first: Vectors, second: Vectors) -> Plane | None:
    """Return the first two principal components of two samples, each of which counts the same, however large it is.

    A point of a sample of n weighs 1/(2n), in the mean and in the variance. The component of largest magnitude of each axis
    is positive, so that a plane is not mirrored by chance.

    Args:
        first: Points [n, d].
        second: Points [m, d].

    Returns:
        None where there is no plane: of an empty sample, of less than two dimensions, and of points that are all one.
    """
    if not len(first) or not len(second) or first.shape[1] < 2:
        return None
    wide = [np.asarray(sample, dtype=np.float64) for sample in (first, second)]
    middle: Array = (wide[0].mean(axis=0) + wide[1].mean(axis=0)) / 2
    weighted = np.concatenate([(sample - middle) / np.sqrt(2 * len(sample)) for sample in wide])
    gram = weighted.T @ weighted if weighted.shape[1] <= len(weighted) else weighted @ weighted.T
    total = float(np.trace(gram))
    if total <= _NO_VARIANCE:
        return None
    energies, vectors = _leading(gram)
    if weighted.shape[1] > len(weighted):  # QR, as the second may have no length to divide by
        vectors = np.linalg.qr(weighted.T @ vectors)[0]
    axes = vectors.T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    return Plane(middle, axes * np.where(largest < 0, -1.0, 1.0), min(float(energies.sum()) / total, 1.0))


def _leading(gram: Array) -> tuple[Array, Array]:
    """The two largest eigenvalues [2] and their vectors [n, 2], the largest first: a fifth of the time of an SVD."""
    from scipy.linalg import eigh

    size = len(gram)
    energies, vectors = eigh(gram, subset_by_index=(size - 2, size - 1))
    return energies[::-1], vectors[:, ::-1]
