"""Documents on which base and adapter differ: what was asked, what is right, and both answers."""

from __future__ import annotations

from loradiag.core.forgetting import Example, Forgetting, Score
from loradiag.outputs.flips import change, cut, headline, shown, ways
from loradiag.outputs.page.markup import Markup, element, folded, join, rows, table

TASKS = 60
"""Tasks whose documents are shown; the JSON report has all."""

_HEADS = ("#document", "", "asked", "right", "base", "adapter")


def flips(found: Forgetting) -> Markup:
    """A part for each task, folded; empty where no documents are in the report."""
    scores = shown(found)
    if not scores:
        return Markup("")
    parts = [folded(headline(score), _table(score)) for score in scores[:TASKS]]
    if len(scores) > TASKS:
        parts.append(element("p", f"The {TASKS:,} worst of {len(scores):,}; the JSON report has all.", class_="dim"))
    return join(parts)


def _table(score: Score) -> Markup:
    lines = [_line(score, word, example) for word, examples in ways(score) for example in examples]
    filled = [index for index in range(len(_HEADS)) if any(line[index] for line in lines)]
    cells = ([_cell(index, line[index]) for index in filled] for line in lines)
    return table([_HEADS[index] for index in filled], rows(cells), caption=headline(score), class_="rows prose flips")


def _line(score: Score, word: str, example: Example) -> list[str]:
    texts = (example.prompt, example.target, example.base_answer, example.adapter_answer)
    values = f"{word} {change(score, example)}".strip()
    return [f"{example.document:,}", values, *("" if text is None else cut(text) for text in texts)]


def _cell(index: int, text: str) -> Markup:
    if index == 1:
        word, _, values = text.partition(" ")
        return element("td", element("b", word, class_=f"flip {word}"), f" {values}" if values else "", class_="nowrap")
    return element("td", text, class_="n" if index == 0 else None)
