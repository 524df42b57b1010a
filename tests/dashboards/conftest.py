"""Pages of the dashboard as Streamlit runs them, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

import loradiag_dashboard
from loradiag_dashboard import source
from loradiag_dashboard.navigation import PLACES
from loradiag_dashboard.settings import Settings
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

APP = Path(loradiag_dashboard.__file__).with_name("app.py")

Show = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is remembered between runs lies in a folder of the test's own."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    yield
    source.forget()


@pytest.fixture
def show() -> Show:
    """Run a page: ``show("merge", reports=…, traffic=…, adapter=…)``; other words are parameters of its address."""

    def run(
        page: str,
        *,
        reports: Path | None = None,
        traffic: Path | None = None,
        watch: Path | None = None,
        registry: str | Path | None = None,
        allow_writes: bool = False,
        **parameters: str | list[str],
    ) -> AppTest:
        told = Settings(
            reports=str(reports) if reports else None,
            traffic=str(traffic) if traffic else None,
            state=str(watch) if watch else None,
            registry=str(registry) if registry else None,
            allow_writes=allow_writes,
        )
        source.configure(told)
        test = AppTest.from_file(str(APP), default_timeout=60)
        if not PLACES[page].default:
            test._page_hash = calc_hash(page)  # AppTest knows pages by their files only, and ours are functions
        for name, value in parameters.items():
            test.query_params[name] = value
        test.run()
        assert not test.exception, test.exception
        return test

    return run
