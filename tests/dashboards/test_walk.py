"""Every page in a real browser, on the demonstration: drawn, clicked, filtered, and an alarm acknowledged.

Screenshots lie in ``LORADIAG_SCREENSHOTS`` where that names a folder: look at them.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from loradiag_dashboard.navigation import PLACES

import loradiag
from loradiag.core.report import encode
from tests.conftest import MakeAdapter, peft_arrays
from tests.dashboards.serving import URL, canaries, checks
from tests.dashboards.walking import CHROMIUM, Reader, served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.models,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

ADDRESSES = {name: "" if place.default else name for name, place in PLACES.items()} | {
    "endpoint": "serving?of=endpoint"
}
WIDTHS = (1280, 1920)
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept."""
    folder = Path(os.environ.get("LORADIAG_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def place(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demonstration, in which an alarm may be acknowledged; with a canary and an endpoint."""
    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("walk") / "demo"))
    canaries(
        folder / "reports" / "canary", tmp_path_factory.mktemp("split") / "lake", old="ledger", new="next", harm=0.03
    )
    checks(folder / "reports" / "served", adapters=("chant", "grammar", "tiny"), silent="tiny", mended=True)
    return folder


@pytest.fixture(scope="module")
def address(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server that allows writes."""
    with served(place, tmp_path_factory.mktemp("cache"), "--allow-writes") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window."""
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def reader(browser: Any, address: str) -> Iterator[Reader]:
    """A fresh tab; in the end nothing has been asked of other machines, and no script has failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Reader(context.new_page(), address)
    yield found
    assert found.foreign == []
    assert found.complaints() == []
    context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_drawn(browser: Any, address: str, shots: Path, width: int, theme: str) -> None:
    """In both themes and at two widths, without an error, without a request to elsewhere, and not empty."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    reader = Reader(context.new_page(), address)
    for name, path in ADDRESSES.items():
        reader.open(path)
        assert reader.complaints() == [], name
        size = reader.picture(shots / f"{name}-{width}-{theme}.png")
        assert size > 40_000, name  # an empty page of this size takes some kilobytes
        assert len(reader.text()) > 200, name
    assert reader.foreign == []
    context.close()


def test_filters_live_in_the_address(reader: Reader) -> None:
    """What is searched for is in the URL, and a copy of the URL shows the same."""
    reader.open()
    field = reader.page.get_by_role("textbox", name="Search")
    field.fill("ledger")
    field.press("Enter")
    reader.settle()
    reader.page.wait_for_url("**/?*q=ledger*")
    told = next(line for line in reader.text().splitlines() if "the worst first" in line)
    reader.open("?q=ledger")
    assert told in reader.text()
    assert not told.startswith("29 of")


def test_a_click_opens_an_adapter(reader: Reader) -> None:
    """The first row is the one with the alarm; the page of the adapter names it."""
    reader.open()
    box = reader.page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    reader.page.mouse.click(box["x"] + 150, box["y"] + 52)
    reader.page.wait_for_url("**/adapter?adapter=*")
    reader.settle()
    assert "ledger" in reader.text()


def test_what_is_new_appears_by_itself(browser: Any, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Nobody touches the page of an empty folder: a first report is there a moment after it was written, then a second one."""
    report = loradiag.inspect(make_adapter())
    (tmp_path / "reports").mkdir()
    with served(tmp_path, tmp_path / "cache", "--every", "1") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        reader = Reader(context.new_page(), address)
        reader.open()
        assert "No report yet" in reader.text()
        for number in (1, 2):
            subject = msgspec.structs.replace(report.subject, path=f"a/{number}", sha256=f"{number}" * 64)
            made = encode(msgspec.structs.replace(report, subject=subject))
            (tmp_path / "reports" / f"{number}.json").write_bytes(made)
            reader.page.get_by_text(f"{number} of {number} adapter").wait_for(timeout=30_000)
        assert "No report yet" not in reader.text()
        assert reader.complaints() == []
        context.close()


def test_a_table_downloads(reader: Reader, tmp_path: Path) -> None:
    """A row an adapter, as the page shows them."""
    reader.open()
    with reader.page.expect_download() as waiting:
        reader.page.get_by_role("button", name="Download CSV").first.click()
    file = tmp_path / "fleet.csv"
    waiting.value.save_as(file)
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["adapter"] == "ledger"
    count = next(line for line in reader.text().splitlines() if "the worst first" in line).partition(" of")[0]
    assert len(rows) == int(count)


def test_the_pages_are_linked(reader: Reader) -> None:
    """From page to page by the navigation; the adapter that was chosen stays chosen."""
    reader.open()
    for name in ("Adapter", "Merge", "Forgetting", "Traffic", "Serving", "Alarms", "Compare", "Registry", "Fleet"):
        reader.page.get_by_role("link", name=name, exact=True).first.click()
        reader.settle()
        assert reader.complaints() == [], name


def test_an_alarm_is_acknowledged(reader: Reader, place: Path) -> None:
    """With a name and a reason; the watch's own list then has it."""
    [before] = [alarm for alarm in loradiag.alarms(place / "lake") if alarm.status == "open"]
    reader.open("alarms")
    reader.page.get_by_label("Your name").first.fill("Ada")
    reader.page.get_by_label("Reason").first.fill("new *campaign* <b>, retraining")
    reader.page.get_by_role("button", name="Acknowledge").first.click()
    reader.page.wait_for_timeout(1500)
    reader.settle()
    after = next(alarm for alarm in loradiag.alarms(place / "lake") if alarm.id == before.id)
    assert (after.status, after.by, after.why) == ("acknowledged", "Ada", "new *campaign* <b>, retraining")
    assert "new *campaign* <b>, retraining" in reader.text()


def test_an_address_in_a_text_is_no_link(reader: Reader) -> None:
    """Streamlit makes links of what looks like one, escaped or not: these look like text, and lead nowhere."""
    reader.open("serving?of=endpoint")
    assert URL in reader.text()
    found = reader.page.locator(f'a[href^="{URL}"]').evaluate_all(
        "links => links.map(link => [getComputedStyle(link).pointerEvents, getComputedStyle(link).textDecorationLine])"
    )
    assert all(styles == ["none", "none"] for styles in found)


def test_a_row_of_the_registry_shows_its_life(reader: Reader) -> None:
    """A click puts the adapter into the address, and its history is below; filters are in the address too."""
    reader.open("registry?stage=live")
    assert "2 of 33 adapters" in reader.text()
    before = reader.page.url
    box = reader.page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    reader.page.mouse.click(box["x"] + 15, box["y"] + 35 + 35 + 17)
    reader.page.wait_for_function("before => location.href !== before", arg=before)
    reader.settle()
    assert "stage=live" in reader.page.url
    assert reader.page.locator('[data-testid="stMain"] h3').first.inner_text().startswith("ledger")
    assert "Its life" in reader.text()


OWNED = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'<\\script>"


def test_names_of_strangers_run_nothing(browser: Any, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Neither as names of modules nor of adapters nor in findings, on any page, and no picture is asked for."""
    arrays = peft_arrays()
    arrays["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"][:] = 0
    arrays[f"base_model.model.{OWNED}"] = np.ones((2, 2), np.float32)
    report = loradiag.inspect(make_adapter(arrays))
    (tmp_path / "reports").mkdir()
    for number, name in enumerate((f"a/{OWNED}", "![x](http://a.example/x.png) [y](javascript:z) :red[w]")):
        subject = msgspec.structs.replace(report.subject, path=name, base=OWNED, sha256=f"{number}" * 64)
        (tmp_path / "reports" / f"{number}.json").write_bytes(encode(msgspec.structs.replace(report, subject=subject)))
    with served(tmp_path, tmp_path / "cache") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        reader = Reader(context.new_page(), address)
        for name, path in ADDRESSES.items():
            reader.open(path)
            assert reader.complaints() == [], name
            assert reader.page.title() != "owned", name
            assert reader.page.locator('[data-testid="stMain"] img[src="x"]').count() == 0, name
            assert reader.page.locator('a[href^="javascript"], a[href*="a.example"]').count() == 0, name
            if name in ("fleet", "adapter"):
                assert OWNED[:16] in reader.text(), name  # a long name is cut in its middle
        assert reader.foreign == []
        context.close()
