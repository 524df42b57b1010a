"""A registry that is looked at again and again: what is new, what is wrong, and what is never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from loradiag.api.registryview import RegistryView, courses, happened, verdict_of
from loradiag.core.errors import InputError, UsageError
from loradiag.registry.lifecycle import Change, Result
from loradiag.registry.recording import record_all
from loradiag.registry.store import Store
from tests.registry.building import evaluated, inspection, score, sha


def test_what_is_new_is_told(store: Store, where: str) -> None:
    """Once each; nothing is new where nothing changed."""
    view = RegistryView(where)
    assert not view.wait(0)
    assert view.refresh()
    assert view.wait(0)
    assert (view.rows, view.trouble, view.version) == ([], None, 1)
    assert not view.refresh()
    record_all(store, [(inspection("one"), None, None), (inspection("two", failing=True), None, None)])
    assert view.refresh()
    assert {row.name: verdict_of(row) for row in view.rows} == {"one": "pass", "two": "fail"}
    assert view.version == 2
    assert view.read is not None


def test_all_of_one(store: Store, where: str) -> None:
    """Results by what can be compared, and every event in a line."""
    from loradiag.api.registry import Registry

    record_all(
        store,
        [
            (evaluated("one", score(value=value), created=f"2026-08-0{day}T00:00:00Z"), None, None)
            for day, value in ((1, 0.6), (2, 0.7))
        ],
    )
    Registry(store).set([sha("one")], Change(stage="staging", results=(Result("said", 0.5),)), who="ann", why="new")
    found = RegistryView(where).detail(sha("one"))
    assert [(one.task, [row.value for row in one.results]) for one in courses(found.evaluations)] == [
        ("toy", [0.6, 0.7]),
        ("said", [0.5]),
    ]
    assert happened(found)[-2:] == ["stage: staging (new)", "evaluation: said = 0.5 (new)"]
    with pytest.raises(InputError, match="no adapter of the registry"):
        RegistryView(where).detail("0" * 64)


def test_none_is_made(tmp_path: Path) -> None:
    """What is not there is said, and appears once somebody has made it."""
    from loradiag.registry.store import open_store

    place = tmp_path / "registry.sqlite"
    view = RegistryView(str(place))
    assert view.refresh()
    assert view.trouble is not None
    assert "does not exist; make a registry" in view.trouble
    assert not view.refresh(), "the same trouble is nothing new"
    assert not place.exists()
    open_store(place).close()
    assert view.refresh()
    assert (view.trouble, view.rows) == (None, [])


def test_the_last_state_stays(store: Store, tmp_path: Path) -> None:
    """Where the file is damaged afterwards, with the reason beside it."""
    record_all(store, [(inspection("one"), None, None)])
    path = tmp_path / "copy.sqlite"
    if store.name.startswith("postgresql"):
        pytest.skip("a server's files are the server's")
    store.close()
    path.write_bytes((tmp_path / "registry.sqlite").read_bytes())
    view = RegistryView(str(path))
    view.refresh()
    path.write_bytes(b"no database at all" * 400)
    assert view.refresh()
    assert [row.name for row in view.rows] == ["one"]
    assert view.trouble is not None
    assert "cannot be used as a registry" in view.trouble


def test_a_server_that_is_not_there() -> None:
    """Is a line, without what the URL keeps secret; a URL of something else is an error at once."""
    view = RegistryView("postgresql://me:hunter2@127.0.0.1:1/fleet")
    assert view.refresh()
    assert view.trouble is not None
    assert len(view.trouble.splitlines()) == 1
    assert "hunter2" not in view.trouble + view.name
    with pytest.raises(UsageError, match="name a file, or a database"):
        RegistryView("https://a.example/registry")
