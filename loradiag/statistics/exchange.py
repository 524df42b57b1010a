"""How often so much would be seen of documents that nobody trained on: exact tests of training beside held-out documents.

All of them rest on one thing. If an adapter knows nothing of its training documents that it does not know of held-out ones
of the same kind, the two files could have been shuffled together and dealt out again. Then which of the documents that
stand out are training documents is a draw without replacement, whatever makes documents stand out, and however that goes
together: hypergeometric.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from loradiag.statistics.checks import Floats, whole
from loradiag.statistics.tails import beyond_p

ONE_IN = 100
"""Held-out documents of which one may be flagged."""


class Stratum(msgspec.Struct, frozen=True):
    """Documents that had the same chance: training documents ``of`` which so many were ``hit``, and held-out ones."""

    hit: int
    of: int
    control_hit: int
    control_of: int


class Flags(msgspec.Struct, frozen=True):
    """``count`` training documents stand out of the held-out ones, where a share of ``rate`` would; ``p`` is of so many."""

    count: int
    rate: float
    p: float


def more_than_control(strata: Sequence[Stratum]) -> float:
    """Test, one-sidedly, whether training documents are hit more often than held-out ones.

    Fisher's exact test; of several strata together the exact conditional test (Mehta, Patel and Gray, JASA 80, 1985,
    969–973): given how many documents of each stratum are hit, those among them that are training documents are
    hypergeometric, and their sum over strata, which are independent, is the convolution.

    Returns:
        The chance of as many hit training documents, or more. Its false alarms never exceed their level, if documents
        are independent draws.
    """
    from scipy.stats import hypergeom

    chances = np.ones(1)
    for stratum in strata:
        hits = stratum.hit + stratum.control_hit
        if hits == 0:  # says nothing, and may be of no documents at all, which scipy does not take
            continue
        counts = hypergeom.pmf(np.arange(hits + 1), stratum.of + stratum.control_of, stratum.of, hits)
        chances = np.convolve(chances, counts)
    return min(1.0, float(chances[sum(stratum.hit for stratum in strata) :].sum()))


def flag(values: Floats, control: Floats) -> Flags:
    """Count the training documents whose value exceeds nearly all of the control, and test whether they are too many.

    Of n held-out documents the r-th largest value is the threshold, with r = ⌈(n + 1)/100⌉: a further document of their
    kind exceeds it with a chance of r/(n + 1) (p-values of outliers: Bates et al., Annals of Statistics 51, 2023,
    149–178). How many of m do is told by :mod:`loradiag.statistics.tails`.

    Args:
        values: Of training documents [m]. They may be infinite; NaN is no value.
        control: Of held-out documents [n], at least one.

    Raises:
        ValueError: There is no control.
    """
    n = whole(control.size, 1, "control")
    rank = -(-(n + 1) // ONE_IN)
    count = int(np.sum(values > np.sort(control)[n - rank]))
    return Flags(count, rank / (n + 1), beyond_p(count, values.size, rank, n))
