"""Forgetting in words: what was lost, gained and left open, and nothing beyond."""

from __future__ import annotations

import msgspec
import pytest

from loradiag.api.judging import default_policy, judge
from loradiag.outputs import renderer
from loradiag.outputs.forgetting import in_short, statements, summary
from loradiag.outputs.style import Style
from loradiag.outputs.sweep import recited
from tests.outputs import forgetting_parts, forgetting_reports, samples
from tests.outputs.forgetting_parts import forgetting, found_in, judged, task
from tests.outputs.reading import PEOPLE, Make, body, only, shown

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


def test_memorisation_that_was_not_measured() -> None:
    """No document was long enough, and nothing else is known."""
    assert recited(forgetting_parts.memory(prompted=0, flag_rate=None, nll_base=None)) == [
        "No training document is longer than the 32 tokens that would prompt for the rest."
    ]
    assert recited(forgetting_parts.memory(base_recited=0, p_value=None, false_positives=None))[1].startswith(
        "The base alone"
    )


def test_an_adapter_that_recites_is_no_success() -> None:
    """Though it lost nothing of the base."""
    (report,) = forgetting_reports.remembered()
    told = summary(report, found_in(report))
    assert told.tone == "fail"
    assert told.text == "1 task lost no more than its margin"
    assert "it recites training data" in told.more


def test_overviews_say_what_each_forgot() -> None:
    """In a word; without columns that nothing was measured for."""
    several = [*forgetting_reports.plain(), *forgetting_reports.kept(), *forgetting_reports.odd()[1:2]]
    assert in_short(several) == ["1 of 4, worst -36.1%", "0 of 2", "0 of 0"]
    assert in_short(samples.healthy()) == []
    assert in_short([*forgetting_reports.kept(), *samples.healthy()]) == ["0 of 2", "–"]
    for name in ("text", "markdown", "html"):
        rendered = renderer(name)(several, Style())
        assert "1 of 4, worst -36.1%" in rendered
        assert "stable" not in body(rendered).partition("<details")[0]
        assert ">forgot<" not in renderer(name)([*samples.healthy(), *samples.broken()], Style())


@PEOPLE
def test_reports_without_tasks_say_nothing_of_them(name: str) -> None:
    """An inspection looks as before."""
    assert "orgetting" not in body(renderer(name)(samples.healthy(), Style(verbose=True)))
