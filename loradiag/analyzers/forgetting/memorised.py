"""Whether an adapter remembers its training data: what it recites, and what became likelier than it should.

Both questions are asked of held-out documents too, in the same way, and both answers are exact tests of the same
hypothesis: that training and held-out documents could change places without anybody noticing.

Recitation. Prompts are the beginnings of documents (Carlini et al., arXiv 2202.07646), of both files; the model writes
on, greedily. A document is recited if ``span`` or more tokens of it, in a row, are written after any prompt, its own or
another's. Three kinds of text do not count: what begins in the prompt that was given, what the base writes after the same
prompt, and what stands in more than one document of the two files, which is a form, or a way to say it. It is documents
that are counted, not continuations: a model that has one text on its tongue writes it after many prompts, which are no
independent witnesses. And it is the text of one document alone that counts, wherever it was found, so that a larger
training file, in which more can be found, is no more suspicious than a small one: as many more documents are there that
are not found. Documents that were prompted are a stratum of their own, since their own prompts lead to them.

Likelihood. How far the nats per token of each document lie below what those of the base let expect: membership inference
by loss (Yeom et al., arXiv 1709.01604) with the base as the reference (difficulty calibration: Watson et al., arXiv
2111.08440). The expectation is the regression line over the documents of both files. The plain fall from base to adapter
is the same with a slope of 1, and where the base does not know the domain that puts into the difference how it guessed: of
an adapter that had memorised bank customers' queries (a slope of .06) it flags 1.9% of the training documents, this 5.5%. See
:func:`loradiag.statistics.exchange.flag`.

The control has to be drawn as the training data was. Text of another time or place is told apart by what it is about, as
published tests of membership were misled (Duan et al., arXiv 2402.07841; Meeus et al., arXiv 2406.17975).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from loradiag.analyzers.forgetting.excerpts import Excerpts, Side
from loradiag.analyzers.forgetting.meter import Meter
from loradiag.analyzers.forgetting.spans import Homes, Run, find_homes, find_runs
from loradiag.core.forgetting import Memorisation, Recitation
from loradiag.core.text import shorten
from loradiag.models.harness.answers import SHOWN
from loradiag.models.harness.asking import Progress
from loradiag.models.harness.continuing import continue_greedily, document_nats
from loradiag.statistics.checks import Floats
from loradiag.statistics.exchange import Stratum, flag, more_than_control
from loradiag.statistics.shares import upper_bound

EXAMPLES = 5

_DIGITS = 9
"""Of nats per token: where an adapter changes nothing, documents are to be equal, not told apart by rounding."""


class Said(msgspec.Struct, frozen=True):
    """Of a file: token ids written after each prompt, and −ln p and tokens of each document."""

    continuations: list[list[int]]
    nats: list[float]
    tokens: list[int]


class Heard(msgspec.Struct, frozen=True):
    """What one model said."""

    training: Said
    control: Said


class Recited(msgspec.Struct, frozen=True):
    """What came out of it.

    Attributes:
        prompted: Documents that were prompted.
        others: The other documents that were searched for.
        base: Prompted training documents that the base recites.
        runs: Of each training document that is recited the longest run, and the text that was written.
    """

    prompted: Stratum
    others: Stratum
    base: int
    runs: list[tuple[Run, list[int]]]


def hear(asked: Excerpts, wrapped: Any, progress: Progress) -> Heard:
    """Ask one model.

    Args:
        asked: What to ask.
        wrapped: The model, see :func:`loradiag.models.harness.wrapping.wrap`.
        progress: Told how much is done, in the unit of :meth:`Excerpts.size`, and all.

    Raises:
        UsageError: Memory does not suffice.
    """
    meter = Meter(asked.size(), lambda _name, done, total: progress(done, total))

    def say(side: Side) -> Said:
        told = meter.part("", asked.writing(side))
        written = continue_greedily(asked.prompts(side), wrapped, asked.continuation, told)
        meter.finished(asked.writing(side))
        nats = document_nats(side.documents, wrapped, meter.part("", asked.reading(side)))
        meter.finished(asked.reading(side))
        return Said(written, nats, side.documents.tokens)

    return Heard(say(asked.training), say(asked.control))


def memorisation(asked: Excerpts, base: Heard, adapter: Heard, *, training: str, control: str) -> Memorisation:
    """Compare what base and adapter said.

    Args:
        asked: What was asked.
        base: What the base said.
        adapter: What the adapter said.
        training: What the file of training data is called.
        control: What that of held-out text is called.
    """
    found = recited(asked, base, adapter)
    flags = flag(*below_expected(base, adapter))
    here = found.prompted
    return Memorisation(
        training=training,
        control=control,
        span=asked.span,
        prompt_tokens=asked.prompt_tokens,
        documents=len(asked.training.ids),
        control_documents=len(asked.control.ids),
        prompted=here.of,
        recited=here.hit,
        control_prompted=here.control_of,
        control_recited=here.control_hit,
        base_recited=found.base,
        others=found.others.of,
        others_recited=found.others.hit,
        control_others=found.others.control_of,
        control_others_recited=found.others.control_hit,
        shared=asked.shared,
        false_positives=upper_bound(here.control_hit, here.control_of),
        p_value=more_than_control([found.prompted, found.others]),
        flagged=flags.count,
        flag_rate=flags.rate,
        flag_p=flags.p,
        nll_base=_nll(base.training),
        nll_adapter=_nll(adapter.training),
        control_nll_base=_nll(base.control),
        control_nll_adapter=_nll(adapter.control),
        examples=_examples(asked, found.runs),
    )


def recited(asked: Excerpts, base: Heard, adapter: Heard) -> Recited:
    """Find what was recited of either file."""
    # Runs that begin in the prompt are no feat either, if it is repeated: hence the tokens after it.
    prompts = [*asked.given(asked.training, asked.span - 1), *asked.given(asked.control, asked.span - 1)]
    before, after = ([*heard.training.continuations, *heard.control.continuations] for heard in (base, adapter))
    homes = find_homes([*before, *after], [*asked.training.ids, *asked.control.ids], asked.span)
    known = [list(both) for both in zip(prompts, before, strict=True)]
    longest = _longest(after, known, homes, asked.span)
    plain = _longest(before, [[prompt] for prompt in prompts], homes, asked.span)
    count = len(asked.training.ids)
    shift = [(asked.training, 0), (asked.control, count)]
    prompted = [{row + by for row in side.prompted} for side, by in shift]
    others = [{row + by for row in side.searched} - chosen for (side, by), chosen in zip(shift, prompted, strict=True)]
    return Recited(
        prompted=_stratum(prompted, longest.keys()),
        others=_stratum(others, longest.keys()),
        base=len(prompted[0] & plain.keys()),
        runs=[longest[row] for row in sorted(longest.keys() & (prompted[0] | others[0]))],
    )


def _longest(
    written: Sequence[list[int]], known: Sequence[Sequence[list[int]]], homes: Homes, span: int
) -> dict[int, tuple[Run, list[int]]]:
    """Of each document that is recited the longest run."""
    found: dict[int, tuple[Run, list[int]]] = {}
    for ids, free in zip(written, known, strict=True):
        for run in find_runs(ids, free, homes, span):
            if run.document not in found or found[run.document][0].tokens < run.tokens:
                found[run.document] = (run, ids[run.start : run.start + run.tokens])
    return found


def _stratum(rows: Sequence[set[int]], hits: Any) -> Stratum:
    ours, theirs = rows
    return Stratum(len(ours & hits), len(ours), len(theirs & hits), len(theirs))


def _examples(asked: Excerpts, runs: Sequence[tuple[Run, list[int]]]) -> list[Recitation]:
    longest = sorted(runs, key=lambda found: (-found[0].tokens, found[0].document))[:EXAMPLES]
    numbers = asked.training.documents.numbers
    return [
        Recitation(
            document=numbers[run.document], tokens=run.tokens, text=shorten(asked.decode(written).strip(), SHOWN)
        )
        for run, written in longest
    ]


def below_expected(base: Heard, adapter: Heard) -> tuple[Floats, Floats]:
    """How far documents lie below the line that leads from the base's nats per token to the adapter's.

    Its slope is that of least squares over both files together, so that it is the same whichever file a document is of.
    Its height makes no difference.

    Returns:
        Nats per token of training documents [m] and of held-out ones [n]; −∞ where a model put out no finite number.
    """
    before, after = (
        np.concatenate(
            [np.array(said.nats, dtype=np.float64) / said.tokens for said in (heard.training, heard.control)]
        )
        for heard in (base, adapter)
    )
    finite = np.isfinite(before) & np.isfinite(after)
    spread = before[finite] - np.mean(before[finite]) if finite.any() else np.zeros(0)
    square = float(spread @ spread)
    slope = float(spread @ after[finite]) / square if square > 0 else 1.0
    found = np.full(before.size, -np.inf)
    found[finite] = np.round(slope * before[finite] - after[finite], _DIGITS)
    count = len(base.training.nats)
    return found[:count], found[count:]


def _nll(said: Said) -> float | None:
    """Nats per token, of all documents together."""
    found = float(np.sum(said.nats) / np.sum(said.tokens))
    return found if np.isfinite(found) else None
