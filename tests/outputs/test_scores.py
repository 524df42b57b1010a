"""Scores: what they are called, in which order they stand, and how their figures are written and drawn."""

from __future__ import annotations

import msgspec
import pytest

from loradiag.core.forgetting import Score
from loradiag.outputs.forgetting import tally
from loradiag.outputs.questions import asked, codes, parts
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.scores import (
    borne,
    change_words,
    extent,
    interval_words,
    metric_words,
    p_words,
    relative,
    score_words,
    share_words,
    size_words,
)
from loradiag.outputs.sweep import form, kept_interval, kept_words, loss_words, worst_task
from loradiag.outputs.terminal.forest import Scale, scale, strip
from tests.outputs import forgetting_parts, forgetting_reports
from tests.outputs.forgetting_parts import found_in, task, text
from tests.outputs.reading import only


def test_a_rise_of_what_should_be_low_is_a_loss() -> None:
    """Perplexity 12.4 → 14.1 is 13.7% worse, 612.4 → 17.73 is 97.1% better."""
    worse, better = text("wiki", 12.4, 14.1, 0.2), text("domain", 612.4, 17.73, 9.0)
    assert relative(worse, worse.difference) == pytest.approx(-1.7 / 12.4)
    assert change_words(worse.difference, worse) == "+1.700 ↘"
    assert change_words(better.difference, better) == "-594.7 ↗"
    assert relative(better, better.difference) == pytest.approx(594.67 / 612.4)
    assert metric_words(worse) == "perplexity ↓"
    negative = text("likelihood", -80.0, -96.0, 2.0, higher_is_better=True)
    assert relative(negative, negative.difference) == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (share_words(None), "–"),
        (share_words(-0.00001), "0.0%"),
        (share_words(-0.361), "-36.1%"),
        (share_words(12.345), "+1,234%"),
        (share_words(1.3e8), "+1.3e+08×"),
        (p_words(None), "–"),
        (p_words(0.0), "<1e-300"),
        (p_words(8.04e-71), "8e-71"),
        (p_words(0.0312), "0.031"),
        (p_words(0.5), "0.50"),
        (size_words(0.04585), "0.0459"),
        (size_words(None), "–"),
        (size_words(1e300), "1e+300"),
        (interval_words(-0.36429, -0.29781), "-0.3643 to -0.2978"),
        (interval_words(-0.00001, 2.5), "0.000 to +2.500"),
        (interval_words(None, 1.0), "–"),
        (change_words(None, task("a", 0.5, 1, 2)), "–"),
        (change_words(0.0, task("a", 0.5, 1, 2)), "0.0000"),
        (change_words(1e-9, task("a", 0.5, 1, 2)), "0.0000"),
        (score_words(text("a", 12.4, 1400.0, 1.0), 12.4), "12.4"),
        (kept_words(None), "–"),
        (kept_words(-0.001), "0%"),
        (kept_words(1e300), "1.0e+300×"),
        (loss_words(None), "–"),
        (loss_words(-0.2), "none"),
        (loss_words(0.031), "3.1%"),
    ],
)
def test_figures_are_written_short(said: str, expected: str) -> None:
    """With a sign where it is a change, and no zero with one."""
    assert said == expected


def test_shares_of_nothing_are_none() -> None:
    """A base that scores 0 has no share; one near 0 gives a number all the same."""
    nothing = task("zero", 0.0, 0, 3)
    assert relative(nothing, nothing.difference) is None
    assert relative(text("overflow", 1e-300, 1e300, 1.0), 1e300) == -1e100
    assert relative(nothing, float("nan")) is None
    assert extent([nothing]) is None


def test_groups_come_first_and_the_worst_of_each() -> None:
    """Groups, tasks, texts; parts of groups apart; the domain in neither."""
    found = found_in(only(forgetting_reports.grouped))
    assert [rows[0].task for rows in asked(found)] == ["mmlu", "hellaswag", "wiki"]
    first = [rows[0].task for rows in parts(found)]
    assert first[:3] == ["mmlu_stem", "mmlu_subject_07", "mmlu_subject_12"]
    assert len(first) == 58
    assert [rows[0].task for rows in asked(found_in(only(forgetting_reports.plain)))] == [
        "hellaswag",
        "piqa",
        "arc_easy",
        "npi",
    ]


def test_routes_stand_below_their_adapter() -> None:
    """In the order in which they were asked for, whatever the order of rows."""
    found = found_in(only(forgetting_reports.served))
    mixed = msgspec.structs.replace(found, tasks=found.tasks[::-1])
    for run in (found, mixed):
        assert [[score.route for score in rows] for rows in asked(run)] == [[None, "nf4", "bf16"]] * 2


def test_forms_have_names() -> None:
    """The ends of the range are called what they are."""
    rows = forgetting_parts.sweep().candidates
    assert [form(row) for row in (rows[0], rows[2], rows[-1])] == ["the base", "scale 0.5", "the whole adapter"]
    assert worst_task(rows[0]) == ""
    assert kept_interval(rows[5]) == "–"


def test_a_wide_table_has_room_for_rare_figures() -> None:
    """The p-value of a task alone, and how its interval came to be."""
    scores = found_in(only(forgetting_reports.plain)).tasks
    rare = {figure.title: figure for figure in figures(scores, rare=True)}
    assert list(rare)[-2:] == ["p", "interval by"]
    assert rare["interval by"].say(scores[0]) == "Tango's score interval of paired shares"
    assert rare["p"].value(scores[0]) == scores[0].p_value
    assert not {"p", "interval by"} & {figure.title for figure in figures(scores, every=True)}


def test_strips_share_a_scale() -> None:
    """From −100% to +100% on 21 cells, zero is in the middle; marks differ by status, and ends beyond are arrows."""
    on = Scale(-1.0, 1.0, 21)
    lost = Score(
        task="a",
        metric="acc",
        base=0.5,
        adapter=0.3,
        difference=-0.2,
        ci_low=-0.3,
        ci_high=-0.1,
        margin=0.1,
        status="forgot",
    )
    assert strip(lost, on) == "    ──×─╫ │          "
    assert on.title == "-100%           +100%"
    wide = msgspec.structs.replace(lost, difference=-0.6, ci_low=-0.7, ci_high=0.2, status="inconclusive")
    assert strip(wide, on)[0] == "◂"
    assert strip(wide, on)[10] == "┼"
    safe = msgspec.structs.replace(lost, difference=0.0, ci_low=None, ci_high=None, status="safe")
    assert strip(safe, on)[10] == "●"
    assert strip(msgspec.structs.replace(lost, difference=None), on) == ""
    assert scale([msgspec.structs.replace(lost, difference=None)], 9) is None


def test_a_base_next_to_nothing_has_a_strip() -> None:
    """Shares of it go beyond what a float holds, and are held at the border."""
    tiny = Score(
        task="a",
        metric="acc",
        base=5e-324,
        adapter=0.3,
        difference=0.3,
        ci_low=0.1,
        ci_high=0.5,
        margin=0.1,
        status="safe",
    )
    assert borne(tiny) == 1e100
    assert strip(tiny, Scale(-1.0, 1.0, 21)) == "║         │         ▸"


def test_a_margin_of_less_than_a_cell_is_still_left_of_zero() -> None:
    """Nothing is borne only where the policy says so."""
    on = Scale(-1.0, 1.0, 21)
    tiny = Score(task="a", metric="acc", base=0.5, adapter=0.9, difference=0.4, margin=0.001, status="safe")
    assert strip(tiny, on)[9:11] == "║│"
    assert "║" not in strip(msgspec.structs.replace(tiny, margin=0.0), on)


def test_one_that_is_far_off_does_not_press_the_others_together() -> None:
    """An axis reaches five times as far as half of the ends lie, and a quarter at least."""
    near = [task(f"t{index}", 0.8, 11, 10) for index in range(9)]
    ends = extent([*near, task("far", 0.8, 790, 0)])
    assert ends is not None
    assert -0.3 < ends[0] < -0.25
    alone = extent([task("far", 0.8, 700, 0)])
    assert alone is not None
    assert alone[0] < -0.85


def test_codes_beyond_the_status() -> None:
    """LD701 says no more than ``forgot``; what fails besides does, and notes are notes."""
    report = only(forgetting_reports.served)
    told = {(score.task, score.route): codes(report, score) for score in found_in(report).tasks}
    assert told["arc_easy", "nf4"].decided == ("LD709",)
    assert told["gsm8k", "bf16"].noted == ("LD705",)
    assert told["arc_easy", None].decided == told["arc_easy", None].noted == ()


def test_tallies() -> None:
    """Counts, the worst first, and the largest losses."""
    told = tally(found_in(only(forgetting_reports.plain)).tasks)
    assert told.counts == "1 forgot, 1 inconclusive, 2 safe"
    assert told.worst.startswith("hellaswag -36.1%, piqa -7.1%")
    assert tally([]).counts == ""
