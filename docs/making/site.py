"""All that is generated: pages by their addresses, where they stand in the navigation, and the ends of pages by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loradiag.adapters.interface import READERS
from loradiag.core.lazy import Entry
from loradiag.core.report import json_schema
from loradiag.outputs import FORMATS
from loradiag.rules import all_rules
from loradiag.rules.documentation import FAMILIES
from loradiag.traffic.sources import SOURCES
from making import commands, links, pages, python, reports, rules
from making.prose import escaped, table

MADE_TABLES: Mapping[str, Callable[[], str]] = {
    "<!-- generated: thresholds -->": rules.thresholds,
    "<!-- generated: layouts -->": lambda: _registered(READERS, "layout", "what it is"),
    "<!-- generated: sources -->": lambda: _registered(SOURCES, "format", "what it is"),
    "<!-- generated: outputs -->": lambda: _registered(FORMATS, "format", "what it is for"),
}
"""What pages by hand leave to the program, by the mark that stands in its place."""


def made_pages() -> dict[str, str]:
    """Addresses below ``docs/``, and contents."""
    about = pages.analyzers()
    made = {
        "commands/index.md": commands.index(),
        "rules/index.md": rules.index(),
        "report/index.md": reports.index(),
        "report/report.schema.json": json_schema(),
        "python.md": python.index(),
    }
    for page in commands.all_commands():
        up = "../" * (1 + page.address.count("/"))
        told = pages.links((each for each in about if " ".join(page.words) in each.commands), f"{up}analyzers/")
        made[f"commands/{page.address}"] = commands.page_of(page, f"What it measures, and how: {told}." if told else "")
    for rule in all_rules():
        told = pages.links((each for each in about if each.judges(rule)), "../analyzers/")
        made[f"rules/{rules.address(rule)}"] = rules.page_of(rule, f"How it is measured: {told}.\n" if told else "")
    for key in reports.MEASUREMENTS:
        told = pages.links((each for each in about if key in each.measurements), "../analyzers/")
        made[f"report/{key}.md"] = reports.page_of(key, f"How it is measured: {told}." if told else "")
    return made


def filled(markdown: str, address: str) -> str:
    """The Markdown of a page, with what it leaves to the program, and links to rules."""
    for mark, made in MADE_TABLES.items():
        if mark in markdown:
            markdown = markdown.replace(mark, made())
    for analyzer in pages.analyzers():
        if address == f"analyzers/{analyzer.file}":
            markdown += _ending(analyzer)
    return links.linked(markdown, address)


def navigated(entry: Any) -> Any:
    """An entry of the navigation, with pages in the place of ``generated: …``."""
    if isinstance(entry, dict):
        return {title: navigated(value) for title, value in entry.items()}
    if isinstance(entry, list):
        return [navigated(each) for each in entry]
    match entry:
        case "generated: commands":
            return commands.navigation()
        case "generated: rules":
            return ["rules/index.md", *_families()]
        case "generated: report":
            return ["report/index.md", *({key: f"report/{key}.md"} for key in reports.MEASUREMENTS)]
    return entry


def _registered(entries: Mapping[str, Entry], name: str, about: str) -> str:
    """The rows of a table of the program, with the extra that each needs."""
    rows = [
        (f"`{key}`", escaped(entry.summary), f"`loradiag[{entry.extra}]`" if entry.extra else "")
        for key, entry in entries.items()
    ]
    if not any(extra for _, _, extra in rows):
        return "\n".join(table((name, about), [row[:2] for row in rows]))
    return "\n".join(table((name, about, "needs"), rows))


def _ending(analyzer: pages.Analyzer) -> str:
    """What stands at the end of a page about an analyzer."""
    known = {" ".join(page.words): page for page in commands.all_commands()}
    asked = ", ".join(f"[`loradiag {name}`](../commands/{known[name].address})" for name in analyzer.commands)
    fields = ", ".join(f"[`measurements.{key}`](../report/{key}.md)" for key in analyzer.measurements)
    lines = ["", "", "## Rules", "", *rules.rows_of(pages.rules_of(analyzer), "../rules/")]
    return "\n".join([*lines, "## See also", "", f"Measured by {asked}. Fields of the report: {fields}.", ""])


def _families() -> list[dict[str, list[dict[str, str]]]]:
    return [
        {
            f"LD{digit}xx {family}": [
                {f"{rule.code} {rule.name}": f"rules/{rules.address(rule)}"}
                for rule in all_rules()
                if rule.code[2] == digit
            ]
        }
        for digit, family in FAMILIES.items()
    ]
