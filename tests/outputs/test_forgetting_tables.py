"""Forgetting in tables: every score with its figures, documents that changed, weaker forms, and findings in lists."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.cells import cell_len

from loradiag.api.judging import default_policy, judge
from loradiag.core.findings import Severity
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.notes import asides, cards, of_tasks
from loradiag.outputs.questions import asked, codes
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.style import Style
from loradiag.outputs.sweep import recited
from tests.outputs import forgetting_parts, forgetting_reports, samples
from tests.outputs.forgetting_parts import found_in
from tests.outputs.reading import PEOPLE, Make, only, shown


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


def test_ignored_losses_are_still_in_the_table() -> None:
    """The policy sets a finding aside, no measurement."""
    policy = msgspec.structs.replace(
        default_policy(), ignore=[Ignore(code="LD701", reason="known", modules=["hellaswag"], expires=None)]
    )
    report = judge(only(forgetting_reports.plain), policy)
    assert codes(report, found_in(report).tasks[1]).decided == ()
    assert re.search(r"hellaswag .* ✗ forgot", renderer("text")([report], Style(width=160)))
