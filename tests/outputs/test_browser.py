"""The HTML page in a real browser: its script runs under its own content policy, and hostile names stay text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.outputs import renderer
from loradiag.outputs.style import Style
from tests.conftest import MakeAdapter, peft_arrays
from tests.outputs import forgetting_reports, merge_reports, samples, traffic_reports

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def browse(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page headless and return what the browser printed: the document after scripts ran, and its console."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--enable-logging=stderr", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def page(make_adapter: MakeAdapter, tmp_path: Path) -> Path:
    """A page about an adapter with a dead module and a name that wants to be a script."""
    arrays = peft_arrays()
    arrays["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"][:] = 0
    arrays["base_model.model.<script>document.title='owned'</script>"] = np.ones((2, 2), np.float32)
    report = loradiag.inspect(make_adapter(arrays))
    file = tmp_path / "report.html"
    file.write_text(renderer("html")([report], Style()), encoding="utf-8")
    return file


def test_script_runs_and_hostile_names_do_not(page: Path, tmp_path: Path) -> None:
    """The page's own script adds its tooltip; the name's does not run; no policy violation and no error is logged."""
    done = browse(page, tmp_path / "profile", "--dump-dom")
    assert 'id="tip"' in done.stdout
    assert 'id="tip"' not in page.read_text()
    assert "<title>owned</title>" not in done.stdout
    assert "&lt;script&gt;" in done.stdout
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == []


def test_page_is_drawn(page: Path, tmp_path: Path) -> None:
    """A screenshot is not blank: an empty page of this size compresses to a few kilobytes."""
    shot = tmp_path / "shot.png"
    browse(page, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,1600")
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 40_000


DRIFT = {
    "outputs": merge_reports.by_outputs,
    "weights": merge_reports.by_weights,
    "compared": merge_reports.compared,
    "stored": merge_reports.stored,
    "large": merge_reports.large,
    "extreme": merge_reports.extreme,
    "hostile": lambda: merge_reports.hostile(samples.HOSTILE),
}
PROBE = """<script>
const boxes = [...document.querySelectorAll("svg.strips,svg.tradeoff,svg.plane")].flatMap((svg) => {
  const view = svg.viewBox.baseVal;
  const turned = (part) => part.transform.baseVal.consolidate()?.matrix.b;
  return [...svg.querySelectorAll("text,path.mark")].filter((part) => !turned(part)).map((part) => {
    const box = part.getBBox(), at = part.transform.baseVal.consolidate();
    const [x, y] = at ? [at.matrix.e, at.matrix.f] : [0, 0];
    return [box.x + x, box.y + y, box.x + x + box.width - view.width, box.y + y + box.height - view.height, part.textContent];
  });
});
const texts = [...document.querySelectorAll("svg.strips,svg.tradeoff,svg.plane")].flatMap((svg) =>
  [...svg.querySelectorAll("text")].map((part) => [part.textContent, part.getBoundingClientRect()]));
const touching = texts.flatMap(([a, p], i) => texts.slice(i + 1).filter(([b, q]) =>
  p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3).map(([b]) => a + " / " + b));
const said = {
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  outside: boxes.filter((box) => box[0] < -1 || box[1] < -1 || box[2] > 1 || box[3] > 1),
  touching: touching,
  tips: document.querySelectorAll(".map td[data-tip]").length,
  titles: document.querySelectorAll(".line title, .map td[title]").length,
  buttons: document.querySelectorAll(".routes thead button").length,
  filters: document.querySelectorAll(".filter").length,
};
document.body.dataset.said = JSON.stringify(said);
</script>"""
"""Measures the page when it is laid out; the policy that forbids it is taken out first."""


def laid_out(text: str, tmp_path: Path, width: int) -> dict[str, Any]:
    """What the probe says of a page at a width of the window."""
    file = tmp_path / f"probe-{width}.html"
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    file.write_text(bare.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    done = browse(file, tmp_path / f"profile-{width}", "--dump-dom", f"--window-size={width},1000")
    found = re.search(r'data-said="([^"]*)"', done.stdout)
    assert found, done.stderr
    said: dict[str, Any] = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    return said


@pytest.mark.parametrize("name", DRIFT)
def test_merge_drift_is_laid_out_within_the_page(name: str, tmp_path: Path) -> None:
    """No page is wider than its window, no label leaves its drawing or touches another; tooltips were taken over."""
    text = renderer("html")(DRIFT[name](), Style())
    for width in (1280, 520):
        said = laid_out(text, tmp_path, width)
        assert said["wide"] <= 0
        assert said["outside"] == []
        assert said["touching"] == []
        assert said["titles"] == 0
    assert said["tips"] == len(
        re.findall(r'<td class="[^"]*" title=', text.partition("survives where")[2].partition("</section>")[0])
    )
    assert said["filters"] == 0


def test_merge_drift_runs_under_its_policy(tmp_path: Path) -> None:
    """No violation and no error is logged; columns of the table can be sorted."""
    file = tmp_path / "drift.html"
    file.write_text(renderer("html")(DRIFT["outputs"](), Style()), encoding="utf-8")
    done = browse(file, tmp_path / "profile", "--dump-dom")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert done.stdout.count('Sort by this column">') == 11
    assert 'title="Bits that an entry of a linear weight takes' in done.stdout


ASKED = {
    **{name: forgetting_reports.CASES[name] for name in ("plain", "grouped", "served", "weaker", "remembered", "odd")},
    "long": forgetting_reports.long,
    "hostile": lambda: forgetting_reports.hostile(samples.HOSTILE),
}


@pytest.mark.parametrize("name", ASKED)
def test_forgetting_is_laid_out_within_the_page(name: str, tmp_path: Path) -> None:
    """No page is wider than its window, no label leaves its drawing or touches another, also in parts that open."""
    text = renderer("html")(ASKED[name](), Style()).replace("<details", "<details open")
    for width in (1280, 520):
        said = laid_out(text, tmp_path, width)
        assert said["wide"] <= 0
        assert said["outside"] == []
        assert said["touching"] == []
        assert said["titles"] == 0


def test_forgetting_runs_under_its_policy(tmp_path: Path) -> None:
    """No violation and no error is logged; scores can be sorted, and many filtered."""
    file = tmp_path / "asked.html"
    file.write_text(renderer("html")(forgetting_reports.grouped(), Style()), encoding="utf-8")
    done = browse(file, tmp_path / "profile", "--dump-dom")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert done.stdout.count('class="filter"') == 1
    assert 'title="Where the difference lies with 95% confidence. Sort by this column"' in done.stdout


def test_hostile_answers_stay_text(tmp_path: Path) -> None:
    """Prompts and answers come from data sets, and models write what they like."""
    file = tmp_path / "hostile.html"
    named = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    file.write_text(renderer("html")(forgetting_reports.hostile(named), Style()), encoding="utf-8")
    done = browse(file, tmp_path / "profile", "--dump-dom")
    assert "<title>owned</title>" not in done.stdout
    assert "<img" not in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


WATCHED = {
    **{
        name: traffic_reports.CASES[name]
        for name in ("steady", "strange", "both", "unjudged", "month", "by_count", "fleet", "long", "extreme")
    },
    "crowd": traffic_reports.crowd,
    "hostile": lambda: traffic_reports.hostile(samples.HOSTILE),
}


@pytest.mark.parametrize("name", WATCHED)
def test_traffic_is_laid_out_within_the_page(name: str, tmp_path: Path) -> None:
    """No page is wider than its window, no label leaves its drawing or touches another, also in parts that open."""
    text = renderer("html")(WATCHED[name](), Style()).replace("<details", "<details open")
    for width in (1280, 520):
        said = laid_out(text, tmp_path, width)
        assert said["wide"] <= 0
        assert said["outside"] == []
        assert said["touching"] == []
        assert said["titles"] == 0


def test_traffic_runs_under_its_policy(tmp_path: Path) -> None:
    """No violation and no error is logged; windows can be sorted and filtered, hostile requests stay text."""
    file = tmp_path / "watched.html"
    named = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    text = renderer("html")([*traffic_reports.month(), *traffic_reports.hostile(named)], Style())
    file.write_text(text, encoding="utf-8")
    done = browse(file, tmp_path / "profile", "--dump-dom")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert done.stdout.count('class="filter"') == 1
    assert "<title>owned</title>" not in done.stdout
    assert "<img" not in done.stdout
