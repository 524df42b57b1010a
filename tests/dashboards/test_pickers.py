"""The adapter that is looked at goes with the reader from page to page."""

from __future__ import annotations

from pathlib import Path

from loradiag_dashboard.source import overview
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.dashboards.conftest import Show
from tests.dashboards.putting import put, said
from tests.outputs import forgetting_reports, merge_reports


def three(folder: Path) -> None:
    """Three adapters with both kinds of reports."""
    for place, name in enumerate(("alpha", "beta", "gamma")):
        put(folder, merge_reports.by_outputs()[0], f"runs/{name}", sha256=f"{place:02x}" * 32)
        put(folder, forgetting_reports.plain()[0], f"runs/{name}", sha256=f"{place:02x}" * 32)


def keys() -> dict[str, str]:
    """Keys of all adapters by their names."""
    return {row.name: row.key for row in overview().rows}


def turn(page: AppTest, name: str) -> AppTest:
    """Go to another page of the same session, as the bar above does: without parameters."""
    page._page_hash = calc_hash(name)
    page.query_params.clear()
    return page.run()


def test_the_adapter_goes_along(show: Show, tmp_path: Path) -> None:
    """From one page to the next and back, whichever was first in the list; the address says it."""
    three(tmp_path)
    page = show("forgetting", reports=tmp_path)
    page.selectbox(key="picker").set_value(keys()["gamma"]).run()
    for name in ("merge", "forgetting"):
        turn(page, name)
        assert page.selectbox(key="picker").value == keys()["gamma"]
        assert page.query_params["adapter"] == keys()["gamma"]
        assert not page.exception


def test_a_link_goes_before_what_was_chosen(show: Show, tmp_path: Path) -> None:
    """A link to a page names the adapter, and a reader may choose another there."""
    three(tmp_path)
    page = show("forgetting", reports=tmp_path)
    page._page_hash = calc_hash("merge")
    page.query_params["adapter"] = keys()["beta"]
    page.run()
    assert page.selectbox(key="picker").value == keys()["beta"]
    page.selectbox(key="picker").set_value(keys()["alpha"]).run()
    assert page.selectbox(key="picker").value == keys()["alpha"]
    assert page.query_params["adapter"] == keys()["alpha"]
    assert "Deploy as nf4" in said(page)
