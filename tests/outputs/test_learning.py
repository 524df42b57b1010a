"""A run in every output."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loradiag
from loradiag.api.judging import default_policy, judged
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.trajectory import (
    EvalPoint,
    Evaluation,
    ModuleTrajectory,
    SeriesChange,
    TrainingLog,
    Trajectory,
    TrajectoryStep,
    UnreadCheckpoint,
)
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.sparks import Axis, ruler, spark
from loradiag.outputs.story import story
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, MARKUP, RAW
from tests.rules.learning import RISING, bad_gradients, broken, cut, falling, grown, sound, state, write_run

STYLE = Style(color=False, width=100, measure="stable_rank", verbose=False)


def hostile(name: str) -> Report:
    """A series of which every text is ``name``."""
    steps = [
        TrajectoryStep(step=step, path=f"run/{name}", modules=1, measured=1, frobenius_norm=1.0) for step in (1, 2)
    ]
    row = ModuleTrajectory(
        name=name, role=name, stack=name, layer=None, frobenius_norm=[1.0, None], entropy_share=[0.5, 0.0],
        change=[None, 0.5], cosine_last=[-1.0, 1.0],
    )  # fmt: skip
    series = Trajectory(
        steps=steps,
        modules=[row],
        unread=[UnreadCheckpoint(step=None, path=f"run/{name}", problem=name, kind=name)],
        changes=[SeriesChange(step=2, kind="base", detail=name)],
    )
    points = [EvalPoint(step=1, loss=1.0), EvalPoint(step=2, loss=3.0)]
    held = Evaluation(
        name=name, count=2, points=points, nonfinite=0, best_step=1, best_loss=1.0, last_step=2, last_loss=3.0
    )
    log = TrainingLog(sources=[name], problem=name, step=2, evaluations=[held])
    subject = Subject(path=f"runs/{name}", base=name, method=name, ranks={name: 1})
    return judged(subject, Measurements(training_log=log, trajectory=series), Accounting(), default_policy())


def runs(tmp: Path) -> dict[str, Report]:
    """Runs of every kind."""
    long = {step: sound()[40] for step in range(10, 410, 10)}
    vanished = state({step: 2.0 if step < 30 else 0.0 for step in range(1, 41)}, {20: 1.0, 40: math.nan})
    folders = {
        "sound": write_run(tmp / "sound", None, state(falling(), {10: 2.0, 20: 1.4, 30: 1.3, 40: 1.29})),
        "overfit": write_run(tmp / "overfit", None, state(falling(), RISING)),
        "without log": write_run(tmp / "plain"),
        "broken": write_run(tmp / "broken", {10: grown(1.0), 20: broken()}, bad_gradients()),
        "vanished": write_run(tmp / "vanished", None, vanished),
        "one": write_run(tmp / "one", {10: grown(1.0)}, state({1: 2.0})),
        "long": write_run(tmp / "long", long, state({step: 1e6 / step for step in range(1, 400)}, {400: 0.1})),
        "cut": cut(lambda: tmp, tmp),
    }
    return {name: loradiag.trajectory(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """The runs, measured once."""
    return runs(tmp_path_factory.mktemp("runs"))


KINDS = ("sound", "overfit", "without log", "broken", "vanished", "one", "long", "cut")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_shows_every_run(name: str, kind: str, made: dict[str, Report]) -> None:
    """Alone and among others, in short and in full; every finding is named."""
    for verbose in (False, True):
        style = msgspec.structs.replace(STYLE, verbose=verbose)
        for reports in ([made[kind]], [made[kind], made["sound"]]):
            text = renderer(name)(reports, style)
            assert RAW.search(text) is None
            assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan[a-z]*|NaN", "", text)
        text = renderer(name)([made[kind]], style)
        assert all(finding.code in text for finding in made[kind].findings)


@pytest.mark.parametrize("name", FORMATS)
@given(said=st.one_of(st.just(HOSTILE), st.text(max_size=40)))
@settings(deadline=None, max_examples=15)
def test_names_are_escaped(name: str, said: str) -> None:
    """Names of modules, sets, files and bases come from files that strangers wrote."""
    for verbose in (False, True):
        text = renderer(name)([hostile(said)], Style(verbose=verbose))
        assert RAW.search(text) is None
        assert name not in MARKUP or "<script>alert" not in text


def test_the_name_of_a_set_is_no_markdown() -> None:
    """It comes from the keys of a trainer's log, and would load an image, or end a cell of the table."""
    text = renderer("markdown")([hostile("![x](https://example.org/x) | y")], STYLE)
    assert "![x]" not in text
    assert "best on !&#91;x&#93;(https&#58;//example.org/x) &#124; y |" in text


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("kind", KINDS)
def test_the_terminal_is_as_wide_as_it_is(width: int, kind: str, made: dict[str, Report]) -> None:
    """No line runs over."""
    text = renderer("text")([made[kind]], msgspec.structs.replace(STYLE, width=width))
    assert max(map(len, text.splitlines())) <= width


STORIES: dict[str, tuple[str, str]] = {
    "sound": ("pass", "best at the last evaluation, step 40 (1.290); validation still falls, by 0.110 since step 20"),
    "overfit": ("inconclusive", "take checkpoint-20: best at step 20 of 40 (1.100); validation ends 0.700 above that"),
    "without log": ("inconclusive", "no validation loss in the log: nothing tells which step is best"),
    "broken": ("fail", "lost from step 20 on: its updates are not finite; checkpoint-10 is the last sound one"),
    "vanished": ("fail", "validation is not finite at the end; it was best at step 20 of 40"),
}


@pytest.mark.parametrize("kind", STORIES)
def test_the_story_is_told_in_a_sentence(kind: str, made: dict[str, Report]) -> None:
    """What became of the run, and its tone."""
    said = story(made[kind])
    assert (said.tone, said.text) == STORIES[kind]


def test_a_case_for_every_checkpoint(made: dict[str, Report]) -> None:
    """One that is broken fails the gate, one that cannot be read is set aside, all others pass."""

    def outcomes(kind: str) -> dict[str, str]:
        root = ElementTree.fromstring(renderer("junit")([made[kind]], STYLE))
        found = [case for case in root.iter("testcase") if case.get("classname", "").startswith("loradiag.trajectory.")]
        return {
            str(case.get("name")): next((part.tag for part in case if part.tag != "system-out"), "") for case in found
        }

    assert outcomes("broken") == {"checkpoint-10": "", "checkpoint-20": "failure"}
    assert outcomes("cut") == {
        "checkpoint-10": "",
        "checkpoint-20": "",
        "checkpoint-30": "skipped",
        "checkpoint-40": "",
    }


def test_the_page_marks_the_best_and_draws_the_modules(made: dict[str, Report]) -> None:
    """Losses with the best step, curves of the update, and a map with a choice of measure."""
    text = renderer("html")([made["overfit"]], STYLE)
    for part in (
        "best: 1.100 at step 20",
        "Modules over steps",
        "cosine with the last",
        'class="ring"',
        'class="held"',
    ):
        assert part in text
    assert text.count('type="radio"') == 4
    assert "Layers and roles" not in text


def test_the_page_stays_small(made: dict[str, Report]) -> None:
    """Forty checkpoints in less than half a megabyte."""
    assert len(renderer("html")([made["long"]], STYLE)) < 500_000


def test_inspecting_a_checkpoint_shows_its_log(tmp_path: Path) -> None:
    """A sentence and a curve in a terminal, a plot on the page, a section in Markdown; nothing where nothing was logged."""
    run = write_run(tmp_path / "run", {40: grown(1.0)}, state(falling(), RISING))
    report = loradiag.inspect(run / "checkpoint-40")
    assert "best at step 20" in renderer("text")([report], STYLE)
    assert "Training log" in renderer("html")([report], STYLE)
    assert "### Training log" in renderer("markdown")([report], STYLE)
    for told in ("{", state({})):
        bare = loradiag.inspect(write_run(tmp_path / str(len(str(told))), {1: grown(1.0)}, told) / "checkpoint-1")
        assert "training log" not in renderer("text")([bare], STYLE).lower().replace("ld913", "").replace(
            "unreadable-log", ""
        )


def test_sparks_share_an_axis() -> None:
    """Columns are steps; the median of each; blanks where there is nothing, a mark where a value is not finite."""
    axis = Axis(0, 100, 10)
    assert spark([(0, 1.0), (50, 5.0), (100, 9.0)], axis) == "▁    ▅   █"
    assert spark([(0, 1.0), (1, 3.0), (2, 9.0), (99, None)], axis) == "▅        !"
    assert spark([], Axis(5, 5, 3)) == "   "
    assert ruler(axis, [(0, "·"), (100, "·"), (100, "▲")]) == "·        ▲"


def test_a_report_with_a_series_reads_back(made: dict[str, Any]) -> None:
    """As it was written, and it can be judged again."""
    from loradiag.core.report import decode, encode

    for report in made.values():
        (again,) = decode(encode(report))
        assert again == report
        assert loradiag.judge(again).findings == report.findings


def test_how_sure_a_fall_is_stands_beside_it(tmp_path: Path) -> None:
    """In every format for people, as the report has it; a report without it says the losses alone."""
    losses = {step: loss + (0.05 if step % 3 else -0.05) for step, loss in falling().items()}
    report = loradiag.trajectory(write_run(tmp_path, told=state(losses, RISING)))
    log = report.measurements.training_log
    assert log is not None
    assert log.course is not None
    assert log.level is not None
    smoothed = f"smoothed, {log.level.start:.2f} → {log.level.end:.2f}"
    fall = f"falls by {log.course.fall:.3f} ± {log.course.fall_error:.3f}"
    assert f"{smoothed} (± {log.course.level_error:.2f})" in "; ".join(story(report).more)
    for name in ("markdown", "html"):
        assert fall in renderer(name)([report], STYLE)
    old = msgspec.structs.replace(log, course=None)
    before = msgspec.structs.replace(
        report, measurements=msgspec.structs.replace(report.measurements, training_log=old)
    )
    assert f"{smoothed};" in "; ".join(story(before).more) + ";"
    assert "falls by" not in renderer("markdown")([before], STYLE)
