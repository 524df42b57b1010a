"""The page of the registry: full, empty, not there, unreachable, hostile, and large."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("sqlalchemy", reason="the registry extra is not installed")

from loradiag_dashboard.navigation import PLACES
from loradiag_dashboard.views.registered.life import marks_frame, stages_frame
from streamlit.testing.v1 import AppTest

import loradiag
from loradiag.core.report import encode
from loradiag.registry.lifecycle import Change, Result
from tests.conftest import FIXTURES
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, metrics, said, table_with
from tests.dashboards.serving import recorded
from tests.outputs.samples import HOSTILE
from tests.registry.building import inspection, sha

ADAPTERS = FIXTURES / "adapters"
NOWHERE = "postgresql://me:hunter2@127.0.0.1:1/fleet"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a registry may lie."""
    return tmp_path / "registry.sqlite"


def listed(page: AppTest) -> list[str]:
    """The adapters in the table."""
    return list(table_with(page, "lacks")["adapter"])


def test_what_is_known_of_every_adapter(show: Show, place: Path) -> None:
    """A row each, and of the one in the address its stages over time, its results and its events."""
    sha256 = recorded(place, [ADAPTERS / "healthy", ADAPTERS / "partly_dead"], "healthy")
    page = show("registry", registry=place, entry=sha256)
    table = table_with(page, "lacks").set_index("adapter")
    assert table.loc["healthy", ["stage", "verdict", "owner", "lacks"]].tolist() == [
        ["● live"],
        "✓ pass",
        "mira",
        "data",
    ]
    assert list(table.loc["partly_dead", "stage"]) == []
    assert table.loc["partly_dead", "verdict"] == "✗ fail"
    assert metrics(page)["Adapters"] == "2"
    assert metrics(page)["● live"] == "1"
    assert metrics(page)["✗ Failing"] == "1"
    events = table_with(page, "who")["what"]
    assert events.str.startswith("first seen at").any()
    assert "stage: canary → live (it passed)" in list(events)
    results = table_with(page, "times").set_index("task")
    assert results.loc["toy_sums", ["score", "times"]].tolist() == pytest.approx([0.64, 3])
    assert list(table_with(page, "decided by")["kind"]) == ["inspect"]


def test_a_life_in_frames(place: Path) -> None:
    """Each stage lasts until the next, the last until now; marks are reports and what was said."""
    sha256 = recorded(place, [ADAPTERS / "healthy"], "healthy")
    with loradiag.open_registry(place) as registry:
        found = registry.show(sha256)
    stages = stages_frame(found)
    assert list(stages["stage"]) == ["staging", "canary", "live"]
    assert list(stages["until"][:2]) == list(stages["time"][1:])
    assert (stages["until"] >= stages["time"]).all()
    marks = marks_frame(found)
    assert list(marks[marks["lane"] == "inspect"]["status"]) == ["✓ pass"]
    assert set(marks[marks["lane"] == "said"]["status"]) == {"seen", "owner", "tag", "evaluation"}


def test_filters(show: Show, place: Path) -> None:
    """By text, stage, base and failing; together they narrow, and what is left may be nothing."""
    with loradiag.open_registry(place) as registry:
        registry.record(
            [
                (inspection("one"), None, None),
                (inspection("two", failing=True, base="owner/Base-1B"), None, None),
                (inspection("three"), None, None),
            ]
        )
        registry.set([sha("one")], Change(stage="live", owner="Mira", tags=("gold",)), who="ann", why="so")
    assert sorted(listed(show("registry", registry=place))) == ["one", "three", "two"]
    assert listed(show("registry", registry=place, find="MIRA")) == ["one"]
    assert listed(show("registry", registry=place, stage="live")) == ["one"]
    assert sorted(listed(show("registry", registry=place, stage="none"))) == ["three", "two"]
    assert listed(show("registry", registry=place, on="owner/Base-1B")) == ["two"]
    assert listed(show("registry", registry=place, failing="true")) == ["two"]
    page = show("registry", registry=place, find="gold", failing="true")
    assert "No adapter is left" in said(page)


def test_the_way_to_the_same_weights(show: Show, place: Path, tmp_path: Path) -> None:
    """An adapter that reports tell of has a link to its page."""
    sha256 = recorded(place, [ADAPTERS / "healthy"], "healthy")
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "healthy.json").write_bytes(encode(loradiag.inspect(ADAPTERS / "healthy")))
    page = show("registry", registry=place, reports=folder, entry=sha256)
    assert any("Its reports and traffic" in element.proto.label for element in page.get("page_link"))


def test_without_a_registry_there_is_something_to_read(show: Show, place: Path, tmp_path: Path) -> None:
    """What to run, where none is shown and where it is empty; and the other way round."""
    assert "registry add" in said(show("registry", reports=tmp_path))
    with loradiag.open_registry(place):
        pass
    page = show("registry", registry=place)
    assert "The registry is empty" in said(page)
    assert str(place) in "".join(element.value for element in page.code)
    assert "Only a registry is shown" in said(show("fleet", registry=place))


@pytest.mark.parametrize("where", ["nowhere.sqlite", NOWHERE, "torn.sqlite"])
def test_what_cannot_be_read_is_one_line_and_breaks_nothing(show: Show, tmp_path: Path, where: str) -> None:
    """On its own page and on top of the others, which are as ever; without what the URL keeps secret."""
    (tmp_path / "torn.sqlite").write_bytes(b"not a database" * 500)
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "healthy.json").write_bytes(encode(loradiag.inspect(ADAPTERS / "healthy")))
    registry = where if "://" in where else tmp_path / where
    page = show("registry", registry=registry, reports=folder)
    assert len(page.error) == 1
    assert "\n" not in page.error[0].value
    assert "hunter2" not in said(page)
    for name in PLACES:
        began = time.monotonic()
        page = show(name, registry=registry, reports=folder)
        assert time.monotonic() - began < 30
        if name == "fleet":
            assert list(table_with(page, "adapter")["adapter"]) == ["healthy"]


def test_text_of_strangers_stays_text(show: Show, place: Path) -> None:
    """Names, owners, tags, notes, reasons, tasks and paths."""
    made = inspection("x")
    subject = msgspec.structs.replace(made.subject, path=HOSTILE, base=HOSTILE, method=HOSTILE)
    with loradiag.open_registry(place) as registry:
        registry.record([(msgspec.structs.replace(made, subject=subject), None, None)])
        change = Change(
            stage="live",
            owner=HOSTILE,
            label=HOSTILE,
            notes=HOSTILE,
            tags=(HOSTILE,),
            results=tuple(Result(HOSTILE, value, HOSTILE) for value in (0.5, 0.6)),
        )
        registry.set([sha("x")], change, who=HOSTILE, why=HOSTILE)
    assert_harmless(show("registry", registry=place))


def test_many(show: Show, place: Path) -> None:
    """Eight hundred adapters are drawn in a second or two, whichever is looked at."""
    with loradiag.open_registry(place) as registry:
        registry.record([(inspection(f"adapter-{number}"), None, None) for number in range(800)])
    show("registry", registry=place)
    began = time.monotonic()
    page = show("registry", registry=place, find="adapter-7", entry=sha("adapter-700"))
    assert time.monotonic() - began < 10
    assert len(listed(page)) == 111
    assert "adapter\\-700" in said(page)
