"""Tasks by name, as lm-eval has them: built in, or from YAML files of the user's."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.errors import InputError, UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import listed, printable
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
        filter: The reading of the answers that it averages; None: the first of each task.
        by_documents: Whether each task counts by its documents, or all alike.
    """

    name: str
    tasks: Sequence[str]
    metric: str | None = None
    filter: str | None = None
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
        UsageError: There is no task of that name (the nearest are named), or one is asked in two ways.
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
            _check_alike(tasks, loaded["tasks"])
            tasks |= loaded["tasks"]
            found = list(_groups(loaded))
            groups |= {group.name: group for group in found}
            asked += _asked(name, loaded, groups)
    if not tasks:
        empty = listed([printable(name) for name in names], 3)
        raise UsageError(f"--tasks {empty}: has no tasks" if names else "--tasks: name at least one task")
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


def _check_alike(tasks: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """A group may change how its tasks are asked; under one name, answers to both would be mixed up."""
    for name in tasks.keys() & more.keys():
        if _config(tasks[name]) != _config(more[name]):
            raise UsageError(f"--tasks: {printable(name)} is asked in two ways, by a group and without; use two runs")


def _config(task: Any) -> bytes:
    config = {key: value for key, value in task.dump_config().items() if key != "metadata"}
    return msgspec.json.encode(config, enc_hook=lambda value: getattr(value, "__qualname__", str(type(value))))


def _manager(names: Sequence[str], include: Sequence[str], tell: Callable[[str], None]) -> Any:
    make = require("lm_eval.tasks", EXTRA).TaskManager
    local = make(include_path=include or None, include_defaults=False)
    unknown = [name for name, config in _reached(names, local.task_index) if config is None]
    if all(fnmatch.filter(local.all_tasks, name) for name in unknown):
        return local
    tell("lm-eval's index of tasks")
    return make(include_path=include or None)


def _reached(names: Sequence[str], index: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Names, and all that groups and tags among them name in turn; each with its definition, None where there is none."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            config = _definition(name, index)
            yield name, config
            waiting += _named(config or {})


def _definition(name: str, index: Mapping[str, Any]) -> Mapping[str, Any] | None:
    entry = index.get(name)
    if entry is not None:
        found: Mapping[str, Any] = {"task": sorted(entry.tags)} if entry.cfg is None else entry.cfg  # a tag has none
        return found
    return (_written(name) or {}) if Path(name).suffix in (".yaml", ".yml") else None


def _written(name: str) -> dict[str, Any] | None:
    """The definition that a file holds; None where there is none that can be read."""
    if not Path(name).is_file():
        return None
    try:
        config = require("lm_eval.tasks._yaml_loader", EXTRA).load_yaml(Path(name), resolve_func=False)
    except Exception:  # lm-eval says what is wrong with it when it is loaded
        return None
    return config if isinstance(config, dict) else None


def _named(config: Mapping[str, Any]) -> Iterator[str]:
    """What a group refers to by name. Tasks that are written out in it are not."""
    children = config.get("task")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, str):
            yield child
        elif isinstance(child, Mapping) and isinstance(child.get("task"), list):
            yield from _named(child)
        elif isinstance(child, Mapping) and not {"dataset_path", "class"} & child.keys():
            yield from (child[key] for key in ("task", "group") if isinstance(child.get(key), str))


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
    unknown = [child for child, config in _reached([name], manager.task_index) if config is None]
    if unknown:
        remedy = "mend its definition, or name the folder of that task: --include-path"
        raise InputError(name, f"is a group with a task that there is not: {printable(unknown[0])}", remedy)
    try:
        return manager.load([_registered(manager, name)])
    except Exception as error:  # tasks are configurations with code, and datasets have many back ends
        raise _unloadable(manager, name, error) from error


def _registered(manager: Any, name: str) -> str:
    """A name that lm-eval loads. Of a file that holds a group it would take the list of tasks for the group's name."""
    config = _written(name)
    if config is None or "group" not in config:
        return name
    entry = require("lm_eval.tasks._index", EXTRA).TaskIndex.entry_from_config(config)
    entry.yaml_path = Path(name)
    manager.task_index[entry.name] = entry
    return str(entry.name)


def _unloadable(manager: Any, name: str, error: Exception) -> InputError:
    reason = reason_of(error, 200)
    dataset = _dataset(manager, name)
    if dataset is None:
        remedy = "check its definition, and the paths of its data: they are relative to the directory that you run in"
        return InputError(name, f"the task cannot be loaded ({reason})", remedy)
    arguments = ", ".join(f'"{printable(part)}"' for part in dataset)
    remedy = (
        f"on a machine with network run: python -c 'import datasets; datasets.load_dataset({arguments})', and copy its "
        "cache (~/.cache/huggingface, or HF_HOME) here"
    )
    return InputError(name, f"its dataset {printable(' '.join(dataset))} cannot be had ({reason})", remedy)


def _dataset(manager: Any, name: str) -> list[str] | None:
    """The first dataset on the hub that a task, a group or a tag is of, as arguments of ``load_dataset``; None without one."""
    for _, config in _reached([name], manager.task_index):
        path, variant = ((config or {}).get(key) for key in ("dataset_path", "dataset_name"))
        if isinstance(path, str) and path not in _LOCAL and not Path(path).exists():
            return [path, variant] if isinstance(variant, str) else [path]
    return None


def _groups(loaded: Mapping[str, Any]) -> Iterator[Group]:
    for name, group in loaded["groups"].items():
        first = next(iter(group.aggregate_metric_list or ()), None)
        yield Group(
            name,
            _leaves(name, loaded["group_map"]),
            first.metric if first else None,
            next(iter(first.filter_list or ()), None) if first else None,
            bool(first.weight_by_size) if first else False,
        )


def _leaves(group: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    found: list[str] = []
    for child in children[group]:
        found += _leaves(child, children) if child in children else [child]
    return list(dict.fromkeys(found))
