"""Adapters beside each other in Markdown: what it comes to, who they are, every pair, and where two of them meet."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.text import shorten
from loradiag.outputs.comparing import (
    FIGURES,
    MARKS,
    WORDS,
    apart,
    beside_chance,
    most_first,
    notes,
    pair_name,
    sentence,
    share,
    signed,
    statements,
)
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.style import Style

PAIRS, MODULES = 30, 8
_HEADS = ("module", "#cosine", "#interference", "#writes (chance)", "#reads (chance)", "#distance")


def comparing(report: Report, style: Style) -> list[str]:
    """The blocks; none where nothing is compared."""
    found = report.measurements.comparison
    if found is None:
        return []
    ranked = most_first(found)
    shown = ranked if style.verbose else ranked[:PAIRS]
    lines = [
        [
            prose(pair_name(found, pair)),
            f"{MARKS[pair.relation]} {WORDS[pair.relation]}",
            *(prose(figure.say(pair)) for figure in FIGURES),
            prose("; ".join(notes(found, pair))),
        ]
        for pair in shown
    ]
    heads = ("pair", "relation", *(f"#{figure.title}" for figure in FIGURES), "besides")
    blocks = [
        "### Beside each other",
        f"**{prose(sentence(found))}**",
        table(("adapter", ""), [(prose(label), prose(text)) for label, text in statements(found)]),
        table(heads, lines),
    ]
    if len(shown) < len(ranked):
        blocks.append(f"The first {len(shown):,} of {len(ranked):,} pairs.")
    if ranked and ranked[0].modules:
        worst = ranked[0]
        most = sorted(worst.modules, key=lambda row: -row.interference)[: None if style.verbose else MODULES]
        content = [
            (
                code(shorten(row.name, 160)),
                signed(row.cosine),
                share(row.interference),
                beside_chance(row.left, row.left_expected),
                beside_chance(row.right, row.right_expected),
                apart(row.distance),
            )
            for row in most
        ]
        blocks.append(folded(f"Where {prose(pair_name(found, worst))} meet most", [table(_HEADS, content)]))
    return blocks
