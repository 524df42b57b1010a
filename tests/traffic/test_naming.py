"""Adapter and base, from what logs call the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.traffic.naming import Names, attribute, names_of
from loradiag.traffic.request import Request


def named(names: Names, **request: Any) -> tuple[str | None, str | None]:
    """Adapter and base of a request."""
    made = Request(**request)
    attribute(made, names)
    return made.adapter, made.base


def test_a_model_is_an_adapter_unless_it_is_known_as_a_base() -> None:
    """With --base-model, without, and where nothing is logged."""
    names = Names(bases=frozenset({"llama"}))
    assert named(names, model="support") == ("support", None)
    assert named(names, model="llama") == (None, "llama")
    assert named(names) == (None, None)


def test_base_and_adapter_in_one_name() -> None:
    """Taken apart only where the first is known as a base: ``llama3:8b`` is a version elsewhere."""
    names = Names(bases=frozenset({"llama"}))
    assert named(names, model="llama:billing") == ("billing", "llama")
    assert named(names, model="qwen:7b") == ("qwen:7b", None)
    assert named(names, model="llama", adapter="billing") == ("billing", "llama")


def test_one_adapter_for_all_and_aliases() -> None:
    """--adapter says it for every request; --alias gives another name."""
    assert named(Names(adapter="a"), model="b") == ("a", None)
    names = names_of(None, (), None, ("svc=eu=support", "llama=plain"))
    assert named(names, model="svc=eu") == ("support", None)
    assert named(names, model="llama") == ("plain", None)
    with pytest.raises(UsageError, match="LOGGED=NAME"):
        names_of(None, (), None, ("x",))


def test_a_servers_list_of_models(tmp_path: Path) -> None:
    """Entries with a parent are its adapters, others are bases."""
    path = tmp_path / "models.json"
    listed = [{"id": "meta/llama", "root": "meta/llama", "parent": None}, {"id": "support", "parent": "meta/llama"}]
    path.write_text(json.dumps({"object": "list", "data": listed}))
    names = names_of(None, (), path, ())
    assert named(names, model="support") == ("support", "meta/llama")
    assert named(names, model="meta/llama") == (None, "meta/llama")
    for content in ("{", "{}", "[]", "3"):
        path.write_text(content)
        with pytest.raises(InputError, match=r"models\.json"):
            names_of(None, (), path, ())
