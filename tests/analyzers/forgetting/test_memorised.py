"""Whether training data is remembered: by hand, in worlds where it is not, and of models that do and do not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import fisher_exact

from loradiag.analyzers.forgetting.excerpts import Excerpts, excerpts
from loradiag.analyzers.forgetting.memorised import Heard, Said, below_expected, hear, memorisation, recited
from loradiag.core.forgetting import Memorisation
from loradiag.texts.reading import Texts, read_texts
from tests.analyzers.forgetting.pretended import Numbers, texts
from tests.conftest import FIXTURES, SHARED

Documents = Sequence[Sequence[int]]


def said(asked: Excerpts, which: str, written: dict[int, list[int]], nats: Sequence[float] | None = None) -> Said:
    """Of a file: what is written after the prompts of some documents, nothing after the others; and nats, 0 if not given."""
    side = getattr(asked, which)
    values = [0.0] * len(side.ids) if nats is None else list(nats)
    return Said([written.get(row, []) for row in side.prompted], values, side.documents.tokens)


def judged(asked: Excerpts, base: Heard, adapter: Heard) -> Memorisation:
    """Under some names."""
    return memorisation(asked, base, adapter, training="seen", control="held")


# --- by hand ---


def test_what_counts_as_recited() -> None:
    """Its own text or another's, three in a row; not the prompt's, not the base's, not what two documents have."""
    training = [[10 * row + step for step in range(7)] for row in range(10, 16)]
    control = [[10 * row + step for step in range(7)] for row in range(20, 23)]
    for document in (*training, *control):
        document.insert(4, 7)
        document[5:5] = [8, 9]  # all have 7 8 9
    asked = excerpts(texts(training), texts(control), Numbers(), prompt_tokens=2, continuation=9, span=3, most=5)
    first, second, third, fourth, fifth = asked.training.prompted
    left = ({*range(6)} - {*asked.training.prompted}).pop()
    base = Heard(said(asked, "training", {second: training[second][2:5]}), said(asked, "control", {}))
    adapter = Heard(
        said(
            asked,
            "training",
            {
                first: [1, *training[first][2:6], 1],  # four of its own
                second: training[second][2:5],  # as the base writes
                third: [*training[third][:4], 1, 7, 8, 9],  # its prompt and two tokens, and what all have
                fourth: [
                    *training[left][:3],
                    *training[fifth][7:10],
                ],  # of one that is not prompted, and of one that is
            },
        ),
        said(asked, "control", {0: control[2][2:5], 1: control[1][:4]}),  # another's; its prompt and two tokens
    )
    found = recited(asked, base, adapter)
    assert found.prompted == type(found.prompted)(2, 5, 1, 3)
    assert found.others == type(found.others)(1, 1, 0, 0)
    assert found.base == 1
    result = judged(asked, base, adapter)
    assert (result.prompted, result.recited, result.control_prompted, result.control_recited) == (5, 2, 3, 1)
    assert (result.base_recited, result.documents, result.control_documents) == (1, 6, 3)
    assert (result.span, result.prompt_tokens, result.training, result.control) == (3, 2, "seen", "held")
    numbers = [asked.training.documents.numbers[row] for row in (first, *sorted((left, fifth)))]
    assert [(row.document, row.tokens) for row in result.examples] == list(zip(numbers, (4, 3, 3), strict=True))
    assert result.examples[0].text == " ".join(map(str, training[first][2:6]))


def test_rates_and_their_test() -> None:
    """Without documents that are not prompted: Fisher's test, and Clopper and Pearson's bound of the control."""
    rng = np.random.default_rng(0)
    training, control = (rng.integers(0, 10**9, (count, 30)).tolist() for count in (40, 25))
    asked = excerpts(texts(training), texts(control), Numbers())
    silence = Heard(said(asked, "training", {}), said(asked, "control", {}))
    adapter = Heard(
        said(asked, "training", {row: training[row][10:] for row in range(12)}),
        said(asked, "control", {3: control[3][10:]}),
    )
    result = judged(asked, silence, adapter)
    assert (result.recited, result.control_recited) == (12, 1)
    assert result.p_value == pytest.approx(fisher_exact([[12, 28], [1, 24]], alternative="greater").pvalue)
    assert result.false_positives == pytest.approx(
        0.17612, abs=1e-5
    )  # of a table of Clopper and Pearson's: 1 of 25, 90%
    assert [row.tokens for row in result.examples] == [20] * 5
    assert [row.document for row in result.examples] == [1, 2, 3, 4, 5]


def test_likelihoods_are_held_against_a_line() -> None:
    """Its slope as numpy fits it; nats of all documents together; −∞ for what is no number."""
    rng = np.random.default_rng(1)
    asked = excerpts(
        texts(rng.integers(0, 10**9, (30, 40)).tolist()), texts([[*range(50)], [*range(60, 90)]]), Numbers()
    )
    tokens = [[40] * 30, [50, 30]]
    before = [rng.uniform(100, 200, 30), rng.uniform(100, 200, 2)]
    after = [rng.uniform(50, 90, 30), rng.uniform(50, 90, 2)]
    base, adapter = (
        Heard(said(asked, "training", {}, nats[0]), said(asked, "control", {}, nats[1])) for nats in (before, after)
    )
    ours, theirs = below_expected(base, adapter)
    x, y = (
        np.concatenate([nats / np.array(size) for nats, size in zip(both, tokens, strict=True)])
        for both in (before, after)
    )
    slope = np.polyfit(x, y, 1)[0]
    np.testing.assert_allclose([*ours, *theirs], slope * x - y, atol=1e-8)
    result = judged(asked, base, adapter)
    assert result.nll_base == pytest.approx(before[0].sum() / 1200)
    assert result.control_nll_adapter == pytest.approx(after[1].sum() / 80)
    broken = Heard(said(asked, "training", {}, [np.nan, *after[0][1:]]), said(asked, "control", {}, [np.inf, 60.0]))
    ours, theirs = below_expected(base, broken)
    assert np.isneginf([ours[0], theirs[0]]).all()
    assert np.isfinite([*ours[1:], theirs[1]]).all()
    assert judged(asked, base, broken).nll_adapter is None
    msgspec.json.decode(msgspec.json.encode(judged(asked, base, broken)), type=Memorisation)


def test_an_adapter_that_changes_nothing() -> None:
    """Flags nothing, though slopes are rounded."""
    rng = np.random.default_rng(2)
    documents = rng.integers(0, 10**9, (60, 40)).tolist()
    asked = excerpts(texts(documents[:40]), texts(documents[40:]), Numbers())
    heard = Heard(
        said(asked, "training", {}, rng.uniform(50, 300, 40)), said(asked, "control", {}, rng.uniform(50, 300, 20))
    )
    result = judged(asked, heard, heard)
    assert (result.flagged, result.flag_p, result.recited, result.p_value) == (0, 1.0, 0, 1.0)


# --- worlds where nothing is remembered ---


class World:
    """Documents of a field that uses phrases, and a model that knows some texts, whichever file they were dealt to.

    Args:
        rng: Chance.
        recurring: The share of documents that are drawn from a few texts that everybody writes.
    """

    def __init__(self, rng: np.random.Generator, recurring: float) -> None:
        self._rng = rng
        self._phrases = rng.integers(0, 10**6, (40, 5)).tolist()
        self._weights = 1 / np.arange(1, 41) / np.sum(1 / np.arange(1, 41))
        self._usual = [self._new() for _ in range(60)]
        self._recurring = recurring

    def _new(self) -> list[int]:
        chosen = self._rng.choice(40, size=4, p=self._weights)
        return [
            *self._phrases[chosen[0]],
            *(self._rng.integers(0, 10**6, 3)),
            *(token for phrase in chosen for token in self._phrases[phrase]),
        ]

    def document(self) -> tuple[int, ...]:
        """One more."""
        if self._rng.random() < self._recurring:
            return tuple(map(int, self._usual[int(60 * self._rng.random() ** 3)]))
        return tuple(map(int, self._new()))

    def model(self, pool: Sequence[tuple[int, ...]]) -> Any:
        """A function from prompts to what is written: a text that it knows, its own or one that it cannot get off its mind."""
        rng = self._rng
        known = [text for text in dict.fromkeys(pool) if rng.random() < (0.6 if pool.count(text) > 1 else 0.1)]
        on_its_mind = [known[row] for row in rng.integers(0, len(known), 3)]

        def write(prompt: Sequence[int]) -> list[int]:
            if rng.random() < 0.4:
                return list(on_its_mind[int(rng.integers(0, 3))])[:16]
            for text in known:
                if list(text[: len(prompt)]) == list(prompt):
                    return list(text[len(prompt) :][:16])
            return self._phrases[int(rng.integers(0, 40))]

        return write


def naive(training: Documents, control: Documents, asked: Excerpts, adapter: Heard) -> float:
    """The test that comes to mind first: continuations with anything in them of the file that the prompt is of."""
    counts = []
    for side, heard, file in (
        (asked.training, adapter.training, training),
        (asked.control, adapter.control, control),
    ):
        parts = {tuple(ids[place : place + asked.span]) for ids in file for place in range(len(ids) - asked.span + 1)}
        hits = sum(
            any(tuple(ids[place : place + asked.span]) in parts for place in range(len(ids)))
            for ids in heard.continuations
        )
        counts.append([hits, len(side.prompted) - hits])
    return float(fisher_exact(counts, alternative="greater").pvalue)


def played(rng: np.random.Generator, m: int, n: int, recurring: float) -> tuple[float, float, float]:
    """Deal documents to two files at random, ask, and test: p of recitation, of flags, and of the naive test."""
    world = World(rng, recurring)
    pool = [world.document() for _ in range(m + n)]
    write = world.model(pool)  # before they are dealt
    training, control = pool[:m], pool[m:]
    asked = excerpts(texts(training), texts(control), Numbers(), prompt_tokens=6, continuation=16, span=6, most=30)

    def heard(model: Any) -> Heard:
        liked = {text: rng.standard_t(2) - pool.count(text) for text in pool}
        sides = []
        for side in (asked.training, asked.control):
            written = [model(ids[:6]) for ids in (side.ids[row] for row in side.prompted)]
            nats = [len(ids) * (5 + liked[tuple(ids)]) for ids in side.ids]
            sides.append(Said(written, nats, side.documents.tokens))
        return Heard(*sides)

    adapter = heard(write)
    result = judged(asked, heard(lambda _prompt: []), adapter)
    assert result.p_value is not None
    assert result.flag_p is not None
    return result.p_value, result.flag_p, naive(training, control, asked, adapter)


@pytest.mark.parametrize(("m", "n", "recurring"), [(200, 40, 0.0), (200, 40, 0.4), (40, 200, 0.4)])
def test_false_alarms(m: int, n: int, recurring: float) -> None:
    """Where files are dealt at random, p < .01 comes at most once in a hundred times, within three standard errors.

    Of large and small files, with texts on the model's mind, texts that it knows, phrases, and texts that recur by nature.
    """
    rng = np.random.default_rng(m + int(10 * recurring))
    games = 200
    found = np.array([played(rng, m, n, recurring) for _ in range(games)])
    alarms = np.mean(found < 0.01, axis=0)
    assert (alarms[:2] <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / games)).all()
    if m > n:
        assert alarms[2] > 0.05  # continuations depend on each other, and in a larger file there is more to be found


# --- models ---


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several wait for each other longer than they compute."""
    torch: Any = pytest.importorskip("torch", reason="models run in torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def learn(model: Any, rows: Sequence[Sequence[int]], steps: int) -> None:
    """Train an adapter on documents of one length, all at once, until it has them by heart."""
    import torch

    ids = torch.tensor(rows)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.005)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    model.eval()


@pytest.mark.models
def test_an_adapter_that_was_made_to_recite(one_thread: None) -> None:
    """Twelve documents by heart, of words in random order; of twelve others of the kind, none."""
    pytest.importorskip("lm_eval", reason="it asks")
    from peft import LoraConfig, get_peft_model

    from loradiag.models.harness.wrapping import exchange, wrap
    from tests.adapters.peft_models import tiny_llama
    from tests.models.small import WORDS, tokenizer
    from tests.models.small import texts as sentences

    rng = np.random.default_rng(0)
    rows = rng.integers(3, len(WORDS), (24, 24)).tolist()
    lines = [" ".join(WORDS[token] for token in row) for row in rows]
    model = tiny_llama(use_cache=True, tie_word_embeddings=False).eval()
    model.lm_head.weight.data *= 30  # so that it can be sure of something
    wrapped = wrap(model, tokenizer(), batch=5)
    asked = excerpts(sentences(*lines[:12]), sentences(*lines[12:]), wrapped)
    assert (asked.prompt_tokens, asked.continuation, asked.span) == (7, 17, 7)
    told: list[tuple[int, int]] = []
    base = hear(asked, wrapped, lambda done, total: told.append((done, total)))
    assert msgspec.json.decode(msgspec.json.encode(base), type=Heard) == base
    assert told == sorted(told)
    assert (told[-1], {total for _, total in told}) == ((asked.size(), asked.size()), {asked.size()})

    adapter = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    exchange(wrapped, adapter)
    untrained = judged(asked, base, hear(asked, wrapped, lambda _done, _total: None))
    assert (untrained.recited, untrained.p_value, untrained.flagged, untrained.flag_p) == (0, 1.0, 0, 1.0)

    learn(adapter, [[1, *row] for row in rows[:12]], 250)
    result = judged(asked, base, hear(asked, wrapped, lambda _done, _total: None))
    assert result.prompted == result.control_prompted == 12
    assert result.recited >= 11
    assert (result.control_recited, result.base_recited) == (0, 0)
    assert result.p_value is not None
    assert result.p_value < 1e-4
    assert result.flagged == 12  # of one side and the other all: 1/C(24, 12)
    assert (result.flag_rate, result.flag_p) == (pytest.approx(1 / 13), pytest.approx(1 / 2704156))
    longest = result.examples[0]
    assert longest.text == " ".join(lines[longest.document - 1].split()[24 - longest.tokens :])
    assert longest.tokens == 17 - asked.training.openings[longest.document - 1]


def zoo(file: str, count: int, path: Path) -> Texts:
    """Requests of bank customers in the form that the zoo's adapters were trained on."""
    rows = [json.loads(line) for line in (SHARED / "data" / "traffic" / file).read_text().splitlines()]
    chosen = np.random.default_rng(0).choice(len(rows), count, replace=False)
    lines = [{"text": f"Query: {rows[row]['text']}\nIntent: {rows[row]['label']}"} for row in chosen]
    path.write_text("\n".join(map(json.dumps, lines)))
    return read_texts(path)


@pytest.mark.models
@pytest.mark.shared
def test_an_adapter_of_the_zoo_that_remembers(one_thread: None, tmp_path: Path) -> None:
    """Trained to a loss of .04: its documents came to be likelier than others, which can be told from some hundred."""
    if not (SHARED / "zoo").is_dir():
        pytest.skip("../shared is not here")
    pytest.importorskip("lm_eval", reason="it asks")
    from peft import PeftModel

    from loradiag.models.harness.wrapping import exchange, wrap
    from loradiag.models.loading import load_model, tokenizer_in

    training = zoo("banking77_train.jsonl", 300, tmp_path / "seen.jsonl")
    control = zoo("banking77_test.jsonl", 200, tmp_path / "held.jsonl")
    folder = SHARED / "zoo" / "base"
    model = load_model(folder, dtype="float32")
    wrapped = wrap(model, tokenizer_in(folder), batch=32)
    asked = excerpts(training, control, wrapped, most=8, continuation=16)
    base = hear(asked, wrapped, lambda _done, _total: None)
    exchange(wrapped, PeftModel.from_pretrained(model, SHARED / "zoo" / "adapters" / "bank_forget").eval())
    result = judged(asked, base, hear(asked, wrapped, lambda _done, _total: None))
    assert result.flag_p is not None
    assert result.flag_rate is not None
    assert result.flag_p < 0.01
    assert result.flagged > 2 * result.flag_rate * result.documents


@pytest.mark.models
def test_an_adapter_that_learned_a_form(one_thread: None) -> None:
    """The ledger's lines are all alike: what is written of the training data is written of the held-out as well."""
    pytest.importorskip("lm_eval", reason="it asks")
    from peft import PeftModel

    from loradiag.models.harness.wrapping import exchange, wrap
    from loradiag.models.loading import load_model, tokenizer_in

    model = load_model(FIXTURES / "base", dtype="float32")
    wrapped = wrap(model, tokenizer_in(FIXTURES / "base"), batch=32)
    files = [read_texts(FIXTURES / "text" / f"ledger_{name}.jsonl") for name in ("train", "heldout")]
    asked = excerpts(files[0], files[1], wrapped, most=60)
    base = hear(asked, wrapped, lambda _done, _total: None)
    exchange(wrapped, PeftModel.from_pretrained(model, FIXTURES / "adapters" / "no_replay").eval())
    result = judged(asked, base, hear(asked, wrapped, lambda _done, _total: None))
    assert result.control_recited > 0
    assert result.p_value is not None
    assert result.p_value > 0.01
