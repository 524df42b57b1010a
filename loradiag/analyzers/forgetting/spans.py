"""Runs of tokens that were written and stand in a document, word for word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

Gram = tuple[int, ...]


class Home(msgspec.Struct, frozen=True):
    """Where a run of tokens stands: the document, and its places there."""

    document: int
    places: list[int]


Homes = Mapping[Gram, Home | None]
"""Of each run of tokens the only document that it stands in; None where there are several, or none."""


class Run(msgspec.Struct, frozen=True):
    """Tokens that were written and stand in a document: from ``start`` of what was written, so many."""

    document: int
    start: int
    tokens: int


def grams(ids: Sequence[int], span: int) -> Iterator[Gram]:
    """All runs of ``span`` tokens."""
    return (tuple(ids[start : start + span]) for start in range(len(ids) - span + 1))


def find_homes(written: Iterable[Sequence[int]], documents: Sequence[Sequence[int]], span: int) -> Homes:
    """Find where the runs of ``span`` tokens of what was written stand.

    What was written is short and the documents are long, so it is the former that is held in memory, and the latter that
    is gone through.

    Args:
        written: Token ids.
        documents: Token ids of each.
        span: Tokens of a run.

    Returns:
        Of every run written its home, if exactly one document has it.
    """
    wanted = {gram for ids in written for gram in grams(ids, span)}
    homes: dict[Gram, Home | None] = dict.fromkeys(wanted)
    crowded = set()
    for number, ids in enumerate(documents):
        for place, gram in enumerate(grams(ids, span)):
            if gram not in wanted or gram in crowded:
                continue
            home = homes[gram]
            if home is None:
                homes[gram] = Home(number, [place])
            elif home.document == number:
                home.places.append(place)
            else:
                homes[gram] = None
                crowded.add(gram)
    return homes


def find_runs(written: Sequence[int], known: Iterable[Sequence[int]], homes: Homes, span: int) -> list[Run]:
    """Find the longest runs of what was written that stand in one document.

    Args:
        written: Token ids.
        known: What was no feat to write, such as the prompt: runs of ``span`` tokens that stand there do not count.
        homes: See :func:`find_homes`.
        span: Tokens of a run at least.

    Returns:
        Runs that cannot be made longer; those of one document may overlap, where it repeats itself.
    """
    free = {gram for ids in known for gram in grams(ids, span)}
    # A run keeps its distance from the place in the document; along each distance, places that follow each other are one.
    found = sorted(
        (home.document, place - start, start)
        for start, gram in enumerate(grams(written, span))
        if gram not in free and (home := homes[gram]) is not None
        for place in home.places
    )
    runs: list[Run] = []
    before: tuple[int, int, int] | None = None
    for document, distance, start in found:
        if before == (document, distance, start - 1):
            runs[-1] = msgspec.structs.replace(runs[-1], tokens=runs[-1].tokens + 1)
        else:
            runs.append(Run(document, start, span))
        before = (document, distance, start)
    return runs
