"""Forgetting in Markdown: what it comes to, the table of scores, and what it rests on, fit for a comment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.forgetting import Candidate, Example, Forgetting, Memorisation, Score, Sweep
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.figure import Figure
from loradiag.outputs.flips import change, cut, headline, shown, ways
from loradiag.outputs.forgetting import statements, summary, tally
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.questions import LEARNED, MARKS, WORDS, asked, called, codes, flat, learned, others, parts, served
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.scores import BETTER, LESS, WORSE
from loradiag.outputs.style import Style
from loradiag.outputs.sweep import (
    CHOSEN,
    EXAMPLES,
    explained,
    form,
    kept_interval,
    kept_words,
    loss_words,
    recited,
    sources,
    worst_task,
)

ASKED, PARTS = 60, 60
"""Rows of the table of what was asked, and of parts of groups: a comment on GitHub holds 65,536 characters."""

DOCUMENTS, MORE_DOCUMENTS = 24, 60
"""Documents that changed: at first, and with ``--verbose``."""

_TEXT = 100
_WORDY = ("detectable", "its interval")
"""Columns that are shown with ``--verbose``."""


def forgetting(report: Report, style: Style) -> list[str]:
    """The blocks; none where no task was asked."""
    found = report.measurements.forgetting
    if found is None:
        return []
    blocks = ["### Forgetting", advised(summary(report, found))]
    blocks += _scores(report, found, style)
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(report, found)]))
    blocks += _parts(report, found, style)
    blocks += _others(report, found, style)
    blocks += _documents(found, style)
    blocks += _sweep(found.sweep, style)
    blocks += _memory(found.memorisation, style)
    return blocks


def _scores(report: Report, found: Forgetting, style: Style) -> list[str]:
    """What was asked, and below it what was learned, which is not judged."""
    rows, own = flat(asked(found)), flat(learned(found))
    if not rows and not own:
        return []
    told = _told([*rows, *own], style)
    lines = [_line(report, score, told) for score in rows[:ASKED]]
    lines += [_line(report, score, told, f"{LEARNED}: ") for score in own]
    meanings = [f"- **{prose(figure.title)}**: {prose(figure.meaning)}" for figure in told]
    marks = f"{BETTER} better, {WORSE} worse."
    below = [f"{marks} {LESS} less is better." if any(not score.higher_is_better for score in (*rows, *own)) else marks]
    below += [f"Showing the {ASKED:,} worst of {len(rows):,}."] if len(rows) > ASKED else []
    below += [f"{prose(called(score.task))}: {prose(shorten(score.reason, 200))}." for score in rows if score.reason][
        :9
    ]
    return [_table(told, lines), " ".join(below), folded("What the figures are", ["\n".join(meanings)])]


def _told(scores: Sequence[Score], style: Style) -> list[Figure[Score]]:
    return [figure for figure in figures(scores, every=style.verbose) if style.verbose or figure.title not in _WORDY]


def _table(told: Sequence[Figure[Score]], lines: Iterable[Sequence[str]]) -> str:
    heads = ("metric" if figure.title == "metric" else f"#{figure.title}" for figure in told)
    return table(("task", *heads, "status", "findings"), lines)


def _line(report: Report, score: Score, told: Sequence[Figure[Score]], before: str = "") -> list[str]:
    name = code(called(score.task))
    name = f"**{name}**" if score.role == "group" and score.primary else name
    judged = score.primary and score.role != "domain"
    status = f"{MARKS[score.status]} {WORDS[score.status]}" if judged else ""
    found = codes(report, score)
    rules = ", ".join([*(f"**{prose(rule)}**" for rule in found.decided), *map(prose, found.noted)])
    return [
        f"{before}{name} {prose(served(score))}".strip(),
        *(prose(figure.say(score)) for figure in told),
        status,
        rules,
    ]


def _parts(report: Report, found: Forgetting, style: Style) -> list[str]:
    """Parts of groups, folded."""
    rows = flat(parts(found))
    if not rows:
        return []
    told = _told(rows, style)
    content = [_table(told, [_line(report, score, told) for score in rows[:PARTS]])]
    content += [f"Showing the {PARTS:,} worst of {len(rows):,}."] if len(rows) > PARTS else []
    count = len({score.task for score in rows})
    return [folded(f"{plural(count, 'part')} of groups: {tally(rows).counts}", content)]


def _others(report: Report, found: Forgetting, style: Style) -> list[str]:
    rows = flat(others(found)) if style.verbose else []
    if not rows:
        return []
    told = _told(rows, style)
    content = [_table(told, [_line(report, score, told) for score in rows[:PARTS]])]
    return [folded(f"Other metrics ({len(rows):,})", content)]


def _documents(found: Forgetting, style: Style) -> list[str]:
    """Documents that changed, by task, as many as there is room for."""
    room = MORE_DOCUMENTS if style.verbose else DOCUMENTS
    blocks: list[str] = []
    for score in shown(found):
        lines = [_document(score, word, example) for word, examples in ways(score) for example in examples][:room]
        if not lines:
            break
        room -= len(lines)
        heads = ("#document", "", "asked", "right", "base", "adapter")
        filled = [index for index in range(len(heads)) if any(line[index] for line in lines)]
        rows = [[line[index] for index in filled] for line in lines]
        blocks += [f"**{prose(headline(score))}**", table([heads[index] for index in filled], rows)]
    return [folded("Documents that changed", blocks)] if blocks else []


def _document(score: Score, word: str, example: Example) -> list[str]:
    texts = (example.prompt, example.target, example.base_answer, example.adapter_answer)
    values = change(score, example)
    cells = [prose(cut(text, _TEXT)) if text is not None else "" for text in texts]
    return [f"{example.document:,}", f"{word} {prose(values)}".strip(), *cells]


def _sweep(made: Sweep | None, style: Style) -> list[str]:
    if made is None:
        return []
    blocks = ["### Weaker forms"]
    if made.candidates:
        heads = ("form", "#perplexity", "#kept", "#95% interval", "#largest loss", "task")
        more = ("#kept, choosing", "#loss, choosing") if style.verbose else ()
        blocks.append(table((*heads, *more), [_form(made, row, style) for row in made.candidates]))
    blocks += (
        [f"{CHOSEN} to take. Kept: of what was learned, in nats on the domain."] if made.chosen is not None else []
    )
    blocks += [f"{code(form(row))}: {prose(shorten(row.reason, 200))}." for row in made.candidates if row.reason]
    return [*blocks, table(("", ""), [(prose(label), prose(text)) for label, text in explained(made)])]


def _form(made: Sweep, row: Candidate, style: Style) -> list[str]:
    best = row.name == made.chosen
    name = prose(form(row))
    worst = worst_task(row)
    cells = [
        f"{CHOSEN} **{name}**" if best else name,
        short_number(row.domain_report),
        kept_words(row.kept_report),
        kept_interval(row),
        loss_words(row.loss_report),
        code(worst) if worst else "",
    ]
    return [*cells, kept_words(row.kept_choose), loss_words(row.loss_choose)] if style.verbose else cells


def _memory(memory: Memorisation | None, style: Style) -> list[str]:
    if memory is None:
        return []
    blocks = ["### Memorisation", prose(" ".join(recited(memory)))]
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in sources(memory)]))
    if style.verbose and memory.examples:
        lines = [(f"{row.document:,}", f"{row.tokens:,}", prose(cut(row.text))) for row in memory.examples[:EXAMPLES]]
        blocks.append(folded("Recited", [table(("#document", "#tokens", "text"), lines)]))
    return blocks
