"""The site, built as CI builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytest.importorskip("mkdocs", reason="the site is built with loradiag[docs]")
pytest.importorskip("material", reason="the site is built with loradiag[docs]")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    return folder


def test_nothing_is_fetched_from_anybody(built: Path) -> None:
    """No page names a script, a style, an image or a frame of another host."""
    fetched = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert [url for url in fetched.findall(text) if 'rel="canonical"' not in text] == [], page
    for style in built.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_pages_are_there(built: Path) -> None:
    """Those by hand, those of the program, the schema and the index that is searched."""
    for name in (
        "index.html",
        "tutorial.html",
        "commands/drift/check.html",
        "rules/LD107.html",
        "report/drift.html",
        "report/report.schema.json",
        "search/search_index.json",
    ):
        assert (built / name).is_file(), name
    assert (built / "report" / "report.schema.json").read_bytes() == (ROOT / "loradiag/report.schema.json").read_bytes()


def test_formulas_are_drawn(built: Path) -> None:
    """No formula is left as it was written."""
    text = (built / "analyzers" / "spectrum.html").read_text(encoding="utf-8")
    assert text.count("<math") > 10
    assert "arithmatex" not in text
