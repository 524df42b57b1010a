"""Tasks by name: local ones without lm-eval's own, patterns, tags, groups, files, and what is wrong with a definition."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.models.harness.tasks import Group, Tasks, load_tasks
from tests.conftest import FIXTURES
from tests.models.harness.making import CHOICE, write_group, write_task

pytestmark = pytest.mark.models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three tasks, two tags."""
    folder = tmp_path / "mine"
    folder.mkdir()
    write_task(folder, "red", tag="warm")
    write_task(folder, "orange", tag=["warm", "fruit"])
    write_task(folder, "blue")
    return folder


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders whose definitions were read."""
    from lm_eval.tasks._index import TaskIndex

    found: list[Path] = []
    build = TaskIndex.build

    def noted(_self: Any, paths: Any, **options: Any) -> Any:
        found.extend(paths)
        return build(paths, **options)

    monkeypatch.setattr(TaskIndex, "build", noted)
    return found


@pytest.fixture
def built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of lm-eval's own thousands of tasks."""
    from lm_eval.tasks import manager

    folder = tmp_path / "built_in"
    folder.mkdir()
    monkeypatch.setattr(manager, "__file__", str(folder / "manager.py"))
    return folder


def names_of(found: Tasks) -> list[str]:
    """Of the tasks, in order."""
    return list(found.tasks)


@pytest.mark.parametrize(
    ("names", "tasks", "asked"),
    [
        (["blue"], ["blue"], ["blue"]),
        (["blue", "red", "blue"], ["blue", "red"], ["blue", "red"]),
        (["*e*"], ["blue", "orange", "red"], ["blue", "orange", "red"]),
        (["re?"], ["red"], ["red"]),
        (["[br]*"], ["blue", "red"], ["blue", "red"]),
        (["warm"], ["orange", "red"], ["warm"]),
        (["fruit", "orange"], ["orange"], ["fruit", "orange"]),
    ],
)
def test_names(folder: Path, scanned: list[Path], names: list[str], tasks: list[str], asked: list[str]) -> None:
    """Tasks, patterns of tasks, tags; lm-eval's own are not even looked at."""
    told: list[str] = []
    found = load_tasks(names, [folder], told.append)
    assert (names_of(found), sorted(found.asked)) == (tasks, sorted(asked))
    assert scanned == [folder]
    assert "lm-eval's index of tasks" not in told


def test_a_tag_is_a_group_without_a_metric(folder: Path) -> None:
    """Whose tasks count alike."""
    assert load_tasks(["warm"], [folder]).groups == [Group("warm", ["orange", "red"])]


@pytest.mark.parametrize("by_size", [True, False])
def test_groups(folder: Path, by_size: bool) -> None:
    """With what they average and how tasks weigh; tasks are only asked as parts."""
    write_group(folder, "all", ["red", "blue"], "acc", weight_by_size=by_size)
    found = load_tasks(["all"], [folder])
    assert found.groups == [Group("all", ["red", "blue"], "acc", by_documents=by_size)]
    assert (names_of(found), found.asked) == (["red", "blue"], {"all"})


def test_a_group_of_one_reading_of_the_answers(folder: Path) -> None:
    """Tasks with several filters have a score for each."""
    write_group(folder, "all", ["red"], "exact_match", filter_list=["strict-match"])
    (group,) = load_tasks(["all"], [folder]).groups
    assert (group.metric, group.filter, group.by_documents) == ("exact_match", "strict-match", True)


def test_groups_in_groups(folder: Path) -> None:
    """The outer one has all tasks, each once; the inner ones are there too."""
    write_group(folder, "inner", ["red", "orange"], "acc")
    write_group(folder, "outer", ["inner", {"group": "own", "task": ["blue", "red"]}, "warm"], "acc")
    found = load_tasks(["outer"], [folder])
    parts = {group.name: group.tasks for group in found.groups}
    assert parts == {
        "outer": ["red", "orange", "blue"],
        "inner": ["red", "orange"],
        "outer::own": ["blue", "red"],
    }
    assert found.asked == {"outer"}


def test_files(folder: Path, scanned: list[Path]) -> None:
    """Of a task, and of a group whose tasks are in a folder that was named."""
    found = load_tasks([str(folder / "red.yaml")])
    assert (names_of(found), found.asked) == (["red"], {"red"})
    away = folder.parent / "away"
    away.mkdir()
    file = write_group(away, "all", ["red", "blue"], "acc")
    found = load_tasks([str(file)], [folder])
    assert (names_of(found), found.asked) == (["red", "blue"], {"all"})
    assert found.groups == [Group("all", ["red", "blue"], "acc", by_documents=True)]
    assert set(scanned) <= {folder}


def test_a_group_may_name_tasks_of_lm_evals_own(folder: Path, built_in: Path, scanned: list[Path]) -> None:
    """Only then they are looked at."""
    write_task(built_in, "theirs")
    write_group(folder, "deep", ["red", "theirs"])
    write_group(folder, "mixed", ["deep", {"task": "blue", "num_fewshot": 1}])
    assert names_of(load_tasks(["blue"], [folder])) == ["blue"]
    assert built_in not in scanned
    found = load_tasks(["mixed"], [folder])
    assert names_of(found) == ["red", "theirs", "blue"]
    assert built_in in scanned


def test_a_group_may_hold_tasks_of_its_own(folder: Path, scanned: list[Path]) -> None:
    """Written out in it: nothing else is looked for."""
    task = json.loads((folder / "red.yaml").read_text()) | {"task": "pink"}
    write_group(folder, "all", ["red", {key: value for key, value in task.items() if key != "tag"}])
    assert names_of(load_tasks(["all"], [folder])) == ["red", "all::pink"]
    assert scanned == [folder]


def test_unknown_names(folder: Path, built_in: Path, scanned: list[Path]) -> None:
    """The nearest are named, from all tasks; patterns that match nothing are unknown too."""
    write_task(built_in, "reddish")
    with pytest.raises(UsageError, match=r"no task 'redd'; did you mean red, reddish\?"):
        load_tasks(["redd"], [folder])
    assert built_in in scanned
    for name in ("zzz*", "\x1b[31mzzz"):
        with pytest.raises(UsageError, match="--include-path names folders") as error:
            load_tasks([name], [folder])
        assert "\x1b" not in str(error.value)


def test_names_of_files_that_do_not_exist(folder: Path, scanned: list[Path]) -> None:
    """Are not looked for among tasks."""
    with pytest.raises(UsageError, match=r"no task '/nowhere/x\.yaml'"):
        load_tasks(["/nowhere/x.yaml"], [folder])
    assert scanned == [folder]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """Is named."""
    with pytest.raises(UsageError, match=r"--include-path .*there is no such directory"):
        load_tasks(["red"], [tmp_path / "nowhere"])


def test_nothing_to_ask(folder: Path) -> None:
    """No names, or names of groups that are empty."""
    write_group(folder, "empty", [])
    with pytest.raises(UsageError, match="name at least one task"):
        load_tasks([], [folder])
    with pytest.raises(UsageError, match="--tasks empty: has no tasks"):
        load_tasks(["empty"], [folder])


def test_a_task_that_is_asked_in_two_ways(folder: Path) -> None:
    """A group may change how its tasks are asked: under one name, answers would be mixed up."""
    write_group(folder, "plain", ["red", "blue"])
    write_group(folder, "shots", [{"task": "red", "num_fewshot": 3}])
    assert names_of(load_tasks(["plain", "red"], [folder])) == ["red", "blue"]
    with pytest.raises(UsageError, match="red is asked in two ways"):
        load_tasks(["shots", "red"], [folder])
    with pytest.raises(UsageError, match="red is asked in two ways"):
        load_tasks(["plain", "shots"], [folder])


@pytest.mark.parametrize("how", ["task", "group", "nested", "tag", "file"])
def test_a_dataset_that_cannot_be_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str, scanned: list[Path]
) -> None:
    """The message names it, and how to fetch it; whatever name it was asked by."""
    import datasets

    read = datasets.load_dataset

    def offline(path: str | None = None, **options: Any) -> Any:
        if path == "json":
            return read(path=path, **options)
        raise ConnectionError("Couldn't reach the hub\nat all")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    distant = {**CHOICE, "dataset_path": "someone/dataset", "dataset_name": "small", "dataset_kwargs": None}
    file = write_task(folder, "distant", tag="far", **distant)
    write_group(folder, "group", ["red", "distant"])
    write_group(folder, "nested", ["group"])
    name = {"task": "distant", "tag": "far", "file": str(file)}.get(how, how)
    with pytest.raises(InputError) as error:
        load_tasks([name], [folder])
    said = str(error.value)
    assert "Couldn't reach the hub" in said
    assert "\n" not in said
    assert "its dataset someone/dataset small cannot be had" in said
    assert 'load_dataset("someone/dataset", "small")' in said
    assert scanned == [folder]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset_kwargs": {"data_files": {"test": "/nowhere/x.jsonl"}}}, "/nowhere/x.jsonl"),
        ({"test_split": "exam"}, "exam"),
        ({"output_type": "telepathy"}, "telepathy"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_definitions_that_are_wrong(folder: Path, fields: dict[str, Any], said: str) -> None:
    """One line that says what, and that paths are relative."""
    write_task(folder, "wrong", **{**CHOICE, **fields})
    with pytest.raises(InputError, match="wrong: the task cannot be loaded") as error:
        load_tasks(["wrong"], [folder])
    assert said in str(error.value)
    assert "relative to the directory" in str(error.value)


def test_a_group_with_a_task_that_there_is_not(folder: Path, built_in: Path) -> None:
    """Is named with it."""
    write_group(folder, "hollow", ["red", "reed"])
    write_group(folder, "outer", ["hollow"])
    for name in ("hollow", "outer", str(folder / "hollow.yaml")):
        with pytest.raises(InputError, match="a group with a task that there is not: reed"):
            load_tasks([name], [folder])


def test_groups_that_hold_each_other(folder: Path) -> None:
    """Are an error of one line, and no endless search."""
    write_group(folder, "one", ["two"])
    write_group(folder, "two", ["one", "red"])
    with pytest.raises(InputError, match="one: the task cannot be loaded"):
        load_tasks(["one"], [folder])


def test_tasks_of_the_fixtures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their data's paths are relative to where one is."""
    found = load_tasks(["toy_*"], [FIXTURES / "tasks"])
    assert sorted(found.tasks) == ["toy_agreement_far", "toy_agreement_near", "toy_arithmetic", "toy_facts"]
    assert len(found.tasks["toy_facts"].eval_docs) == 240
    shutil.copy(FIXTURES / "tasks" / "toy_facts.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="relative to the directory that you run in"):
        load_tasks(["toy_facts"], [tmp_path])
