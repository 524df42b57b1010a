"""What loradiag says of answers whose difference is known, over many runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.confusion import interval
from benchmarks.validity.families.forgetting import asking, memory, real
from benchmarks.validity.families.forgetting.answers import PPL, Change, both, perplexities, scored
from benchmarks.validity.families.forgetting.asking import Asked
from benchmarks.validity.families.words import Place, Shown, Table, Told, counting, expect
from loradiag.core.findings import Finding
from loradiag.models.harness.tasks import Group

JUDGED = frozenset(["LD701", "LD702", "LD703", "LD704", "LD705", "LD706", "LD708", "LD709"])
SCORE = frozenset(["LD701", "LD704", "LD705"])
RUNS = 60
MARGIN = 0.05


class Case(NamedTuple):
    """Documents, the base's accuracy, and what was changed. ``expected`` follows from the true difference alone."""

    label: str
    change: Change
    expected: Expected
    n: int = 1000
    accuracy: float = 0.8


def shown(place: Place) -> Shown:
    """All of them."""
    runs = 8 if place.quick else RUNS
    told = [*_tasks(runs), *_several(runs), *_others(runs), *memory.told(4 if place.quick else 30), *real.told(place)]
    return Shown(told, [] if place.quick else [_power(runs)])


# A margin is 5% of the base's score. Beyond it lost, within it weakened; of a thousand documents both can be told.
CASES = (
    *(
        Case(f"nothing lost, {churn:.0%} of answers flip", Change(0.0, churn), expect(), n, accuracy)
        for churn in (0.01, 0.05)
        for accuracy in (0.6, 0.9)
        for n in (300, 1000, 3000)
    ),
    *(
        Case("lost exactly the margin", Change(-0.05), expect("LD702", "LD704"), n, accuracy)
        for accuracy in (0.6, 0.9)
        for n in (300, 1000, 3000)
    ),
    Case("3% of the score lost, 3,000 documents", Change(-0.03, 0.01), expect("LD704", "LD702"), 3000),
    *(
        Case(f"{share:.0%} of the score lost", Change(-share), expect("LD701", "LD704 LD702"), n, accuracy)
        for share in (0.15, 0.3)
        for accuracy in (0.6, 0.9)
        for n in (300, 1000)
    ),
    *(
        Case("8% of the score gained", Change(0.08), expect("LD705"), n, accuracy)
        for accuracy in (0.6, 0.8)
        for n in (1000, 3000)
    ),
)


def _tasks(runs: int) -> Iterator[Told]:
    """Runs of one task."""
    for number, case in enumerate(CASES):
        # Of 300 documents neither a loss near the margin nor none can be told for sure.
        may = case.expected.may | ({"LD702"} if case.n < 3000 else set())
        expected = Expected(case.expected.should, frozenset(may) - case.expected.should)
        for seed in range(runs):
            rng = np.random.default_rng([seed, number])
            before, after = both(case.n, case.accuracy, case.change, rng)
            question = Asked("task", scored(before, "base"), scored(after, "adapter"))
            found = asking.report([question]).findings
            yield _told(case.label, expected, found, f"{case.label} #{number}.{seed}", SCORE | {"LD702"})


def _told(label: str, expected: Expected, found: Sequence[Finding], name: str, judged: frozenset[str]) -> Told:
    return Told(
        family="answers",
        name=name,
        label=label,
        expected=expected,
        judged=judged,
        fired=counting(found),
        sound=not expected.should and label.startswith(("nothing", "eight")),
    )


def _several(runs: int) -> Iterator[Told]:
    """Runs of eight tasks: of all together one in twenty may be wrong, whatever one of them lost."""
    for label, losses in (("eight tasks, nothing lost", 0), ("eight tasks, one lost 15%", 1)):
        for seed in range(runs):
            rng = np.random.default_rng([seed, 77, losses])
            changes = [Change(-0.15 if place < losses else 0.0) for place in range(8)]
            questions = [
                Asked(f"task{place}", scored(before, "base"), scored(after, "adapter"))
                for place, change in enumerate(changes)
                for before, after in [both(1000, rng.uniform(0.5, 0.9), change, rng)]
            ]
            found = asking.report(questions).findings
            lost = [row for row in found if losses and "task0" in row.modules]
            others = [row for row in found if not losses or "task0" not in row.modules]
            if losses:
                yield _told(label, expect("LD701", "LD704"), lost, f"{label} #{seed}", SCORE)
            yield _told("eight tasks, those that lost nothing", expect(), others, f"{label} #{seed}, others", SCORE)


def _others(runs: int) -> Iterator[Told]:
    for seed in range(runs):
        rng = np.random.default_rng([seed, 5])
        yield from _texts(rng, seed)
        yield from _groups(rng, seed)
        yield from _chances(rng, seed)
        yield from _served(rng, seed)
    for seed in range(min(runs, 20)):
        yield from _missing(np.random.default_rng([seed, 6]), seed)


def _texts(rng: np.random.Generator, seed: int) -> Iterator[Told]:
    """Perplexity: less is better, and 5% more is the margin."""
    for label, rise, expected in (
        ("nothing lost, perplexity of texts", 0.0, expect()),
        ("perplexity of texts up by 2%", 0.02, expect("LD704")),
        ("perplexity of texts up by 15%", 0.14, expect("LD701", "LD704")),
        ("perplexity of texts down by 5%", -0.05, expect("LD705")),
    ):
        before, after = perplexities(150, rise, rng)
        question = Asked("text", scored(before, "base", PPL), scored(after, "adapter", PPL), role="text")
        yield _told(label, expected, asking.report([question]).findings, f"{label} #{seed}", SCORE)


def _groups(rng: np.random.Generator, seed: int) -> Iterator[Told]:
    """A group of ten is asked, and not its parts; one part is gone, or none."""
    names = [f"part{place}" for place in range(10)]
    for label, gone, expected in (
        ("nothing lost in any part of a group", 0.0, expect()),
        ("one part of a group lost 40%", -0.4, expect("LD703")),
    ):
        questions = []
        for name in names:
            change = Change(gone if name == "part3" else 0.0, 0.02)
            before, after = both(300, 0.8, change, rng)
            questions.append(Asked(name, scored(before, "base"), scored(after, "adapter"), asked=False))
        found = asking.report(questions, [Group("all", names, by_documents=True)], ["all"]).findings
        yield _told(label, expected, found, f"{label} #{seed}", frozenset({"LD703"}))


def _chances(rng: np.random.Generator, seed: int) -> Iterator[Told]:
    """Four choices: who guesses has a quarter."""
    for label, accuracy, expected in (
        ("base guesses", 0.25, expect("LD706")),
        ("base knows 10% more than chance", 0.35, expect()),
        ("base knows 40% more than chance", 0.65, expect()),
    ):
        for n in (300, 1000):
            before, after = both(n, accuracy, Change(0.0), rng)
            question = Asked("task", scored(before, "base", choices=4), scored(after, "adapter", choices=4))
            found = asking.report([question]).findings
            yield _told(label, expected, found, f"{label}, {n} #{seed}", frozenset({"LD706"}))


def _served(rng: np.random.Generator, seed: int) -> Iterator[Told]:
    """What is served beside what was trained: the same but for rounding, or 15% worse."""
    for label, change, expected in (
        ("served as well as trained", Change(0.0, 0.02), expect()),
        ("served 3% worse", Change(-0.03, 0.02), expect()),
        ("served 15% worse", Change(-0.15, 0.02), expect("LD709")),
        ("served 30% worse", Change(-0.3, 0.02), expect("LD709")),
    ):
        before, after = both(1000, 0.8, Change(0.0, 0.02), rng)
        lost, won = change.flips(0.8)
        flipped = rng.random(1000) < np.where(after > 0, lost, won)
        served = np.abs(after - flipped)
        question = Asked("task", scored(before, "base"), scored(after, "adapter"), scored(served, "served"))
        found = asking.report([question]).findings
        yield _told(label, expected, found, f"{label} #{seed}", frozenset({"LD709"}))


def _missing(rng: np.random.Generator, seed: int) -> Iterator[Told]:
    """Scores that are not finite, of one document alone, and sound ones."""
    before, after = both(300, 0.8, Change(0.0), rng)
    broken = after.copy()
    broken[int(rng.integers(300))] = np.nan
    for label, values, expected in (
        ("scores are there", (before, after), expect()),
        ("a score is NaN", (before, broken), expect("LD708")),
        ("a single document", (before[:1], after[:1]), expect("LD708")),
    ):
        question = Asked("task", scored(values[0], "base"), scored(values[1], "adapter"))
        found = asking.report([question]).findings
        yield _told(label, expected, found, f"{label} #{seed}", frozenset({"LD708"}))


def _power(runs: int) -> Table:
    """How often a loss is called what, by its size and the number of documents."""
    rows = []
    for share in (0.0, 0.025, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3):
        cells = []
        for n in (100, 300, 1000, 3000):
            statuses = []
            for seed in range(runs):
                rng = np.random.default_rng([seed, n, int(1000 * share)])
                before, after = both(n, 0.8, Change(-share), rng)
                found = asking.report([Asked("task", scored(before, "base"), scored(after, "adapter"))])
                measured = found.measurements.forgetting
                assert measured is not None
                statuses.append(measured.tasks[0].status)
            cells.append(
                " / ".join(f"{statuses.count(word) / runs:.0%}" for word in ("safe", "forgot", "inconclusive"))
            )  # type: ignore[arg-type]
        rows.append([f"{share:.1%}", *cells])
    width = interval(runs // 2, runs)
    head = ("share of the score lost", *(f"{n:,} documents" for n in (100, 300, 1000, 3000)))
    title = (
        f"Losses of an accuracy of 0.8, margin 5%, called safe / forgot / undecided, {runs} runs each "
        f"(95% intervals up to ±{(width[1] - width[0]) / 2:.0%})"
    )
    return Table(title, head, rows)
