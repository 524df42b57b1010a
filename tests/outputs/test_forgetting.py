"""Forgetting in every output: what was lost, gained and left open, in words and figures."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest
from rich.cells import cell_len

from loradiag.api.judging import default_policy, judge
from loradiag.core.findings import Severity
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.forgetting import in_short, statements, summary, tally
from loradiag.outputs.notes import asides, cards, of_tasks
from loradiag.outputs.questions import asked, codes, parts
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.scores import (
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
from loradiag.outputs.style import Style
from loradiag.outputs.sweep import form, kept_interval, kept_words, loss_words, recited, worst_task
from loradiag.outputs.terminal.forest import Scale, scale, strip
from tests.outputs import forgetting_parts, forgetting_reports, samples
from tests.outputs.forgetting_parts import forgetting, judged, task, text

PEOPLE = pytest.mark.parametrize("name", ["text", "markdown", "html"])
Make = Callable[[], list[Report]]


def only(make: Make) -> Report:
    """The one report of a sample."""
    (made,) = make()
    return made


def found_in(report: Report) -> Forgetting:
    """What it says of forgetting."""
    assert report.measurements.forgetting is not None
    return report.measurements.forgetting


def shown(name: str, report: Report, **style: object) -> str:
    """A rendered report without tags, in single blanks: what a reader reads."""
    rendered = renderer(name)([report], Style(**{"width": 180, **style}))  # type: ignore[arg-type]
    rendered = re.sub(r"<(style|script)>.*?</\1>", "", rendered, flags=re.DOTALL)
    rendered = re.sub(r"<[^>]*>|\*\*|`", "", re.sub("</t[dh]>", " ", rendered))
    return re.sub(r"\s+", " ", rendered.replace("&#x27;", "'").replace("&#60;", "<").replace("&lt;", "<"))


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


SENTENCES = [
    (
        forgetting_reports.plain,
        "fail",
        "1 of 4 tasks lost more than their margin: hellaswag -36.1%",
        ("also not decided: piqa (6,651 documents would decide)",),
    ),
    (forgetting_reports.kept, "pass", "none of 2 tasks lost more than their margin", ()),
    (
        forgetting_reports.undecided,
        "inconclusive",
        "no loss beyond the margin was shown, nor ruled out",
        ("not decided: piqa (151,020 documents would decide)",),
    ),
    (
        forgetting_reports.grouped,
        "fail",
        "1 of 3 questions lost more than their margin: wiki -13.7%",
        (
            "also not decided: mmlu (346,181 documents would decide)",
            "within groups 1 task lost more than the margin: mmlu_subject_07 -83.7%",
            "on its own domain perplexity fell: 612.4 → 17.7",
        ),
    ),
    (
        forgetting_reports.served,
        "fail",
        "1 of 4 scores (2 tasks on 2 routes) lost more than their margin: arc_easy as nf4 -12.9%",
        ("LD709 deployment-loses: arc_easy as nf4, gsm8k as nf4",),
    ),
    (forgetting_reports.interrupted, "inconclusive", "of what was finished, 1 task lost no more than its margin", ()),
    (
        forgetting_reports.weaker,
        "fail",
        "1 task lost more than its margin: hellaswag -36.1%",
        (
            "on its own domain perplexity fell: 612.4 → 17.7",
            "scale 0.5 keeps 76% of what was learned; no task loses more than 3.1%",
        ),
    ),
]


@pytest.mark.parametrize(("make", "tone", "said", "more"), SENTENCES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_summary_claims_what_was_shown(make: Make, tone: str, said: str, more: tuple[str, ...]) -> None:
    """One sentence, and what else there is."""
    told = summary(only(make), found_in(only(make)))
    assert (told.tone, told.text, told.more) == (tone, said, more)


@PEOPLE
@pytest.mark.parametrize("make", [row[0] for row in SENTENCES], ids=lambda make: make.__name__)
def test_the_summary_is_in_every_output_for_people(name: str, make: Make) -> None:
    """With a capital or without."""
    told = summary(only(make), found_in(only(make)))
    for line in (told.text, *told.more):
        assert line[1:] in shown(name, only(make))


def test_what_only_deploying_loses_fails_as_well() -> None:
    """A task that is safe beside the base, and worse than the adapter was."""
    first = task("gsm8k", 0.31, 20, 190)
    report = judged(forgetting([first, forgetting_parts.as_served(first, "nf4", 60, 140)], routes=["nf4"]))
    told = summary(report, found_in(report))
    assert (told.tone, told.text) == ("fail", "1 score (1 task on 1 route) lost no more than its margin")
    assert told.more == ("LD709 deployment-loses: gsm8k as nf4",)


@pytest.mark.parametrize(("index", "said"), [(1, "nothing that was asked was finished"), (2, "no score was judged")])
def test_nothing_is_claimed_where_nothing_is_known(index: int, said: str) -> None:
    """No task at all; and a policy without margins."""
    report = forgetting_reports.odd()[index]
    told = summary(report, found_in(report))
    assert (told.tone, told.text) == ("inconclusive", said)


def test_statements_say_what_was_asked_and_how() -> None:
    """Counts, harness, limits, margins, how both ran, and what is missing."""
    assert dict(statements(only(forgetting_reports.grouped), found_in(only(forgetting_reports.grouped)))) == {
        "asked": "1 group of 57 tasks, 1 task, 1 text; 9,220 documents",
        "how": "lm-eval 0.4.13; transformers, float32 on cpu, batches of 16",
        "margin": "5.0% of the base's score",
        "adapter": "unmerged, by PEFT",
        "base": "loaded once for both; its answers to 12 tasks were in the cache",
    }
    told = dict(statements(only(forgetting_reports.undecided), found_in(only(forgetting_reports.undecided))))
    assert told["asked"] == "1 task; 100 documents, by acc"
    assert told["how"].startswith("lm-eval 0.4.13, 5 shots, 100 documents of each task at most, chat template; ")
    told = dict(statements(only(forgetting_reports.served), found_in(only(forgetting_reports.served))))
    assert told["served"].startswith("nf4, bf16: judged beside the base")
    assert told["trained"] == "over weights in nf4, which both were given"
    assert told["base"].startswith("loaded a second time")
    assert told["adapter"] == "added exactly, as PEFT does not read its layout"
    told = dict(statements(only(forgetting_reports.interrupted), found_in(only(forgetting_reports.interrupted))))
    assert told["not asked"] == "2 tasks, since the run was interrupted: gsm8k, hellaswag"
    assert told["not swept"] == "the run was interrupted before the weaker forms were asked"
    assert told["base"] == "all of its answers were in the cache"


def test_margins_of_single_tasks_are_said() -> None:
    """As the policy has them."""
    policy = default_policy()
    limits = {**policy.thresholds, "LD701": {**policy.thresholds["LD701"], "margin.mmlu_*": 0.1}}
    report = judge(only(forgetting_reports.plain), msgspec.structs.replace(policy, thresholds=limits))
    assert dict(statements(report, found_in(report)))["margin"] == "5.0% of the base's score (mmlu_* 10%)"


@PEOPLE
def test_the_table_has_every_score_with_its_figures(name: str) -> None:
    """Values of a real run, with status."""
    said = shown(name, only(forgetting_reports.plain)).replace("| ", "")
    assert "hellaswag" in said
    if name == "html":
        assert "hellaswag ✗ forgot 1,000 0.9170 0.5860 -0.3310 ↘ -0.3642 to -0.2978 -36.1% 364 / 33" in said
    else:
        assert re.search(r"hellaswag 1,000 0\.9170 0\.5860 -0\.3310 ↘ -0\.3642 to -0\.2978 ", said)
        assert re.search(r"npi 1,000 0\.2630 0\.3270 \+0\.0640 ↗ ", said)
    assert "✓ safe" in said
    assert "? inconclusive" in said


@PEOPLE
def test_what_was_learned_stands_apart(name: str) -> None:
    """Below the others, and without a status."""
    said = shown(name, only(forgetting_reports.weaker))
    assert said.index("hellaswag") < said.index("what it learned")
    assert re.search(r"domain( \|)? perplexity ↓", said.partition("what it learned")[2])


@PEOPLE
def test_a_base_and_routes_are_told_apart(name: str) -> None:
    """The unmerged adapter, and below it what is served with what serving did."""
    said = re.sub(" {2,}", " ", shown(name, only(forgetting_reports.served)).replace("| ", ""))
    assert re.search(r"as nf4 (✓ safe ✗ LD709 )?1,000 0\.3100 0\.3900 \+0\.0800 ↗ ", said)
    assert "-0.0900 ↘" in said


@PEOPLE
def test_missing_figures_have_reasons(name: str) -> None:
    """Why there is no interval or no score."""
    said = shown(name, forgetting_reports.odd()[0])
    assert "bleu: it has no value of its own for each document" in said
    assert "few: there are too few documents for an interval" in said


def test_a_terminal_counts_parts_of_groups_unless_verbose() -> None:
    """One line names the worst; with ``--verbose`` there are rows, and other metrics."""
    brief, full = (
        shown("text", only(forgetting_reports.grouped)),
        shown("text", only(forgetting_reports.grouped), verbose=True),
    )
    assert "58 parts of groups: 1 forgot, 56 inconclusive, 1 safe; most: mmlu_subject_07 -83.7%" in brief
    assert "mmlu_subject_30" not in brief
    assert "acc_norm" not in brief
    assert "mmlu_subject_30" in full
    assert "acc_norm" in full
    assert "--verbose" not in full


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_pages_fold_parts_of_groups(name: str) -> None:
    """They are all there, below what was asked."""
    rendered = renderer(name)(forgetting_reports.grouped(), Style())
    assert re.search(
        r"<details[^>]*><summary>58 parts of groups: 1 forgot, 56 inconclusive, 1 safe</summary>", rendered
    )


@PEOPLE
def test_documents_that_changed(name: str) -> None:
    """Number, what was asked, what is right, and both answers."""
    said = shown(name, only(forgetting_reports.plain), verbose=True)
    assert "hellaswag: 364 lost, 33 won" in said
    assert "Question 70: which of these is a mammal?" in said
    assert said.count("the shark") >= 9


def test_documents_of_other_metrics_have_values() -> None:
    """They became worse or better; right and wrong say nothing of them."""
    said = shown("text", only(forgetting_reports.grouped), verbose=True)
    assert "wiki: 150 worse, 90 better #4 worse 2.500 → 3.250 asked Question 4: which of these is a mammal?" in said
    assert "documents that changed" not in shown("text", only(forgetting_reports.grouped))


@PEOPLE
def test_the_sweep_is_a_table(name: str) -> None:
    """Each form with what it keeps and loses; the one to take is marked, and what could not be made says why."""
    said = shown(name, only(forgetting_reports.weaker)).replace("| ", "")
    assert re.search(r"scale 0\.5 ?(to take)? 42\.6 76% 73% to 78% 3\.1% hellaswag", said)
    assert "the whole adapter 18.4 100% 100% to 100% 36.1% hellaswag" in said
    assert "the disk is full" in said
    assert "1,012 documents: what keeps most of the domain and every score within 5.0%" in said
    assert "weaker/" in said


@PEOPLE
def test_memorisation_is_told_in_sentences(name: str) -> None:
    """What is recited, of held-out text too, with the rate that chance allows."""
    said = shown(name, only(forgetting_reports.remembered), verbose=True)
    for line in recited(forgetting_parts.memory()):
        assert line in said
    assert "Dear Mr. Smith" in said


def test_memorisation_that_was_not_measured() -> None:
    """No document was long enough, and nothing else is known."""
    assert recited(forgetting_parts.memory(prompted=0, flag_rate=None, nll_base=None)) == [
        "No training document is longer than the 32 tokens that would prompt for the rest."
    ]
    assert recited(forgetting_parts.memory(base_recited=0, p_value=None, false_positives=None))[1].startswith(
        "The base alone"
    )


def test_forms_have_names() -> None:
    """The ends of the range are called what they are."""
    rows = forgetting_parts.sweep().candidates
    assert [form(row) for row in (rows[0], rows[2], rows[-1])] == ["the base", "scale 0.5", "the whole adapter"]
    assert worst_task(rows[0]) == ""
    assert kept_interval(rows[5]) == "–"


def lines_of(report: Report, width: int, **style: object) -> list[str]:
    """The table of scores in a terminal."""
    rendered = renderer("text")([report], Style(width=width, **style))  # type: ignore[arg-type]
    return rendered.partition("\ntask ")[2].splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize(
    "make", [*forgetting_reports.CASES.values(), forgetting_reports.many], ids=lambda make: make.__name__
)
def test_narrow_tables_keep_tasks_and_statuses(make: Make, width: int) -> None:
    """Figures give way, names and statuses do not; no line is longer than the terminal."""
    for report in make():
        for verbose in (False, True):
            rendered = renderer("text")([report], Style(width=width, verbose=verbose))
            assert max(cell_len(line) for line in rendered.splitlines()) <= width
    table = lines_of(make()[0], width)
    for rows in asked(found_in(make()[0])):
        status = rows[0].status.replace("unjudged", "not judged")
        assert any(rows[0].task[:6] in line and status in line for line in table)
    assert "difference" in table[0]


def test_wide_tables_hold_more() -> None:
    """At 60 columns the difference stands almost alone; at 160 there is a strip."""
    assert re.split(r"\s{2,}", lines_of(only(forgetting_reports.plain), 60)[0].strip())[-2:] == ["difference", "status"]
    wide = re.split(r"\s{2,}", lines_of(only(forgetting_reports.plain), 160)[0].strip())
    assert wide[:5] == ["n", "base", "adapter", "difference", "95% interval"]
    assert wide[5:7] == ["-44%", "+44%"]


def test_verbose_puts_what_has_no_room_into_further_tables() -> None:
    """Every figure is somewhere."""
    rendered = renderer("text")(forgetting_reports.plain(), Style(width=80, verbose=True))
    for figure in figures(found_in(only(forgetting_reports.plain)).tasks, every=True):
        assert figure.title in rendered
    assert rendered.count("\ntask ") > 1


def test_a_wide_table_has_room_for_rare_figures() -> None:
    """The p-value of a task alone, and how its interval came to be."""
    scores = found_in(only(forgetting_reports.plain)).tasks
    rare = {figure.title: figure for figure in figures(scores, rare=True)}
    assert list(rare)[-2:] == ["p", "interval by"]
    assert rare["interval by"].say(scores[0]) == "Tango's score interval of paired shares"
    assert rare["p"].value(scores[0]) == scores[0].p_value
    assert not {"p", "interval by"} & {figure.title for figure in figures(scores, every=True)}


def test_an_adapter_that_recites_is_no_success() -> None:
    """Though it lost nothing of the base."""
    (report,) = forgetting_reports.remembered()
    told = summary(report, found_in(report))
    assert told.tone == "fail"
    assert told.text == "1 task lost no more than its margin"
    assert "it recites training data" in told.more


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


def test_notes_on_many_tasks_are_folded() -> None:
    """Few stay in the list; those that decide, and warnings, always do."""
    assert asides(only(forgetting_reports.plain)) == []
    (quiet,) = asides(only(forgetting_reports.long))
    assert quiet.words == f"{len(quiet.notes):,} notes on single tasks"
    assert {note.severity for note in quiet.notes} == {Severity.INFO}
    assert quiet.about(quiet.notes[0]).startswith("a_task_with_quite")
    all_fail = judge(only(forgetting_reports.long), msgspec.structs.replace(default_policy(), fail_on="info"))
    assert asides(all_fail) == []
    assert "notes on single tasks: --verbose" in shown("text", only(forgetting_reports.long))
    assert asides(only(samples.healthy)) == []


def test_findings_of_one_rule_share_a_card() -> None:
    """Eight are told, the others counted; with ``--verbose`` all are there."""
    report = only(forgetting_reports.long)
    lost = [finding for finding in report.findings if finding.code == "LD701"]
    (card,) = cards(report, lost)
    assert (len(card.messages), card.more, card.count) == (7, len(lost) - 8, len(lost))
    brief = shown("text", report)
    assert f"and {len(lost) - 8} tasks more: --verbose" in brief
    assert brief.count("LD701 ability-lost") == 1
    ten = [finding for finding in only(lambda: forgetting_reports.long(45)).findings if finding.code == "LD701"]
    assert len(ten) > 8
    assert shown("text", only(lambda: forgetting_reports.long(45)), verbose=True).count("after Holm") == len(ten)
    assert all(of_tasks(report, finding) for finding in lost)
    healthy = only(samples.broken)
    assert [card.count for card in cards(healthy, healthy.findings)] == [1] * len(healthy.findings)


@pytest.mark.parametrize("make", [forgetting_reports.long, forgetting_reports.grouped], ids=lambda make: make.__name__)
def test_a_comment_holds_it(make: Make) -> None:
    """GitHub takes 65,536 characters."""
    for verbose in (False, True):
        assert len(renderer("markdown")(make(), Style(verbose=verbose))) < 65_536


def test_codes_beyond_the_status() -> None:
    """LD701 says no more than ``forgot``; what fails besides does, and notes are notes."""
    report = only(forgetting_reports.served)
    told = {(score.task, score.route): codes(report, score) for score in found_in(report).tasks}
    assert told["arc_easy", "nf4"].decided == ("LD709",)
    assert told["gsm8k", "bf16"].noted == ("LD705",)
    assert told["arc_easy", None].decided == told["arc_easy", None].noted == ()


def test_ignored_losses_are_still_in_the_table() -> None:
    """The policy sets a finding aside, no measurement."""
    policy = msgspec.structs.replace(
        default_policy(), ignore=[Ignore(code="LD701", reason="known", modules=["hellaswag"], expires=None)]
    )
    report = judge(only(forgetting_reports.plain), policy)
    assert codes(report, found_in(report).tasks[1]).decided == ()
    assert re.search(r"hellaswag .* ✗ forgot", renderer("text")([report], Style(width=160)))


def test_overviews_say_what_each_forgot() -> None:
    """In a word; without columns that nothing was measured for."""
    several = [*forgetting_reports.plain(), *forgetting_reports.kept(), *forgetting_reports.odd()[1:2]]
    assert in_short(several) == ["1 of 4, worst -36.1%", "0 of 2", "0 of 0"]
    assert in_short(samples.healthy()) == []
    assert in_short([*forgetting_reports.kept(), *samples.healthy()]) == ["0 of 2", "–"]
    for name in ("text", "markdown", "html"):
        rendered = renderer(name)(several, Style())
        assert "1 of 4, worst -36.1%" in rendered
        assert "stable" not in re.sub("<style>.*?</style>", "", rendered, flags=re.DOTALL).partition("<details")[0]
        assert ">forgot<" not in renderer(name)([*samples.healthy(), *samples.broken()], Style())


@PEOPLE
def test_reports_without_tasks_say_nothing_of_them(name: str) -> None:
    """An inspection looks as before."""
    rendered = re.sub(
        r"<(style|script)>.*?</\1>", "", renderer(name)(samples.healthy(), Style(verbose=True)), flags=re.DOTALL
    )
    assert "orgetting" not in rendered


def test_tallies() -> None:
    """Counts, the worst first, and the largest losses."""
    told = tally(found_in(only(forgetting_reports.plain)).tasks)
    assert told.counts == "1 forgot, 1 inconclusive, 2 safe"
    assert told.worst.startswith("hellaswag -36.1%, piqa -7.1%")
    assert tally([]).counts == ""
