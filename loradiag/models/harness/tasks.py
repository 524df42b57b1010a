"""Tasks by name, as lm-eval has them: built in, or from YAML files of the user's."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.errors import InputError, UsageError
from loradiag.core.lazy import require
from loradiag.core.text import listed, printable, shorten
from loradiag.models.harness.quiet import quietly

EXTRA = "forgetting"
_LOCAL = ("json", "csv", "parquet", "text", "arrow")
"""Kinds of files that datasets reads itself: they lie on this machine."""


class Group(msgspec.Struct, frozen=True):
    """Tasks that are one question together.

    Attributes:
        name: Of the group or tag.
        tasks: Names of its tasks, those of its groups included.
        metric: What it averages; None: the first metric of each task.
        by_documents: Whether each task counts by its documents, or all alike.
    """

    name: str
    tasks: Sequence[str]
    metric: str | None = None
    by_documents: bool = False


class Tasks(msgspec.Struct, frozen=True):
    """Tasks as lm-eval has loaded them, their groups, and which names the user gave."""

    tasks: Mapping[str, Any]
    groups: Sequence[Group]
    asked: frozenset[str]


def load_tasks(
    names: Sequence[str], include: Sequence[str | Path] = (), progress: Callable[[str], None] | None = None
) -> Tasks:
    """Load tasks and groups.

    The index of lm-eval's own tasks takes many seconds to read, and is read only for names that the given folders lack.

    Args:
        names: Of tasks, groups or tags, with ``*`` and ``?`` for several; or paths of YAML files.
        include: Folders of task definitions.
        progress: Told what is being done.

    Raises:
        UsageError: There is no task of that name; the nearest are named.
        InputError: A definition or its data cannot be had.
        MissingExtraError: lm-eval is not installed.
    """
    tell = progress or (lambda _what: None)
    for folder in include:
        if not Path(folder).is_dir():
            raise UsageError(f"--include-path {printable(str(folder))}: there is no such directory")
    with quietly():
        manager = _manager(names, [str(folder) for folder in include], tell)
        tasks: dict[str, Any] = {}
        groups: dict[str, Group] = {}
        asked: list[str] = []
        for name in _expanded(names, manager):
            tell(f"task {name}")
            loaded = _loaded(manager, name)
            tasks |= loaded["tasks"]
            found = list(_groups(loaded))
            groups |= {group.name: group for group in found}
            asked += _asked(name, loaded, groups)
    if not tasks:
        raise UsageError("--tasks: name at least one task")
    return Tasks(tasks, list(groups.values()), frozenset(asked))


def _asked(name: str, loaded: Mapping[str, Any], groups: dict[str, Group]) -> list[str]:
    """The name under which what was asked for is found; a tag becomes a group of its own."""
    if name in loaded["tasks"] or name in groups:
        return [name]
    tops = [group for group in groups if not any(group in children for children in loaded["group_map"].values())]
    if Path(name).is_file():  # a file names its task, or group, inside
        return [group for group in tops if group in loaded["group_map"]] or list(loaded["tasks"])
    groups[name] = Group(name, list(loaded["tasks"]))
    return [name]


def _manager(names: Sequence[str], include: Sequence[str], tell: Callable[[str], None]) -> Any:
    make = require("lm_eval.tasks", EXTRA).TaskManager
    local = make(include_path=include or None, include_defaults=False)
    if all(_known(name, local.all_tasks) for name in names):
        return local
    tell("lm-eval's index of tasks")
    return make(include_path=include or None)


def _known(name: str, known: Sequence[str]) -> bool:
    return name in known or Path(name).suffix in (".yaml", ".yml") or bool(fnmatch.filter(known, name))


def _expanded(names: Sequence[str], manager: Any) -> Iterator[str]:
    """Names with patterns replaced by the tasks that match them."""
    for name in dict.fromkeys(names):
        if name in manager.all_tasks or Path(name).is_file():
            yield name
            continue
        matches = fnmatch.filter(manager.all_subtasks, name) if set("*?[") & set(name) else []
        if not matches:
            close = difflib.get_close_matches(name, manager.all_tasks, n=3)
            hint = (
                f"did you mean {listed([printable(one) for one in close], 3)}?"
                if close
                else "--include-path names folders of task definitions"
            )
            raise UsageError(f"--tasks: there is no task {printable(name)!r}; {hint}")
        yield from matches


def _loaded(manager: Any, name: str) -> Any:
    try:
        return manager.load([name])
    except Exception as error:  # tasks are configurations with code, and datasets have many back ends
        raise _unloadable(manager, name, error) from error


def _unloadable(manager: Any, name: str, error: Exception) -> InputError:
    reason = shorten(printable(str(error).strip().partition("\n")[0] or type(error).__name__), 200)
    dataset = _dataset(manager, name)
    if dataset is None:
        remedy = "check the paths of its data: they are relative to the directory that you run in"
        return InputError(name, f"the task cannot be loaded ({reason})", remedy)
    arguments = ", ".join(f'"{printable(part)}"' for part in dataset)
    remedy = (
        f"on a machine with network run: python -c 'import datasets; datasets.load_dataset({arguments})', and copy its "
        "cache (~/.cache/huggingface, or HF_HOME) here"
    )
    return InputError(name, f"its dataset {printable(' '.join(dataset))} cannot be had ({reason})", remedy)


def _dataset(manager: Any, name: str) -> list[str] | None:
    """The dataset on the hub that a task is of, as arguments of ``load_dataset``; None if it is local or not told."""
    entry = getattr(manager, "task_index", {}).get(name)
    config = dict(getattr(entry, "cfg", None) or {})
    children = config.get("task")
    if isinstance(children, list) and children and isinstance(children[0], str) and children[0] != name:
        return _dataset(manager, children[0])
    path, variant = config.get("dataset_path"), config.get("dataset_name")
    if not isinstance(path, str) or path in _LOCAL or Path(path).exists():
        return None
    return [path, variant] if isinstance(variant, str) else [path]


def _groups(loaded: Mapping[str, Any]) -> Iterator[Group]:
    for name, group in loaded["groups"].items():
        first = next(iter(group.aggregate_metric_list or ()), None)
        yield Group(
            name,
            _leaves(name, loaded["group_map"]),
            first.metric if first else None,
            bool(first.weight_by_size) if first else False,
        )


def _leaves(group: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    found: list[str] = []
    for child in children[group]:
        found += _leaves(child, children) if child in children else [child]
    return list(dict.fromkeys(found))
