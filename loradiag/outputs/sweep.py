"""Weaker forms of an adapter, and what it knows by heart, in the words of every output. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator

from loradiag.core.forgetting import Candidate, CandidateTask, Memorisation, Sweep
from loradiag.core.text import plural, printable, shorten
from loradiag.outputs.facts import percent, short_number
from loradiag.outputs.scores import p_words

CHOSEN = "▸"
"""Stands before the form to take."""

EXAMPLES = 5
"""Recited documents that are shown."""


def form(row: Candidate) -> str:
    """A form's name."""
    names = {"base": "the base", "adapter": "the whole adapter"}
    return names.get(row.kind) or shorten(printable(row.name), 40)


def chosen(sweep: Sweep) -> Candidate | None:
    """The form to take, if there is one."""
    return next((row for row in sweep.candidates if row.name == sweep.chosen), None)


def kept_words(share: float | None) -> str:
    """A share of what was gained on the domain."""
    if share is None:
        return "–"
    return f"{share:.0%}".replace("-0%", "0%") if abs(share) < 100 else f"{share:.1e}×"


def kept_interval(row: Candidate) -> str:
    """The 95% interval of the share that is kept."""
    if row.kept_low is None or row.kept_high is None:
        return "–"
    return f"{kept_words(row.kept_low)} to {kept_words(row.kept_high)}"


def loss_words(loss: float | None) -> str:
    """The largest loss; a gain is none."""
    if loss is None:
        return "–"
    return "none" if loss <= 0 else f"{loss:.1%}" if loss < 100 else f"{loss:.1e}×"


def worst_task(row: Candidate) -> str:
    """The task that loses most, of those that lose."""
    lost = {task.task: _loss(task) for task in row.tasks}
    worst = max(lost, key=lambda name: lost[name], default=None)
    return shorten(printable(worst), 40) if worst is not None and lost[worst] > 0 else ""


def _loss(task: CandidateTask) -> float:
    if not task.base or task.difference is None:
        return 0.0
    return (-task.difference if task.higher_is_better else task.difference) / abs(task.base)


def explained(sweep: Sweep) -> list[tuple[str, str]]:
    """Pairs of label and sentence: how the choice was made, on what the figures rest, and where it lies."""
    rows = [
        ("domain", shorten(printable(sweep.domain), 80)),
        (
            "chosen by",
            f"{plural(sweep.documents_choose, 'document')}: what keeps most of the domain and every score "
            f"within {percent(sweep.margin)}",
        ),
        ("reported on", f"the other {plural(sweep.documents_report, 'document')}"),
    ]
    if sweep.written is not None:
        rows.append(("written to", shorten(printable(sweep.written), 80)))
    return rows


def advised(sweep: Sweep | None) -> Iterator[str]:
    """What the sweep comes to, in a sentence."""
    if sweep is None:
        return
    best = chosen(sweep)
    if best is None:
        yield f"no weaker form keeps something of the domain and every score within {percent(sweep.margin)}"
        return
    loss = loss_words(best.loss_report)
    lost = "no task loses anything" if loss == "none" else f"no task loses more than {loss}"
    yield f"{form(best)} keeps {kept_words(best.kept_report)} of what was learned; {lost}"


def recited(memory: Memorisation) -> list[str]:
    """Whether it recites its training data, in sentences."""
    return [*_generations(memory), *_flags(memory), *_likelihoods(memory)]


def _generations(memory: Memorisation) -> Iterator[str]:
    if not memory.prompted:
        yield f"No training document is longer than the {plural(memory.prompt_tokens, 'token')} that would prompt for the rest."
        return
    bound = (
        ""
        if memory.false_positives is None
        else f", so that at most {memory.false_positives:.1%} come out by chance (95% confidence)"
    )
    yield (
        f"Given its first {plural(memory.prompt_tokens, 'token')}, {memory.recited:,} of "
        f"{plural(memory.prompted, 'training document')} ({memory.recited / memory.prompted:.1%}) came out verbatim in runs "
        f"of {memory.span:,} tokens or more; of held-out documents {memory.control_recited:,} of "
        f"{memory.control_prompted:,} did{bound}."
    )
    if memory.others_recited or memory.control_others_recited:
        yield (
            f"Without having been prompted, {memory.others_recited:,} of {memory.others:,} more training documents came out, "
            f"and {memory.control_others_recited:,} of {memory.control_others:,} held-out ones."
        )
    if memory.shared:
        yield f"{plural(memory.shared, 'document')} of both files left out."
    p_value = "" if memory.p_value is None else f" Exact test of both rates: p = {p_words(memory.p_value)}."
    known = memory.base_recited
    said = f"Not counted: {known:,} that the base alone continues so." if known else "The base alone continues none so."
    yield said + p_value


def _flags(memory: Memorisation) -> Iterator[str]:
    if memory.flag_rate is not None and memory.documents:
        p_value = "" if memory.flag_p is None else f" (p = {p_words(memory.flag_p)})"
        yield (
            f"By likelihood {memory.flagged:,} of {plural(memory.documents, 'training document')} "
            f"({memory.flagged / memory.documents:.1%}) can be told from held-out text, of which {memory.flag_rate:.1%} "
            f"would be flagged{p_value}."
        )


def _likelihoods(memory: Memorisation) -> Iterator[str]:
    pairs = ((memory.nll_base, memory.nll_adapter), (memory.control_nll_base, memory.control_nll_adapter))
    said = [" → ".join(map(short_number, pair)) for pair in pairs if None not in pair]
    if len(said) == len(pairs):
        yield f"Nats a token, base → adapter: {said[0]} on training documents, {said[1]} on held-out ones."


def sources(memory: Memorisation) -> list[tuple[str, str]]:
    """Which files were compared."""
    pairs = ((memory.training, memory.documents), (memory.control, memory.control_documents))
    return [
        (label, f"{shorten(printable(path), 80)}, {plural(count, 'document')}")
        for label, (path, count) in zip(("training data", "held out"), pairs, strict=True)
    ]
