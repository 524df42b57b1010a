"""A canary over a lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from loradiag.analyzers.canary.canary import Question, run
from loradiag.analyzers.canary.comparing import METRICS
from loradiag.traffic.reading import Lake
from tests.watching.making import START, write

MINUTE = 60_000_000


def test_it_begins_with_the_first_request_that_has_a_partner(tmp_path: Path) -> None:
    """Pairs are complete in another order than they began in: the oldest request is in the last pair here."""
    write(tmp_path, 2, adapter="old", seed=1, time=[START, START + 10 * MINUTE])
    write(tmp_path, 2, adapter="new", seed=2, time=[START + 20 * MINUTE, START + 30 * MINUTE])
    found = run(Lake(tmp_path), Question(old="old", new="new", metrics=[METRICS["failed"]], floor=2))
    assert found.pairs == 2
    assert (found.start, found.end) == ("2026-11-01T00:00:00Z", "2026-11-01T00:30:00Z")


def test_a_perplexity_beyond_all_numbers_is_told_as_the_largest(tmp_path: Path) -> None:
    """A server that writes −999 for what it did not compute: e to 999 is no float."""
    write(tmp_path, 4, adapter="old", seed=1, nll=1.0)
    write(tmp_path, 4, adapter="new", seed=2, nll=999.0)
    found = run(Lake(tmp_path), Question(old="old", new="new", metrics=[METRICS["perplexity"]], floor=2))
    (row,) = found.metrics
    assert row.old == pytest.approx(2.718281828459045)
    assert row.new > 1e300
    assert row.difference > 1e300
