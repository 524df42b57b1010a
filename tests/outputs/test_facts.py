"""The header facts of a report in words."""

from __future__ import annotations

import msgspec
import pytest

from loradiag.outputs.facts import facts, size
from tests.outputs import samples


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (1_750_000, "1.75 MB"),
        (999_999_999, "1 GB"),
        (140_000_000_000, "140 GB"),
        (1_400_000_000_000, "1.4 TB"),
    ],
)
def test_sizes_have_three_digits_and_a_unit(count: int, expected: str) -> None:
    """Also where rounding leads into the next unit."""
    assert size(count) == expected


def test_counts_of_parameters_round_into_the_next_unit() -> None:
    """A base of 999.6 thousand parameters has a million, and not 1e+03 thousand."""
    (report,) = samples.beside()
    base = report.measurements.base
    assert base is not None
    small = msgspec.structs.replace(base, parameters=999_600)
    made = msgspec.structs.replace(report, measurements=msgspec.structs.replace(report.measurements, base=small))
    assert "1M parameters" in dict(facts(made))["base given"]
