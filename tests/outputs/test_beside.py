"""What outputs for people say of the base."""

from __future__ import annotations

import json
import re

import pytest

from loradiag.core.report import decode, encode
from loradiag.outputs import renderer
from loradiag.outputs.beside import beside, percent, statements, without_spectrum
from loradiag.outputs.grid import grids
from loradiag.outputs.style import BESIDE_BASE, Style
from tests.outputs import samples

PEOPLE = pytest.mark.parametrize("name", ["text", "markdown", "html"])


@PEOPLE
def test_says_what_was_found(name: str) -> None:
    """Fit, reach, sizes, intruders and the stamp are in every output that people read."""
    text = re.sub(r"<wbr>|\s+", " ", renderer(name)(samples.beside(), Style(verbose=True)))
    for said in ("49 of 57 linear weights", "z = 51.0", "another base", "641 rows", "not certified", "lose 2.0%"):
        assert said in text, said


@PEOPLE
def test_says_nothing_without_a_base(name: str) -> None:
    """A report without a base looks as it did before there were any."""
    text = renderer(name)(samples.healthy(), Style(verbose=True))
    assert "‖ΔW‖/‖W‖" not in text
    assert "eside its base" not in text


@pytest.mark.parametrize("name", ["text", "markdown", "html", "json", "sarif", "junit", "github"])
def test_reads_reports_of_before(name: str) -> None:
    """A report of schema 1.0, which lacks the keys of today, is read, judged and rendered."""
    document = json.loads(encode(samples.healthy()[0]))
    document["schema_version"] = "1.0"
    for key in ("base", "provenance", "reach", "relative", "intruders", "fit"):
        del document["measurements"][key]
    (old,) = decode(json.dumps(document).encode())
    assert renderer(name)([old], Style()) == renderer(name)(samples.healthy(), Style()).replace(
        f'"schema_version": "{samples.healthy()[0].schema_version}"', '"schema_version": "1.0"'
    ).replace(f"report schema {samples.healthy()[0].schema_version}", "report schema 1.0")


def test_counts_that_are_not_certain_are_marked() -> None:
    """A tilde stands before a count that bounds did not settle; a dash for one that is not there."""
    (report,) = samples.beside()
    counts = [row.count for row in beside(report).values()]
    assert counts[0] == "–"
    assert counts[1:5] == ["~0/10", "1/10", "2/10", "~3/10"]


def test_modules_without_a_spectrum_are_shown() -> None:
    """Layers stored whole have a size beside the base though they have no spectrum, as IA³ vectors have."""
    (report,) = samples.beside()
    assert [row.relative.name for row in without_spectrum(report)] == ["someone/base.embed"]
    assert "someone/base.embed" in renderer("text")([report], Style())


@pytest.mark.parametrize("measure", sorted(BESIDE_BASE))
def test_heat_maps_tell_unmeasured_from_dead(measure: str) -> None:
    """What could not be compared is no zero update."""
    (report,) = samples.beside()
    cells = [cell for grid in grids(report, measure) for cell in grid.cells.values()]
    assert sum(cell.unmeasured for cell in cells) == 1
    assert not any(cell.dead for cell in cells)
    assert "? not measured" in renderer("text")([report], Style(measure=measure))


def test_overview_has_columns_only_where_there_is_a_base() -> None:
    """A series beside a base shows sizes and intruders; one without does not."""
    assert "‖ΔW‖/‖W‖" in renderer("text")(samples.beside_series(), Style())
    assert "‖ΔW‖/‖W‖" not in renderer("text")(samples.series(), Style())


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "–"), (0.0, "0%"), (0.0001, "<0.1%"), (0.012, "1.2%"), (0.2, "20%"), (1.0, "100%")]
)
def test_shares_are_short(share: float | None, shown: str) -> None:
    """A few characters, and never a zero that is none."""
    assert percent(share) == shown


def test_statements_are_safe() -> None:
    """What a file says of itself comes out escaped."""
    (report,) = samples.hostile()
    for _, text in statements(report):
        assert text.isprintable(), text
