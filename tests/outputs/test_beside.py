"""What outputs for people say of the base."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from loradiag.core.report import Report, decode
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.beside import beside, listings, only_beside, statements
from loradiag.outputs.facts import facts, percent
from loradiag.outputs.grid import grids, measured, shown
from loradiag.outputs.style import BESIDE_BASE, Style
from tests.outputs import samples
from tests.outputs.reading import PEOPLE


@PEOPLE
def test_says_what_was_found(name: str) -> None:
    """Fit, reach, sizes, intruders and the stamp are in every output that people read."""
    text = re.sub(r"<wbr>|\s+", " ", renderer(name)(samples.beside(), Style(verbose=True)))
    for said in ("49 of 57 linear weights", "z = 51.0", "another base", "641 rows", "not certified", "loses 2.0%"):
        assert said in text, said


@PEOPLE
def test_says_nothing_without_a_base(name: str) -> None:
    """A report without a base looks as it did before there were any."""
    text = renderer(name)(samples.healthy(), Style(verbose=True))
    assert "‖ΔW‖/‖W‖" not in text
    assert "eside its base" not in text


STORED = Path(__file__).parent / "stored"


@pytest.mark.parametrize("name", FORMATS)
def test_reads_reports_of_before(name: str) -> None:
    """A report that a loradiag of schema 1.0 wrote is read and rendered, and no part speaks of a base."""
    (old,) = decode((STORED / "report-1.0.json").read_bytes())
    assert old.schema_version == "1.0"
    text = renderer(name)([old], Style(verbose=True))
    for word in ("base given", "eside its base", "‖ΔW‖/‖W‖", "Reach", "Provenance"):
        assert word not in text


def test_shows_reports_of_before_as_before() -> None:
    """In a terminal it looks to the letter as that loradiag showed it."""
    reports = decode((STORED / "report-1.0.json").read_bytes())
    assert renderer("text")(reports, Style(verbose=True)) == (STORED / "report-1.0.txt").read_text(encoding="utf-8")


def test_counts_that_are_not_certain_are_marked() -> None:
    """A tilde stands before a count that bounds did not settle; a dash for one that is not there."""
    (report,) = samples.beside()
    counts = [row.count for row in beside(report).values()]
    assert counts[0] == "–"
    assert counts[1:5] == ["~0/10", "1/10", "2/10", "~3/10"]


@PEOPLE
def test_whole_layers_are_shown(name: str) -> None:
    """Layers stored whole have a size beside the base though they have no spectrum."""
    (report,) = samples.beside()
    assert [row.relative.name for row in only_beside(report)] == ["someone/base.embed"]
    assert "someone/base.embed" in renderer(name)([report], Style()).replace("<wbr>", "")


@PEOPLE
def test_vectors_have_sizes_in_their_own_table(name: str) -> None:
    """IA³ vectors beside a base are in one table, with what they are and what they change."""
    (report,) = samples.beside_vectors()
    assert [row.relative.name for row in only_beside(report)] == ["someone/base.embed"]
    text = renderer(name)([report], Style(verbose=True)).replace("<wbr>", "")
    lines = re.split(r"\n|</?tr>", re.sub("<title>.*?</title>", "", text))  # marks of a plot have names too
    rows = [line for line in lines if "model.layers.11.mlp.down_proj" in line and "2.0%" in line]
    assert rows
    assert all("0.635" in row and "0.2" in row and "2/10" in row for row in rows)  # rms from neutral, and the base's


def test_vectors_have_heat_maps_of_what_the_base_tells() -> None:
    """Without spectra the map shows the first measure that has values."""
    (report,) = samples.beside_vectors()
    assert measured(report) == ["relative_frobenius", "swallowed_share", "intruders"]
    assert shown(report, "stable_rank") == "relative_frobenius"
    assert shown(report, "intruders") == "intruders"
    assert "‖ΔW‖_F / ‖W‖_F by role and layer" in renderer("text")([report], Style())
    page = renderer("html")([report], Style())
    assert page.count('-measure"') == 3
    assert re.search(r'class="m6" checked', page)


def test_a_measure_that_was_not_taken_gives_way() -> None:
    """Intruders asked for where they were not measured: the map says so and shows another."""
    (report,) = samples.beside()
    bare = msgspec.structs.replace(
        report, measurements=msgspec.structs.replace(report.measurements, intruders=None, relative=None)
    )
    text = renderer("text")([bare], Style(measure="intruders"))
    assert "intruder dimensions: not measured; shown instead:" in text
    assert "stable rank by role and layer" in text
    assert re.search(r'class="m0" checked', renderer("html")([bare], Style(measure="intruders")))


@pytest.mark.parametrize("measure", sorted(BESIDE_BASE))
def test_heat_maps_tell_unmeasured_from_dead(measure: str) -> None:
    """What could not be compared is no zero update."""
    (report,) = samples.beside()
    cells = [cell for grid in grids(report, measure) for cell in grid.cells.values()]
    # The embedding that is stored whole has a size and no intruders.
    assert sum(cell.unmeasured for cell in cells) == (2 if measure == "intruders" else 1)
    assert not any(cell.dead for cell in cells)
    assert "? not measured" in renderer("text")([report], Style(measure=measure))


@PEOPLE
def test_overview_has_columns_only_where_there_is_a_base(name: str) -> None:
    """A series beside a base shows sizes and intruders; one without does not."""
    assert all(title in renderer(name)(samples.beside_series(), Style()) for title in ("‖ΔW‖/‖W‖", "intr."))
    assert not any(title in renderer(name)(samples.series(), Style()) for title in ("‖ΔW‖/‖W‖", "intr."))


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "–"), (0.0, "0%"), (0.0001, "<0.1%"), (0.012, "1.2%"), (0.2, "20%"), (1.0, "100%")]
)
def test_shares_are_short(share: float | None, shown: str) -> None:
    """A few characters, and never a zero that is none."""
    assert percent(share) == shown


def test_statements_are_safe() -> None:
    """What a file says of itself comes out escaped, and is cut where it is long."""
    for text in ("\x1b[2J|<script>", "x" * 5000):
        (report,) = samples.hostile(text)
        for _, said in [*statements(report), *facts(report)]:
            assert said.isprintable(), said
            assert len(said) < 1000, said


@PEOPLE
def test_verbose_names_everything(name: str) -> None:
    """Full names of what is never reached, not there, of another shape or not as stamped."""
    (report,) = samples.hostile("odd")
    text = renderer(name)([report], Style(verbose=True)).replace("<wbr>", "")
    assert [len(names) for _, names in listings(report)] == [8, 1, 1, 1, 1]
    assert all(f"odd.{index}" in text for index in range(8))
    assert re.search("9 × 9.*8 × 8", text)


STAMPS = [
    ({"weights_match": False, "base_match": None}, "differs: other weights"),
    ({"weights_match": False, "base_match": False}, "differs: other weights and other base"),
    ({"weights_match": True, "base_match": True}, "matches: weights and base"),
    ({"weights_match": True, "base_match": None}, "matches: weights"),
    ({"weights_match": None, "base_match": None}, "not compared"),
    ({"problem": "not JSON"}, "cannot be read"),
]


@pytest.mark.parametrize(("changes", "said"), STAMPS)
def test_facts_say_whether_the_stamp_holds(changes: dict[str, object], said: str) -> None:
    """In a word or two."""
    (report,) = samples.beside()
    assert report.measurements.provenance is not None
    stamp = msgspec.structs.replace(report.measurements.provenance, **changes)
    changed = msgspec.structs.replace(report.measurements, provenance=stamp)
    assert dict(facts(msgspec.structs.replace(report, measurements=changed)))["stamp"] == said


def test_facts_of_the_base_are_short() -> None:
    """What it is, which weights, and the updates as a whole."""
    (report,) = samples.beside()
    found = dict(facts(report))
    assert found["base given"] == "someone/base: someone/base, 1M parameters, someone/base"
    assert found["fingerprint"] == f"{'ab' * 8}…, full {'cd' * 8}…"
    assert found["update"] == "0.2 of ‖W‖, a merge loses 2.0% of entries"
    assert not {"base given", "fingerprint", "stamp", "update"} & set(dict(facts(samples.healthy()[0])))


def test_a_stamp_without_a_base_is_no_base() -> None:
    """Then the section is called by what it has."""
    (report,) = samples.healthy()
    (full,) = samples.beside()
    alone = msgspec.structs.replace(report.measurements, provenance=full.measurements.provenance)
    text = renderer("text")([msgspec.structs.replace(report, measurements=alone)], Style())
    assert "\nprovenance\n" in text
    assert "beside its base" not in text


def aligned(z: float, modules: int = 24, **thresholds: dict[str, float]) -> Report:
    """A report whose updates align with the base at ``z``, under a policy of these thresholds."""
    (report,) = samples.beside()
    assert report.measurements.fit is not None
    fit = msgspec.structs.replace(report.measurements.fit, alignment_z=z, alignment_modules=modules)
    return msgspec.structs.replace(
        report,
        measurements=msgspec.structs.replace(report.measurements, fit=fit),
        policy=msgspec.structs.replace(report.policy, thresholds=thresholds),
    )


USUAL = {"LD511": {"least_z": 6.0}, "LD512": {"doubtful_z": 3.0, "least_modules": 8.0}}


@pytest.mark.parametrize(
    ("z", "said"),
    [(51.0, "speaks for"), (6.0, "speaks for"), (4.0, "says nothing"), (-1.2, "speaks against"), (1e6, "speaks for")],
)
def test_evidence_is_drawn_between_the_policys_thresholds(z: float, said: str) -> None:
    """The needle stands in the region that its caption names."""
    page = renderer("html")([aligned(z, **USUAL)], Style())
    assert f"Alignment {said}" in page
    regions = {
        kind: (float(x), float(x) + float(width))
        for x, width, kind in re.findall(
            r'<rect x="([\d.]+)" y="24" width="([\d.]+)" height="20" class="region (\w+)"', page
        )
    }
    needle = re.search(r'd="M([\d.]+) [^"]*" class="needle"', page)
    assert needle
    low, high = regions[{"speaks for": "for", "says nothing": "open", "speaks against": "against"}[said]]
    assert low - 0.2 <= float(needle[1]) <= high + 0.2


@pytest.mark.parametrize(
    "report", [aligned(51.0), aligned(51.0, LD511={"least_z": 6.0}), aligned(51.0, modules=7, **USUAL)], ids=str
)
def test_evidence_without_a_threshold_is_not_drawn(report: Report) -> None:
    """A picture of limits that no policy has, or of too few modules, would be made up."""
    assert "needle" not in renderer("html")([report], Style()).partition("</style>")[2]


def test_sizes_are_drawn_with_their_names() -> None:
    """One mark a module in a layer; what has no mark is counted."""
    (report,) = samples.beside()
    section = renderer("html")([report], Style()).partition("<h3>Relative update</h3>")[2].partition("</section>")[0]
    assert section.count("<title>") == 27  # of 28, one could not be compared
    assert "model.layers.3.mlp.down (mlp.down): 0.3, 2.0% lost in a merge" in section
    assert "2 modules not drawn: zero, not compared, or outside any layer." in section


def test_intruders_are_framed_and_counted() -> None:
    """A frame for each direction below ε, and the bound in words."""
    (report,) = samples.beside()
    section = (
        renderer("html")([report], Style()).partition("<h3>Intruder dimensions</h3>")[2].partition("</section>")[0]
    )
    first, _, every = section.partition("<details")
    counts = sorted((index % 4 for index in range(27)), reverse=True)
    assert first.count('class="lone"') == sum(counts[:8])
    assert every.count('class="lone"') == sum(counts)
    assert "below ε = 0.5" in section
    assert "~ not certified" in section


def test_hyperparameters_and_hashes_are_in_the_page() -> None:
    """Everything of the stamp, with whether it holds."""
    (report,) = samples.hostile("odd")
    section = renderer("html")([report], Style()).partition("<h3>Provenance</h3>")[2].partition("</section>")[0]
    for said in ("ef" * 32, "evaluation: odd", "✓ yes", "✗ no", "1 of 7 parts of the base differ"):
        assert said in section
