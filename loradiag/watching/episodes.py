"""One adapter's evidence: what its processes have won, and what was seen of late."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.watching import LARGEST_E
from loradiag.statistics.betting import Wealth, bet, log_e, share_factors, shares_above, wealth
from loradiag.statistics.checks import Floats
from loradiag.statistics.ranking import Ranked, bet_on_ranks, ranked
from loradiag.statistics.shifting import Shift, bet_on_topics, recent_effect, shift
from loradiag.watching.answers import RISES, WATCHED, Days, change, evidence, tolerated
from loradiag.watching.references import Reference

RECENT = 200
"""Requests that are called recent."""

WEIGHTS = {"novelty": 0.15, "strangeness": 0.3, "mix": 0.25, "perplexity": 0.1}
"""Of an adapter's part of the budget; what is left is shared out among the other measures of answers."""

_OTHERS = (1.0 - sum(WEIGHTS.values())) / (len(WATCHED) - 1)


class Episode(msgspec.Struct, kw_only=True):
    """Evidence since a moment: an adapter's watch begins anew with a new baseline, and after an alarm that is over.

    Attributes:
        adapter: Its name in the traffic.
        baseline: The hash of its baseline's manifest.
        reference: What its requests should look like, by that.
        slot: Its place in the budget.
        weight: The share of the budget that this is.
        requests: That were logged, since the adapter is watched.
        counted: That count, since the episode began.
        since: The time of its first request, in microseconds; None before there is one.
        seen: Of its last.
        novel: The share of novel requests among recent ones.
        novelty: What was won on novel requests being more than are tolerated.
        ranks: What was won on requests becoming stranger than held-out references and those before them.
        mix: What was won on topics, where there are enough references to know their shares.
        answers: Of each measure that was logged.
        alarm: The number of the alarm that is open.
        requests_then: ``requests`` when it was raised.
        folder: Where its baseline lies; None where it is gone, or an older loradiag has written this.
    """

    adapter: str
    baseline: str
    reference: Reference
    slot: int
    weight: float
    requests: int = 0
    counted: int = 0
    since: int | None = None
    seen: int | None = None
    novel: float | None = None
    novelty: Wealth = msgspec.field(default_factory=lambda: wealth(3))
    ranks: Ranked | None = None
    mix: Shift | None = None
    answers: dict[str, Days] = {}
    alarm: int | None = None
    requests_then: int = 0
    folder: str | None = None


def begin(adapter: str, baseline: str, reference: Reference, scores: Floats, slot: int, weight: float) -> Episode:
    """Return an episode that has seen nothing.

    Args:
        adapter: Its name in the traffic.
        baseline: The hash of its baseline's manifest.
        reference: What its requests should look like.
        scores: Cosines of held-out references to their nearest reference [m].
        slot: Its place in the budget.
        weight: The share of the budget that this is.
    """
    return Episode(
        adapter=adapter,
        baseline=baseline,
        reference=reference,
        slot=slot,
        weight=weight,
        ranks=ranked(scores),
        mix=shift(len(reference.mix)) if reference.mix else None,
    )


class Evidence(msgspec.Struct, frozen=True):
    """One signal: the logarithm of its e-value and of its highest, what is seen of late, and what would be no drift."""

    signal: str
    weight: float
    n: int
    log_e: float
    peak: float
    recent: float | None
    expected: float | None
    tolerated: float


def take(episode: Episode, cosines: Floats, topics: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Bet on requests that count, in the order of time, and return which of them are novel [n].

    Args:
        episode: Changed in place.
        cosines: To the nearest reference [n].
        topics: The nearest centre of each [n].
    """
    reference = episode.reference
    novel = cosines < reference.threshold
    bet(episode.novelty, share_factors(novel, reference.share, shares_above(reference.share)))
    episode.novel = _smoothed(episode.novel, novel)
    if episode.ranks is not None:
        bet_on_ranks(episode.ranks, cosines, _chances(episode, cosines.size))
    if episode.mix is not None:
        groups = np.asarray(reference.groups)[topics[~novel]]
        bet_on_topics(episode.mix, groups, np.asarray(reference.mix), reference.change)
    episode.counted += int(cosines.size)
    return novel


def _chances(episode: Episode, count: int) -> Floats:
    """Numbers drawn at random, the same again after a kill and a restart."""
    label = f"{episode.adapter} {episode.slot} {episode.counted}".encode("utf-8", "surrogatepass")
    seed = int.from_bytes(hashlib.sha256(label).digest()[:16], "big")
    return np.random.default_rng(seed).random(count)


def _smoothed(before: float | None, hits: npt.NDArray[np.bool_]) -> float | None:
    """The share of hits, each of which counts less by 1/100 with each that follows: as the last 200 would, counted alike."""
    if not hits.size:
        return before
    ages = np.arange(hits.size - 1, -1, -1)
    kept = (1 - 2 / RECENT) ** ages
    new = float((kept * hits).sum())
    if before is None:
        return new / float(kept.sum())
    return new * 2 / RECENT + before * (1 - 2 / RECENT) ** hits.size


def signals(episode: Episode) -> list[Evidence]:
    """Return the evidence of every signal, novelty first."""
    reference = episode.reference
    found = [
        Evidence(
            "novelty",
            WEIGHTS["novelty"],
            episode.novelty.n,
            log_e(episode.novelty),
            episode.novelty.peak,
            episode.novel,
            reference.expected,
            reference.share,
        )
    ]
    if episode.ranks is not None:
        found.append(_strangeness(episode, episode.ranks))
    if episode.mix is not None:
        state = episode.mix.wealth
        effect = recent_effect(episode.mix, np.asarray(reference.mix))
        found.append(Evidence("mix", WEIGHTS["mix"], state.n, log_e(state), state.peak, effect, 0.0, reference.change))
    for name, days in episode.answers.items():
        metric = WATCHED[name]
        found.append(
            Evidence(
                name,
                WEIGHTS.get(name, _OTHERS),
                days.wealth.n,
                evidence(days, metric),
                days.wealth.peak,
                change(days, metric),
                0.0,
                tolerated(metric),
            )
        )
    return found


def _strangeness(episode: Episode, ranks: Ranked) -> Evidence:
    """Evidence of a change, which counts where recent requests are also more often novel than is tolerated.

    What is never larger than an e-process keeps its promise.
    """
    reference = episode.reference
    matters = episode.novel is not None and episode.novel > reference.matters
    return Evidence(
        "strangeness",
        WEIGHTS["strangeness"],
        ranks.wealth.n,
        log_e(ranks.wealth) if matters else -math.inf,
        ranks.wealth.peak,
        episode.novel,
        reference.expected,
        reference.matters,
    )


def together(found: Sequence[Evidence]) -> float:
    """Return the logarithm of an adapter's e-value: the largest of its signals', each times its weight.

    Each ever reaches 1/(a·weight) with a chance of at most a·weight, and weights add up to 1. That needs nothing of how signals
    hang together; the sum of them would, since ranks and bets know different things of the past.
    """
    return max(row.log_e + math.log(row.weight) for row in found)


def strongest(found: Sequence[Evidence]) -> Evidence:
    """Return the signal that has the most evidence."""
    return max(found, key=lambda row: row.log_e + math.log(row.weight))


def is_calm(found: Sequence[Evidence]) -> bool:
    """Whether everything that is seen of late is within what would be no drift."""
    return all(_moved(row) <= row.tolerated for row in found)


def _moved(row: Evidence) -> float:
    """How far a signal is from where it should be; a fall is none where only a rise is harm."""
    recent = row.recent or 0.0
    return recent if row.signal in RISES else abs(recent)


def plain(logarithm: float) -> float:
    """Return an e-value as reports write it."""
    return min(math.exp(min(logarithm, 709.0)), LARGEST_E)
