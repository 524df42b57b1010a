"""Tables of a terminal keep to its width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len

from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import Column, end_of, fitting
from tests.outputs import samples

FIGURES = [Column("r", ["16"], 1), Column("size", ["0.123"], 3), Column("lost", ["2%"], 2)]


def test_what_tells_least_goes_first() -> None:
    """Widths are those of the longest cell and a gap of 3: 5, 8 and 7."""
    titles = [[column.title for column in fitting(FIGURES, room)] for room in (20, 19, 15, 14, 8, 0)]
    assert titles == [["r", "size", "lost"], ["size", "lost"], ["size", "lost"], ["size"], ["size"], ["size"]]


def test_names_keep_their_ends() -> None:
    """Layer and role stand at the end."""
    assert end_of("model.layers.12.self_attn.q_proj", 22) == "…s.12.self_attn.q_proj"
    assert end_of("short", 22) == "short"


@pytest.mark.parametrize("width", [60, 72, 100, 160])
@pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)
def test_no_line_is_wider_than_the_terminal(make: Callable[[], list[Report]], width: int) -> None:
    """At any width, with all modules shown or some."""
    for verbose in (False, True):
        text = renderer("text")(make(), Style(width=width, verbose=verbose))
        assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize(
    "make", [samples.beside, samples.beside_vectors, samples.broken], ids=lambda make: make.__name__
)
def test_narrow_tables_lose_columns_but_no_names(make: Callable[[], list[Report]]) -> None:
    """At 60 columns no cell and no title is cut short."""
    text = renderer("text")(make(), Style(width=60))
    table = text.partition("\nmodule ")[2].partition("\n\n")[0]
    assert "…" not in table
    assert "model.layers." in table


def test_a_narrow_overview_names_its_reports() -> None:
    """Labels and rules that fired stay; figures give way."""
    text = renderer("text")(samples.series(), Style(width=60))
    for said in ("step 100", "step 400", "LD106", "errors and warnings"):
        assert said in text
