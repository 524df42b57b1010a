"""Documents that share a source, and what that does to a variance."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import msgspec
import numpy as np

from loradiag.statistics.checks import Floats, Indexes


class Clusters(msgspec.Struct, frozen=True):
    """The cluster of each document, numbered by first appearance: ``codes`` [n], from 0 to ``count`` − 1."""

    codes: Indexes
    count: int

    def sums(self, values: Floats) -> Floats:
        """Add up values [n] within clusters: [count]."""
        return np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)

    def usual_size(self) -> float:
        """Return Σm²/n, the size of the cluster that a document drawn at random lies in."""
        sizes = np.bincount(self.codes, minlength=self.count).astype(np.float64)
        return float(np.sum(sizes**2) / np.sum(sizes))

    def freedom(self) -> float:
        """Return the degrees of freedom of a standard error over clusters: n²/Σm² − 1, which is G − 1 for equal sizes.

        One large cluster among small ones decides the mean nearly alone, and G − 1 would not show it (Carter, Schnepel and
        Steigerwald, Review of Economics and Statistics 99, 2017, 698–709, for clusters that are alike through and through).
        """
        return self.codes.size / self.usual_size() - 1


def group(clusters: Iterable[Hashable] | None, documents: int) -> Clusters:
    """Number the clusters. None makes each document a cluster of its own.

    Raises:
        ValueError: There are more or fewer labels than documents, or one is None or NaN. (Taken as labels, all those without
            a source would become one cluster, or as many as there are documents, silently.)
    """
    if clusters is None:
        return Clusters(np.arange(documents), documents)
    labels = list(clusters)
    if len(labels) != documents:
        raise ValueError(f"clusters: {len(labels)} labels for {documents} documents")
    for index, label in enumerate(labels):
        if label is None or label != label:
            raise ValueError(f"clusters: document {index} has no label")
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
    return Clusters(codes, len(numbers))


def variance_of_mean(values: Floats, groups: Clusters) -> float:
    """Return the cluster-robust variance of the mean of values [n]: G/(G−1) · Σ_c (Σ_{i∈c} (x_i − x̄))²/n².

    The clustered standard error of Miller (arXiv 2411.00640), squared: residuals are multiplied for every pair of documents
    of one cluster, each document with itself among them, and the products added up. Miller's factor for small samples,
    n/(n−1) on the squares alone, gives way to G/(G−1) on the whole (the usual CR1): it is the clusters that are the sample.
    Clusters of one document give Σ(x − x̄)²/(n(n−1)) exactly.

    Returns:
        The variance. G must be at least 2.
    """
    residuals = groups.sums(values - np.mean(values))
    return float(groups.count / (groups.count - 1) * np.sum(residuals**2) / values.size**2)


def design_effect(values: Floats, groups: Clusters) -> float | None:
    """Return how many times the variance of the mean is what it would be if documents were independent (Kish 1965).

    Returns:
        The ratio; None where values do not vary, or there are fewer than two clusters.
    """
    if groups.count < 2:
        return None
    alone = float(np.var(values, ddof=1)) / values.size
    return variance_of_mean(values, groups) / alone if alone > 0 else None


def cautious_design_effect(values: Floats, groups: Clusters) -> float:
    """Return a design effect, at least 1, that does not believe in independence before it has seen any.

    Where nothing flipped, documents that flip together cannot be told from documents that flip alone; the ratio above is
    0/0 there, and 1 after a single flip. So one flip is added that is taken to bring its whole cluster along: with m the
    usual size of a cluster, A the sum of squared residuals of clusters and B that of documents (each with its small-sample
    factor), (A + m)/(B + 1). It is m without a flip, 1 for clusters of one document, and A/B after many flips.
    """
    centred = values - np.mean(values)
    apart = values.size / (values.size - 1) * float(np.sum(centred**2))
    together = groups.count / (groups.count - 1) * float(np.sum(groups.sums(centred) ** 2))
    return max(1.0, (together + groups.usual_size()) / (apart + 1))
