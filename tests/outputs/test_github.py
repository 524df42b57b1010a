"""GitHub's annotations, read as the runner of GitHub Actions reads them."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.report import Report
from loradiag.outputs.github import render
from loradiag.outputs.style import Style
from tests.outputs import building, forgetting_reports, merge_reports, samples

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\n]*)::(.*)")


def commands(reports: list[Report]) -> list[tuple[str, str, str]]:
    """The commands that a runner would obey: ``::name ::`` at the start of a line, ``##[name]`` anywhere else."""
    found = []
    for line in re.split(r"[\r\n]", render(reports, Style())):
        if line.lstrip().startswith("::"):
            match = COMMAND.fullmatch(line)
            assert match, line
            found.append((match[1], unescape(match[2]), unescape(match[3])))
        else:
            assert "##[" not in line
    return found


def unescape(text: str) -> str:
    """What the runner makes of escaped text."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_one_command_for_each_finding_that_counts() -> None:
    """Severities become commands, the rule the title; ignored findings are counted in the last line only."""
    found = commands(samples.broken())
    assert [(kind, title) for kind, title, _ in found] == [
        ("error", "LD107 dead-modules"),
        ("error", "LD105 non-finite-values"),
        ("warning", "LD405 block-missing"),
    ]
    assert "runs/adapter: 2 of 56 modules have a zero update → Find out why" in found[0][2]
    last = render(samples.broken(), Style()).splitlines()[-1]
    assert last.startswith("loradiag: runs/adapter: fail, decided by LD107 dead-modules")
    assert last.endswith("(2 errors, 1 warning, 1 ignored)")


def test_percent_signs_survive() -> None:
    """A percent sign is not taken for the beginning of an escape."""
    report = building.report(building.measured([]), [building.finding(message="99%0A of 100%")])
    assert "99%250A of 100%25" in render([report], Style())
    assert commands([report])[0][2].startswith("runs/adapter: 99%0A of 100%")


def test_a_name_cannot_give_commands() -> None:
    """Neither a line break, nor a command within a name, old style or new, is obeyed."""
    assert [kind for kind, _, _ in commands(samples.hostile())] == ["error", "warning"]


def test_routes_are_named_and_notes_on_others_take_one_line_a_rule() -> None:
    """GitHub shows ten annotations of a kind: routes that nobody asked for do not use them up."""
    found = commands(merge_reports.by_weights())
    assert [(kind, title) for kind, title, _ in found] == [
        ("notice", "LD503 revision-unpinned"),
        ("notice", "LD602 update-erased"),
        ("notice", "LD611 outputs-not-measured"),
    ]
    assert found[2][2] == "runs/adapter: 3 routes: int8, nf4, nf4-inplace"
    kinds = [(kind, message.split(": ")[1]) for kind, _, message in commands(merge_reports.gated())]
    assert kinds == [("error", "nf4-inplace"), ("error", "nf4-inplace"), ("error", "nf4"), ("warning", "nf4")]


@given(name=st.text(alphabet=st.sampled_from("%:,#[]\r\n\x85\u2028 ae0AD"), max_size=40))
@settings(deadline=None, max_examples=50)
def test_any_name_of_a_route_gives_the_same_commands(name: str) -> None:
    """The number and kind of commands depend on the findings alone."""
    assert [kind for kind, _, _ in commands(merge_reports.hostile(name))] == ["error", "notice"]


@given(name=st.text(alphabet=st.sampled_from("%:,#[]\r\n\x85\u2028 ae0AD"), max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_name_gives_the_same_commands(name: str) -> None:
    """The number and kind of commands depend on the findings alone."""
    assert [kind for kind, _, _ in commands(samples.hostile(name))] == ["error", "warning"]


def test_many_notes_on_tasks_are_one_command_a_rule() -> None:
    """A step on GitHub shows ten of a kind; names beyond forty are counted."""
    notes = [(title, said) for kind, title, said in commands(forgetting_reports.long()) if kind == "notice"]
    assert [title for title, _ in notes] == ["LD704 ability-weakened", "LD706 task-at-chance"]
    assert notes[1][1].startswith("runs/adapter: 199 tasks: a_task_with_quite_a_long_name_of_its_own_")
    assert notes[1][1].endswith(" and 159 more")
    few = [(title, said) for kind, title, said in commands(forgetting_reports.plain()) if kind == "notice"]
    assert len(few) == 3
