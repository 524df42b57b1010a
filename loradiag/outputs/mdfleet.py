"""The fleet in Markdown: the worst adapters first, and the pairs that are related."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.text import shorten
from loradiag.outputs.fleet import FIGURES, MARKS, names, pair_words, sentence, statements, worst_first
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.style import Style

ROWS, PAIRS = 30, 30


def fleet(report: Report, style: Style) -> list[str]:
    """The blocks; none where there is no fleet."""
    found = report.measurements.fleet
    if found is None:
        return []
    called, ranked = names(found), worst_first(found)
    shown = ranked if style.verbose else ranked[:ROWS]
    lines = []
    for place in shown:
        row = found.adapters[place]
        said = prose(row.problem) if row.problem else " ".join(map(code, row.codes))
        lines.append(
            [
                f"{MARKS.get(row.verdict, '?')} {prose(row.verdict)}",
                code(shorten(called[place], 120)),
                *(prose(figure.say(row)) for figure in FIGURES),
                said,
            ]
        )
    heads = ("", "adapter", *(f"#{figure.title}" for figure in FIGURES), "errors and warnings")
    blocks = [
        "### Fleet",
        f"**{prose(sentence(found))}**",
        table(("", ""), [(prose(label), prose(text)) for label, text in statements(found)]),
        table(heads, lines),
    ]
    if len(shown) < len(ranked):
        blocks.append(f"The first {len(shown):,} of {len(ranked):,} adapters.")
    if found.pairs:
        pairs = [[prose(text) for text in pair_words(called, pair)] for pair in found.pairs[:PAIRS]]
        blocks.append(
            folded(f"{len(found.pairs):,} related pairs", [table(("pair", "", "#cosine", "#distance"), pairs)])
        )
    return blocks
