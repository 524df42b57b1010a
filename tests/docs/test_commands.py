"""Commands, settings and programs on pages by hand: they exist, are read, and do what is said."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from making import commands

from loradiag.api import read_policy
from tests.conftest import ROOT
from tests.docs.printed import File, blocks

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name != "rules.md")
KNOWN = {page.words: page.command for page in commands.all_commands()}


def lines(page: Path) -> Iterator[str]:
    """Yield every call of loradiag in a block of a page."""
    for fence in re.findall(r"^```(?:bash|console|ini|yaml)[^\n]*\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        for line in fence.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|[\s/;|(])(loradiag (?!drift=)[a-z].*)", line.split("  #")[0])
            if found and not line.lstrip().startswith(("-c", "pip", "- name", "name:")):
                yield found[1].split(";")[0].rstrip(")\"' ")


CALLS = sorted({(page.relative_to(DOCS).as_posix(), line) for page in PAGES for line in lines(page)})


@pytest.mark.parametrize(("page", "line"), CALLS)
def test_commands_exist(page: str, line: str) -> None:
    """Every command on a page exists, and so do its options."""
    words = shlex.split(line.replace("…", "x"))[1:]
    depth = next((n for n in (2, 1) if tuple(words[:n]) in KNOWN), 0)
    assert depth, f"{page}: no command {line!r}"
    command = KNOWN[tuple(words[:depth])]
    known = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    known |= {name for param in command.params for name in param.secondary_opts} | {"--help", "-h", "-"}
    asked = {word.partition("=")[0] for word in words[depth:] if word.startswith("-")}
    assert asked <= known, f"{page}: {line!r}"


def test_there_are_many() -> None:
    """The pages do show how to call it."""
    assert len(CALLS) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_settings_are_read(page: Path, tmp_path: Path) -> None:
    """Policies on pages are read without complaint; what is YAML is YAML."""
    for block in blocks(page):
        if isinstance(block, File) and block.name.endswith(".toml"):
            path = tmp_path / block.name
            path.write_text(block.text, encoding="utf-8")
            assert read_policy(path).source == str(path)
    for text in re.findall(r"^```yaml[^\n]*\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        assert yaml.safe_load(text)


def test_the_action_gets_what_it_knows() -> None:
    """The recipe for GitHub gives the action only inputs that it has."""
    text = next(
        text
        for text in re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "ci.md").read_text("utf-8"), re.M | re.S)
        if "loradiag/loradiag@main" in text
    )
    steps = yaml.safe_load(text)["jobs"]["merge-drift"]["steps"]
    given = next(step["with"] for step in steps if step.get("uses") == "loradiag/loradiag@main")
    assert set(given) <= set(yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"])


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("adapter", ["adapters/partly_dead", "adapters/series"])
def test_code_quality(place: Path, adapter: str) -> None:
    """The recipe for GitLab leaves every file that it names, and in the one for the widget an issue of every finding."""
    text = (DOCS / "ci.md").read_text("utf-8").partition("## GitLab CI")[2]
    job = yaml.safe_load(next(iter(re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S))))["inspect"]
    line = next(step for step in job["script"] if step.startswith("loradiag "))
    words = shlex.split(line.replace("my_adapter/", f"fixtures/{adapter}"))
    done = subprocess.run([sys.executable, "-m", *words], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    kept = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert all((place / name).stat().st_size for name in kept)
    issues = json.loads((place / job["artifacts"]["reports"]["codequality"]).read_text("utf-8"))
    document = json.loads((place / "report.json").read_text("utf-8"))
    reports = document.get("reports", [document])
    assert [issue["check_name"] for issue in issues] == [f["code"] for report in reports for f in report["findings"]]
    assert all((place / issue["location"]["path"]).is_file() for issue in issues)
