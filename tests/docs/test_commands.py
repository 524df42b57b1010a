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
def test_code_quality(place: Path) -> None:
    """The recipe for GitLab makes an issue of every finding that counts, with the keys that GitLab asks for."""
    from loradiag import inspect, inspect_all
    from loradiag.core.report import Reports, encode

    program = next(block for block in blocks(DOCS / "ci.md") if isinstance(block, File) and block.name.endswith(".py"))
    (place / program.name).write_text(program.text, encoding="utf-8")
    single = inspect("fixtures/adapters/partly_dead")
    several = list(inspect_all("fixtures/adapters/series"))
    for document, reports in ((single, [single]), (Reports(reports=several), several)):
        (place / "report.json").write_bytes(encode(document))
        done = subprocess.run(
            [sys.executable, program.name, "report.json"], capture_output=True, text=True, cwd=place, check=True
        )
        issues = json.loads(done.stdout)
        assert [issue["check_name"] for issue in issues] == [f.code for report in reports for f in report.findings]
        assert len({issue["fingerprint"] for issue in issues}) == len(issues)
        for issue in issues:
            assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
            assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
            assert issue["location"]["lines"]["begin"] == 1
