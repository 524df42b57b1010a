"""What cards keep of the measures of an inspection, for its history."""

from __future__ import annotations

import statistics

import pytest

import loradiag
from loradiag.core.report import Report, encode
from loradiag.overview.cards import cards_of
from tests.conftest import FIXTURES


@pytest.fixture(scope="module")
def report() -> Report:
    """Of an adapter of which some modules are zero."""
    return loradiag.inspect(FIXTURES / "adapters" / "partly_dead")


def test_an_inspection_keeps_medians_of_what_lives(report: Report) -> None:
    """Modules that are zero do not count, and what needs a base is not there without one."""
    (card,) = cards_of(encode(report), "one.json")
    assert report.measurements.spectrum is not None
    live = [row for row in report.measurements.spectrum.modules if row.spectral_norm]
    assert len(live) < len(report.measurements.spectrum.modules)
    assert card.measures == {
        "stable_rank": statistics.median(row.stable_rank for row in live if row.stable_rank is not None),
        "energy_rank_99": statistics.median(row.energy_rank_99 for row in live if row.energy_rank_99 is not None),
        "frobenius_norm": statistics.median(row.frobenius_norm for row in live if row.frobenius_norm is not None),
    }


def test_a_row_of_a_fleet_keeps_its_stable_rank(report: Report) -> None:
    """The same number by another way; norms of a fleet are of all modules together, and are not mixed with medians."""
    found = loradiag.scan_fleet([FIXTURES / "adapters" / "partly_dead"])
    (row,) = (card for card in cards_of(encode(found), "fleet.json") if card.row == 0)
    (card,) = cards_of(encode(report), "one.json")
    assert row.measures == {"stable_rank": pytest.approx(card.measures["stable_rank"])}
