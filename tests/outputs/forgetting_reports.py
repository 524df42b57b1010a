"""Reports on forgetting made by hand, judged by the rules: every status, groups, routes, a sweep and memorisation."""

from __future__ import annotations

from typing import Any

import msgspec

from loradiag.api.judging import judge
from loradiag.core.forgetting import (
    Recitation,
    Score,
)
from loradiag.core.measurements import Measurements
from loradiag.core.report import Report
from tests.outputs.building import integrity, report
from tests.outputs.forgetting_parts import (
    around,
    as_served,
    candidate,
    example,
    far_sweep,
    forgetting,
    judged,
    memory,
    strict,
    sweep,
    task,
    text,
)


def plain() -> list[Report]:
    """Four tasks: one lost, one open, one safe, one gained from chance."""
    tasks = [
        task("arc_easy", 0.7, 40, 38),
        task("hellaswag", 0.917, 364, 33),
        task("piqa", 0.743, 163, 110),
        task("npi", 0.263, 167, 231, chance=0.5),
    ]
    return [judged(forgetting(tasks))]


def kept() -> list[Report]:
    """Everything is safe; the answers to one task did not change at all."""
    same: dict[str, Any] = {
        **around(0.0, 0.0),
        "identical": True,
        "interval": "identical",
        "p_value": 1.0,
        "p_adjusted": 1.0,
    }
    tasks = [task("arc_easy", 0.7, 11, 12), task("copa", 0.81, 0, 0, n=100, minimum_detectable=None, **same)]
    return [judged(forgetting(tasks))]


def undecided() -> list[Report]:
    """One task of few documents."""
    return [judged(forgetting([task("piqa", 0.743, 12, 8, n=100)], limit=100, shots=5, chat=True))]


def strictly() -> list[Report]:
    """The same where what is open fails."""
    (open_,) = undecided()
    return [judge(open_, strict())]


def _subject(index: int) -> Score:
    lost = (14, 9, 22, 11, 17)[index % 5] + (index == 7) * 40
    return task(
        f"mmlu_subject_{index:02}",
        0.4 + index / 200,
        lost,
        10 + index % 3,
        n=140,
        asked=False,
        lost_examples=[],
        chance=0.25,
    )


def grouped() -> list[Report]:
    """A group of 57 tasks beside a task, a text and the domain; other metrics; parts that lost and that are open."""
    parts = [_subject(index) for index in range(57)]
    group = task(
        "mmlu", 0.54, 860, 630, n=7980, role="group", metric="acc", interval="mover", test="normal",
        parts=[part.task for part in parts], lost_examples=[], won_examples=[],
    )  # fmt: skip
    lesser = task(
        "mmlu_stem", 0.48, 300, 210, n=2660, role="group", interval="mover", asked=False,
        parts=[part.task for part in parts[:19]], lost_examples=[], won_examples=[],
    )  # fmt: skip
    tasks = [
        *parts,
        task("hellaswag", 0.52, 30, 33),
        task("hellaswag", 0.61, 30, 33, metric="acc_norm", primary=False, lost_examples=[], won_examples=[]),
        text("wiki", 12.4, 14.1, 0.2),
        text("domain", 612.4, 17.73, 9.0, role="domain", asked=False, p_adjusted=None, lost=3, won=237),
    ]
    return [judged(forgetting(tasks, groups=[group, lesser], remembered=12))]


def served() -> list[Report]:
    """Two tasks, unmerged and along two routes: one loses what was learned, the other loses of the base as well."""
    first, second = task("arc_easy", 0.7, 40, 38), task("gsm8k", 0.31, 20, 190)
    tasks = [
        first,
        as_served(first, "nf4", 130, 40),
        as_served(first, "bf16", 41, 38),
        second,
        as_served(second, "nf4", 60, 140),
        as_served(second, "bf16", 21, 190),
    ]
    return [judged(forgetting(tasks, routes=["nf4", "bf16"], trained_on="nf4", base_by="apart", adapter_by="fold"))]


def interrupted() -> list[Report]:
    """A run that was stopped before two tasks and the sweep."""
    tasks = [task("arc_easy", 0.7, 11, 12)]
    return [judged(forgetting(tasks, unfinished=["gsm8k", "hellaswag", "sweep"], base_by="remembered", remembered=3))]


def weaker() -> list[Report]:
    """A task that was lost, and a sweep that finds a form which keeps it."""
    tasks = [
        task("hellaswag", 0.917, 364, 33),
        text("domain", 612.4, 17.73, 9.0, role="domain", asked=False, p_adjusted=None, lost=3, won=237),
    ]
    return [judged(forgetting(tasks, sweep=sweep()))]


def remembered() -> list[Report]:
    """Nothing was forgotten of the base, and training data is recited."""
    return [judged(forgetting([task("arc_easy", 0.7, 11, 12)], memorisation=memory()))]


def odd() -> list[Report]:
    """What can be missing: intervals, scores, a base that scores 0 or below it, tasks, judgement, a policy; and far numbers."""
    none: dict[str, Any] = dict.fromkeys(("ci_low", "ci_high", "bound_low", "bound_high", "standard_error", "interval"))
    bare = Score(task="bleu", metric="bleu", n=40, reason="it has no value of its own for each document")
    rows = [
        task("few", 0.5, 1, 0, n=2, **none, reason="there are too few documents for an interval"),
        bare,
        task("zero", 0.0, 0, 3, n=100),
        text("likelihood", -80.2, -96.7, 2.0, metric="loglikelihood", higher_is_better=True, role="task"),
        text("burst", 9.7, 1.3e9, 1e8),
        text("overflow", 1e-300, 1e300, 1e299),
        task("lost", 0.9, 890, 0),
    ]
    unjudged = report(
        Measurements(integrity=integrity(21), forgetting=forgetting([task("arc", 0.5, 9, 8)])), thresholds={}
    )
    bare_sweep = sweep(candidates=[], chosen=None, written=None)
    lone = memory(
        prompted=0, recited=0, control_prompted=0, control_recited=0, base_recited=0, false_positives=None, p_value=None,
        flag_rate=None, flag_p=None, nll_base=None, documents=0, examples=[],
    )  # fmt: skip
    return [
        judged(forgetting(rows, adapter_by="vllm", backend="vllm"), path="runs/odd"),
        judged(forgetting([]), path="runs/none"),
        msgspec.structs.replace(unjudged, subject=msgspec.structs.replace(unjudged.subject, path="runs/unjudged")),
        judged(forgetting([task("arc", 0.5, 9, 8)], sweep=bare_sweep, memorisation=lone), path="runs/bare"),
        judged(forgetting([task("arc", 0.5, 9, 8)], sweep=far_sweep()), path="runs/far"),
    ]


def hostile(name: str) -> list[Report]:
    """Every text of it that may come from a file is ``name``."""
    shown = [example(3, prompt=name, target=name, base_answer=name, adapter_answer=name)]
    more: dict[str, Any] = {
        "metric": name,
        "filter": name,
        "lost_examples": shown,
        "won_examples": shown,
        "cluster_field": name,
    }
    first = task(f"{name}0", 0.9, 300, 20, **more)
    rows = [
        first,
        msgspec.structs.replace(as_served(first, f"{name}r", 350, 10), metric=name, filter=name),
        msgspec.structs.replace(task(f"{name}1", 0.9, 0, 20, **more), primary=False),
        task(f"{name}2", 0.9, 60, 20, n=200, asked=False, **more),
        Score(task=f"{name}3", metric=name, reason=name, interval=name, test=name),
        text(f"{name}4", 50.0, 20.0, 1.0, role="domain", asked=False, metric=name),
    ]
    group = task(f"{name}5", 0.9, 60, 20, n=200, role="group", parts=[f"{name}2"], **more)
    found = forgetting(
        rows,
        groups=[group],
        unfinished=[name, f"{name}9"],
        harness=name,
        backend=name,
        device=name,
        compute=name,
        trained_on=name,
        routes=[f"{name}r"],
        adapter_by=name,
        base_by=name,
        tokenizer_differs=name,
        sweep=sweep(
            domain=name,
            written=name,
            chosen=f"{name}1",
            candidates=[
                candidate(f"{name}{index}", "scale", 0.5, 0.1 * index, 0.5 * index, reason=name if index == 2 else None)
                for index in range(3)
            ],
        ),
        memorisation=memory(training=name, control=name, examples=[Recitation(document=1, tokens=60, text=name)]),
    )
    return [judged(found, path=f"runs/{name}")]


def long(count: int = 200) -> list[Report]:
    """Two hundred tasks that were asked by name, with long names, and the documents that changed."""
    wordy = [
        example(index, prompt="why " * 80, target="so " * 90, base_answer="a" * 300, adapter_answer="b" * 300)
        for index in range(5)
    ]
    tasks = [
        task(
            f"a_task_with_quite_a_long_name_of_its_own_{index:03}", 0.9 - index / 400, 10 + index * 2, 12,
            lost_examples=wordy, won_examples=wordy, chance=0.88,
        )
        for index in range(count)
    ]  # fmt: skip
    return [judged(forgetting(tasks))]


def many() -> list[Report]:
    """Some of them."""
    return long(30)


CASES = {
    "plain": plain,
    "kept": kept,
    "undecided": undecided,
    "strictly": strictly,
    "grouped": grouped,
    "served": served,
    "interrupted": interrupted,
    "weaker": weaker,
    "remembered": remembered,
    "odd": odd,
}
