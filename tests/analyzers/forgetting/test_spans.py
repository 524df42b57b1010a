"""Runs of tokens that stand in one document, against looking at every place."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.analyzers.forgetting.spans import Run, find_homes, find_runs

IDS = st.lists(st.integers(0, 3), max_size=14)


def contains(ids: Sequence[int], part: Sequence[int]) -> bool:
    """Whether a list stands in another."""
    return any(list(ids[place : place + len(part)]) == list(part) for place in range(len(ids) - len(part) + 1))


def by_looking(
    written: Sequence[int], known: Sequence[Sequence[int]], documents: Sequence[Sequence[int]], span: int
) -> set[tuple[int, int, int]]:
    """All runs that cannot be made longer: the same in the document, and every part of it in that alone and not known."""

    def counts(part: Sequence[int]) -> bool:
        pieces = [part[start : start + span] for start in range(len(part) - span + 1)]
        return all(
            sum(contains(ids, piece) for ids in documents) == 1 and not any(contains(ids, piece) for ids in known)
            for piece in pieces
        )

    found = set()
    for number, ids in enumerate(documents):
        for place in range(len(ids)):
            for start in range(len(written)):
                fits = [
                    size
                    for size in range(span, min(len(ids) - place, len(written) - start) + 1)
                    if list(ids[place : place + size]) == list(written[start : start + size])
                    and counts(written[start : start + size])
                ]
                longer = (
                    place > 0
                    and start > 0
                    and ids[place - 1] == written[start - 1]
                    and counts(written[start - 1 : start - 1 + span])
                )
                if fits and not longer:
                    found.add((number, start, max(fits)))
    return found


@settings(deadline=None, max_examples=300)
@given(IDS, st.lists(IDS, max_size=2), st.lists(IDS, max_size=3), st.integers(1, 4))
def test_against_looking_everywhere(
    written: list[int], known: list[list[int]], documents: list[list[int]], span: int
) -> None:
    """Of few different tokens, so that documents repeat themselves and each other."""
    runs = find_runs(written, known, find_homes([written], documents, span), span)
    assert {(run.document, run.start, run.tokens) for run in runs} == by_looking(written, known, documents, span)


def test_by_hand() -> None:
    """Three in a row of the first document; what both have, and what was in the prompt, does not count."""
    documents = [[1, 2, 3, 4, 5, 9, 9, 9], [7, 9, 9, 9, 6]]
    written = [8, 2, 3, 4, 5, 8, 9, 9, 9]
    homes = find_homes([written], documents, 3)
    assert find_runs(written, [], homes, 3) == [Run(0, 1, 4)]
    assert find_runs(written, [[0, 3, 4, 5]], homes, 3) == [Run(0, 1, 3)]
    assert find_runs(written, [[2, 3, 4, 5]], homes, 3) == []
    assert find_runs(written, [], find_homes([written], documents, 5), 5) == []
