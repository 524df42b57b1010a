"""Adapters that are asked tasks beside their base, with what to ask in a file next to each."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import loradiag
from loradiag.core.findings import Finding
from tests.conftest import FIXTURES, ROOT, MakeAdapter

Make = Callable[[MakeAdapter, Path], Path]

OPTIONS = "ask.json"
TASKS = FIXTURES / "tasks"


def asked(name: str, tasks: list[str], include: Callable[[Path], Path] | None = None, **options: Any) -> Make:
    """An adapter of the fixtures, to be asked tasks beside the fixtures' base."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        folder = include(tmp) if include else TASKS
        adapter = Path(shutil.copytree(FIXTURES / "adapters" / name, tmp / "adapter"))
        call = {"base": str(FIXTURES / "base"), "tasks": tasks, "include_path": [str(folder)], "fit": False, **options}
        (tmp / OPTIONS).write_text(json.dumps(call))
        return adapter

    return build


def wrong_facts(tmp: Path) -> Path:
    """The facts of the fixtures with a wrong answer taken for the right one: a task that the base cannot do."""
    rows = [json.loads(line) for line in (TASKS / "toy_facts.jsonl").read_text().splitlines()]
    folder = tmp / "tasks"
    folder.mkdir()
    data = folder / "wrong.jsonl"
    data.write_text("".join(json.dumps(row | {"gold": (row["gold"] + 1) % 4}) + "\n" for row in rows))
    text = (TASKS / "toy_facts.yaml").read_text().replace("fixtures/tasks/toy_facts.jsonl", str(data))
    (folder / "wrong.yaml").write_text(text.replace("task: toy_facts", "task: wrong_facts"))
    return folder


def is_asked(adapter: Path) -> bool:
    """Whether it says beside it what to ask."""
    return (adapter.parent / OPTIONS).is_file()


def findings_of(adapter: Path) -> list[Finding]:
    """What rules say when it was asked."""
    call = json.loads((adapter.parent / OPTIONS).read_text())
    with contextlib.chdir(ROOT):  # paths in the fixtures' tasks are relative to it
        return loradiag.forgetting(adapter=adapter, **call).findings


PROVOKED: dict[str, Make] = {
    "LD701": asked("narrow_forgetting", ["toy_facts"], limit=60),
    "LD702": asked("healthy", ["toy_arithmetic"], limit=20),
    "LD706": asked("untrained", ["wrong_facts"], include=wrong_facts, limit=60),
}
"""What provokes the rules whose measurement is a real run."""
