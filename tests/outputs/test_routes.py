"""Routes: what decided each, the notes on them, and their table."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.cells import cell_len

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.routefigures import figures, gain_words, interval_words, share_words
from loradiag.outputs.routes import codes, folded, folded_words, left_out
from loradiag.outputs.style import Style
from tests.outputs import merge_parts, merge_reports, samples
from tests.outputs.building import finding
from tests.outputs.merge_parts import merge_of, rows_of
from tests.outputs.reading import PEOPLE, Make, only, shown


def test_codes_that_decided_stand_before_notes() -> None:
    """A failure on a route that nobody asked for is a note in the report, and still what decided the route."""
    by_outputs, gated = rows_of(only(merge_reports.by_outputs)), rows_of(only(merge_reports.gated))
    told = {name: codes(only(merge_reports.by_outputs), row) for name, row in by_outputs.items()}
    assert (told["nf4-inplace"].decided, told["nf4-inplace"].noted) == (("LD604",), ("LD607",))
    assert (told["nf4"].decided, told["nf4"].noted) == ((), ("LD607",))
    assert (told["bf16"].decided, told["bf16"].noted) == ((), ())
    assert codes(only(merge_reports.gated), gated["nf4-inplace"]).decided == ("LD602", "LD604")
    assert codes(only(merge_reports.gated), gated["nf4"]).noted == ("LD607",)


def test_codes_about_all_routes_decide_each() -> None:
    """Parts that cannot be folded fail every route, and are no note on any of them."""
    for row in merge_of(only(merge_reports.refused)).routes:
        assert codes(only(merge_reports.refused), row) == codes(
            only(merge_reports.refused), merge_of(only(merge_reports.refused)).routes[0]
        )
        assert codes(only(merge_reports.refused), row).decided == ("LD610",)


def test_notes_on_routes_that_were_not_asked_for_are_folded() -> None:
    """Neither findings about the adapter, nor what decides a route that was asked for, are among them."""
    notes = folded(only(merge_reports.by_weights))
    assert [note.code for note in notes] == ["LD602", "LD611", "LD611", "LD611"]
    assert folded_words(only(merge_reports.by_weights), notes) == "4 notes on routes that were not asked for"
    assert folded(only(merge_reports.undecided)) == []
    assert [note.route for note in folded(only(merge_reports.none))] == ["nf4-inplace", "int8-inplace"]
    assert folded_words(only(merge_reports.none), folded(only(merge_reports.none))) == "2 more notes on routes"
    assert folded(only(samples.healthy)) == []


def test_a_terminal_folds_notes_away_unless_verbose() -> None:
    """Their codes are in the table; one line counts them."""
    brief, full = (
        shown("text", only(merge_reports.by_weights)),
        shown("text", only(merge_reports.by_weights), verbose=True),
    )
    assert "4 notes on routes that were not asked for: --verbose" in brief
    assert "nf4: weights alone do not tell" not in brief
    assert "inconclusive LD611" in brief
    assert "LD503 revision-unpinned" in brief
    assert "nf4: weights alone do not tell" in full
    assert "not asked for" not in full


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_pages_fold_notes_into_a_part_that_opens(name: str) -> None:
    """They are all there, below what counts."""
    text = renderer(name)(merge_reports.by_weights(), Style())
    assert re.search(r"<details[^>]*><summary>4 notes on routes that were not asked for</summary>", text)
    after = text.partition("4 notes on routes")[2]
    assert after.count("weights alone do not tell") == 3


def titles(report: Report, *, every: bool = False) -> list[str]:
    """The columns of the table."""
    return [figure.title for figure in figures(merge_of(report), every=every)]


def test_columns_are_those_that_have_values() -> None:
    """Outputs replace the measures of weights; a prediction is shown where it misses, or on demand."""
    outputs = ["ρ", "95% interval", "KLD", "KLD p99", "same top-1", "NLL kept"]
    weights = ["cosine", "error", "swallowed"]
    assert titles(only(merge_reports.by_outputs)) == ["bits", "gain", *outputs]
    assert titles(only(merge_reports.by_outputs), every=True) == ["bits", "gain", "predicted", *outputs, *weights]
    assert titles(only(merge_reports.by_weights)) == ["bits", "gain", "predicted", *weights]
    assert titles(only(merge_reports.undecided)) == ["bits", "gain", *weights]
    assert titles(merge_reports.extreme()[1]) == ["bits"]


def test_a_wide_table_has_room_for_rare_figures() -> None:
    """Root mean square, perplexity ratio with its interval, and overflow; a report by weights alone has the last only."""
    (report,) = merge_reports.by_outputs()
    rare = {figure.title: figure for figure in figures(merge_of(report), rare=True)}
    assert list(rare)[-4:] == ["RMS Δp", "ln PPL ratio", "its interval", "overflow"]
    row = next(row for row in merge_of(report).routes if row.route == "nf4")
    said = [rare[title].say(row) for title in list(rare)[-4:]]
    assert said == ["8.0%", "0.08", "0.072 to 0.088", "0"]
    weights = [figure.title for figure in figures(merge_of(only(merge_reports.by_weights)), rare=True)]
    assert weights[-1] == "overflow"
    assert not {"RMS Δp", "ln PPL ratio", "its interval"} & {*weights}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (gain_words(None), "–"),
        (gain_words(0.99998), "1.000"),
        (gain_words(-0.0001), "0.000"),
        (gain_words(-0.5), "-0.500"),
        (gain_words(1e300), "1.0e+300"),
        (share_words(None), "–"),
        (share_words(-0.199), "-19.9%"),
        (share_words(-0.00001), "0.0%"),
        (share_words(-1e6), "-1.0e+06×"),
        (interval_words(0.1003, 0.112), "0.100–0.112"),
        (interval_words(41.6, 52.04), "42–52"),
        (interval_words(1.23, 4.5), "1.2–4.5"),
        (interval_words(0.0016, 0.0018), "1.6e-03–1.8e-03"),
        (interval_words(0.0, 1.5e-7), "0–1.5e-07"),
        (interval_words(0.1, None), "–"),
    ],
)
def test_figures_are_written_short(said: str, expected: str) -> None:
    """No zero with a sign, and ends of intervals that can be told from a threshold."""
    assert said == expected


@PEOPLE
def test_the_table_has_every_route_with_its_figures(name: str) -> None:
    """Values of a real run, with status and codes."""
    text = shown(name, only(merge_reports.gated)).replace("| ", "")
    for row in (
        "nf4-inplace 4.13 0.012 46.2 43–49 0.2 1.4 80.0% -19.9% ✗ fail LD602",
        "nf4 4.13 0.964 43.9 41–47 0.19 1.33 81.0% 71.8% ✗ fail LD604",
    ):
        assert row in text
    assert re.search(
        r"bf16 ?(recommended)? 16 0\.971 0\.0151 0\.014–0\.016 6\.6e-05 4\.6e-04 100\.0% 95\.2% ✓ pass", text
    )
    assert "▸ asked for: must keep the adapter" in text
    assert text.count("▸") >= 4
    assert "asked for: must" not in shown(name, only(merge_reports.by_outputs))


@PEOPLE
def test_routes_that_do_not_apply_are_one_line_a_reason(name: str) -> None:
    """With their names, and without rows of dashes."""
    text = shown(name, only(merge_reports.stored))
    assert re.search(r"ot applicable: bf16, fp32, nf4 \(needs the 16-bit base, and this one is stored in nf4\)", text)
    assert re.search(r"ot applicable: int8-inplace \(the base is stored in nf4\)", text)
    assert len(left_out(merge_of(only(merge_reports.stored)))) == 2


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_verbose_shows_roles_and_modules(name: str) -> None:
    """Gains by role and by module, and the parts that cannot be folded with their reasons."""
    text = shown(name, only(merge_reports.refused), verbose=True)
    assert "ain by role" in text
    assert re.search(r"attention\.q \|? ?1\.000 \|? ?0\.996", text)
    assert re.search(r"model\.layers\.2\.mlp\.down \|? ?0\.998 \|? ?0\.994", text)
    assert re.search(r"lm_head(:| \|) the base ties embedding and head", text)
    assert "ain by role" not in shown(name, only(merge_reports.refused))


def test_markdown_keeps_lists_of_modules_short() -> None:
    """A comment on GitHub holds 65,536 characters, also of an adapter of 560 modules on 15 routes."""
    text = renderer("markdown")(merge_reports.large(), Style(verbose=True))
    assert "Showing the first 100 of 560." in text
    assert len(text) < 65_536


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize(
    "make", [merge_reports.by_outputs, merge_reports.gated, merge_reports.by_weights], ids=lambda make: make.__name__
)
def test_narrow_tables_keep_routes_and_statuses(make: Make, width: int) -> None:
    """Figures give way, names and what decided do not; and no cell is cut."""
    text = renderer("text")(make(), Style(width=width))
    table = text.partition("\nroute ")[2].partition("\n\n")[0]
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in table
    for row in merge_of(only(make)).routes:
        (line,) = [line for line in table.splitlines() if re.match(rf"(▸ )?{re.escape(row.route)} ", line)]
        assert row.status in line
        assert all(code in line for code in codes(only(make), row).decided)
    if make is not merge_reports.by_weights:
        assert "ρ" in table.splitlines()[0]


def test_wide_tables_hold_more() -> None:
    """At 60 columns the effect loss stands alone with the bits; at 140 everything is there."""
    heads = {
        width: re.split(
            r"\s{2,}",
            renderer("text")(merge_reports.gated(), Style(width=width)).partition("\nroute ")[2].split("\n")[0],
        )
        for width in (60, 140)
    }
    assert [head for head in heads[60] if head] == ["bits", "ρ", "status"]
    assert [head for head in heads[140] if head][-3:] == ["NLL kept", "status", "notes"]


def test_many_codes_are_counted() -> None:
    """A cell names two."""
    report = only(merge_reports.gated)
    more = [merge_parts.about(code, "nf4-inplace", Severity.ERROR, "x") for code in ("LD601", "LD612")]
    crowded = merge_parts.drifted(merge_of(report), [*report.findings, *more])
    assert "✗ fail LD601 LD602 +2" in shown("text", crowded)


def test_ignored_findings_are_no_notes() -> None:
    """The policy has set them aside."""
    report = only(merge_reports.gated)
    aside = finding("LD607", "outputs-differ", ignored="known", route="nf4")
    quiet = msgspec.structs.replace(report, findings=[*report.findings[:-1], aside])
    assert codes(report, rows_of(report)["nf4"]).noted == ("LD607",)
    assert codes(quiet, rows_of(quiet)["nf4"]).noted == ()
