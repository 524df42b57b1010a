"""Whether as many documents were lost as won: McNemar's test of 0/1 metrics."""

from __future__ import annotations

import msgspec

from loradiag.statistics.checks import whole


class McNemar(msgspec.Struct, frozen=True, kw_only=True):
    """``p`` is exact: its false alarms never exceed their level. ``mid_p`` is less cautious, and closer to its level."""

    lost: int
    won: int
    p: float
    mid_p: float


def mcnemar(lost: int, won: int) -> McNemar:
    """Test, two-sidedly, whether a document that flipped is as likely to have been lost as won.

    Given m = lost + won, lost is binomial (m, ½): p = 2·P(X ≤ min(lost, won)), at most 1. The mid-p counts half the
    probability of what was seen (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13:91, 2013). Both are 1
    where nothing flipped. Documents are taken as independent: where they are clustered,
    :func:`~loradiag.statistics.signflips.sign_flip_p` is the test.

    Raises:
        ValueError: A count is negative, or not whole.
    """
    lost, won = whole(lost, 0, "lost"), whole(won, 0, "won")
    flipped, fewer = lost + won, min(lost, won)
    if flipped == 0:
        return McNemar(lost=0, won=0, p=1.0, mid_p=1.0)
    from scipy.special import bdtr

    within = float(bdtr(fewer, flipped, 0.5))
    below = float(bdtr(fewer - 1, flipped, 0.5)) if fewer else 0.0
    here = within - below
    mid = 1 - here / 2 if lost == won else 2 * within - here
    return McNemar(lost=lost, won=won, p=min(1.0, 2 * within), mid_p=mid)
