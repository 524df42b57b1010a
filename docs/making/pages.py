"""What pages about analyzers say at their top: which measurements, rules and commands each is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from loradiag.core.rules import Rule
from loradiag.rules import all_rules

DOCS = Path(__file__).resolve().parents[1]


class Analyzer(NamedTuple):
    """A page about an analyzer: its file below ``analyzers/``, its title and what it is about."""

    file: str
    title: str
    measurements: Sequence[str]
    rules: Sequence[str]
    commands: Sequence[str]

    def judges(self, rule: Rule) -> bool:
        """Whether the rule judges what is measured here."""
        return any(rule.code.startswith(prefix) for prefix in self.rules)


class _Front(msgspec.Struct, forbid_unknown_fields=True):
    measurements: list[str] = []
    rules: list[str] = []
    commands: list[str] = []


@lru_cache(maxsize=1)
def analyzers() -> Sequence[Analyzer]:
    """All pages about analyzers, read once: every page that is made asks for them."""
    return tuple(_analyzers())


def _analyzers() -> Iterator[Analyzer]:
    for path in sorted((DOCS / "analyzers").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.name == "index.md":
            continue
        _, front, body = text.split("---\n", 2)
        about = msgspec.convert(yaml.safe_load(front), _Front)
        title = next(line[2:] for line in body.splitlines() if line.startswith("# "))
        yield Analyzer(path.name, title, about.measurements, about.rules, about.commands)


def rules_of(analyzer: Analyzer) -> list[Rule]:
    """The rules that judge what an analyzer measures."""
    return [rule for rule in all_rules() if analyzer.judges(rule)]


def links(found: Iterable[Analyzer], below: str) -> str:
    """Links to pages about analyzers, which lie at ``below``."""
    return ", ".join(f"[{each.title}]({below}{each.file})" for each in found)
