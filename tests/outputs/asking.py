"""Reports on forgetting made by hand, judged by the rules: every status, groups, routes, a sweep and memorisation."""

from __future__ import annotations

from math import sqrt
from typing import Any

import msgspec

from loradiag.api.judging import default_policy, judge
from loradiag.core.forgetting import (
    Candidate,
    CandidateTask,
    Example,
    Forgetting,
    Memorisation,
    Recitation,
    Score,
    Sweep,
)
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from tests.outputs.building import identity, integrity, report

Z95, Z90 = 1.95996, 1.64485


def around(difference: float, error: float) -> dict[str, float]:
    """Both intervals of a difference, as a normal distribution has them."""
    return {
        "difference": difference,
        "standard_error": error,
        "ci_low": difference - Z95 * error,
        "ci_high": difference + Z95 * error,
        "bound_low": difference - Z90 * error,
        "bound_high": difference + Z90 * error,
    }


def example(number: int, *, won: bool = False, **changes: Any) -> Example:
    """A document whose answer flipped."""
    fields: dict[str, Any] = {
        "base": float(not won),
        "adapter": float(won),
        "prompt": f"Question {number}: which of these\nis a mammal?",
        "target": "the whale",
        "base_answer": "the shark" if won else "the whale",
        "adapter_answer": "the whale" if won else "the shark",
        **changes,
    }
    return Example(document=number, **fields)


def task(name: str, base: float, lost: int, won: int, n: int = 1000, **changes: Any) -> Score:
    """A task of right and wrong answers: of ``n`` documents some flipped to wrong, some to right."""
    difference = (won - lost) / n
    error = sqrt(max((lost + won) / n - difference**2, 1e-6) / n)
    p_value = min(1.0, 2 * 10 ** -((abs(difference) / error) ** 1.2)) if difference else 1.0
    fields: dict[str, Any] = {
        "metric": "acc",
        "n": n,
        "base": base,
        "adapter": base + difference,
        "interval": "score",
        "binary": True,
        "p_value": p_value,
        "p_adjusted": p_value,
        "test": "mcnemar",
        "minimum_detectable": 2.4865 * error,
        "lost": lost,
        "won": won,
        "lost_examples": [example(index) for index in range(min(lost, 2))],
        "won_examples": [example(70 + index, won=True) for index in range(min(won, 1))],
        **around(difference, error),
        **changes,
    }
    return Score(task=name, **fields)


def text(name: str, base: float, adapter: float, error: float, **changes: Any) -> Score:
    """Perplexity of a text, of which less is better."""
    fields: dict[str, Any] = {
        "metric": "perplexity",
        "role": "text",
        "higher_is_better": False,
        "n": 240,
        "clusters": 60,
        "cluster_field": "source",
        "base": base,
        "adapter": adapter,
        "interval": "bootstrap-t",
        "p_value": 1e-5,
        "p_adjusted": 1e-5,
        "test": "sign flips",
        "lost": 150,
        "won": 90,
        "lost_examples": [example(4, base=2.5, adapter=3.25, target=None, base_answer=None, adapter_answer=None)],
        **around(adapter - base, error),
        **changes,
    }
    return Score(task=name, **fields)


def forgetting(tasks: list[Score], **changes: Any) -> Forgetting:
    """A run on a CPU."""
    fields: dict[str, Any] = {"harness": "lm-eval 0.4.13", "compute": "float32", "trained_on": "stored", **changes}
    return Forgetting(tasks=tasks, **fields)


def judged(found: Forgetting, policy: Policy | None = None, **changes: Any) -> Report:
    """A report as ``loradiag forgetting`` writes it."""
    measured = Measurements(integrity=integrity(21), identity=identity(), forgetting=found)
    return judge(report(measured, **changes), policy or default_policy())


def strict() -> Policy:
    """A policy under which an open question fails the gate."""
    return msgspec.structs.replace(default_policy(), inconclusive="fail")


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


def as_served(score: Score, route: str, lost: int, won: int) -> Score:
    """The same task along a route, on which it loses a little more than unmerged."""
    made = task(score.task, score.base or 0.0, lost, won, n=score.n)
    change = ((won - lost) - ((score.won or 0) - (score.lost or 0))) / score.n
    return msgspec.structs.replace(
        made,
        route=route,
        unmerged=score.adapter,
        unmerged_difference=change,
        unmerged_low=change - 0.02,
        unmerged_high=change + 0.02,
    )


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


def candidate(name: str, kind: str, value: float, loss: float, kept: float, **changes: Any) -> Candidate:
    """A weaker form whose numbers differ a little between both halves."""
    fields: dict[str, Any] = {
        "loss_choose": loss + 0.004,
        "loss_report": loss,
        "domain_choose": 610 * 0.03 ** min(max(kept, 0.0), 2.0),
        "domain_report": 612 * 0.03 ** min(max(kept, 0.0), 2.0),
        "kept_choose": kept - 0.01,
        "kept_report": kept,
        "kept_low": kept - 0.03,
        "kept_high": kept + 0.025,
        "tasks": [
            CandidateTask(
                task=task,
                metric="acc",
                higher_is_better=True,
                chosen_by=-0.7 * loss,
                base=0.7,
                candidate=0.7 - 0.7 * loss * share,
                difference=-0.7 * loss * share,
                ci_low=-0.7 * loss * share - 0.01,
                ci_high=-0.7 * loss * share + 0.01,
            )
            for task, share in (("arc_easy", 0.4), ("hellaswag", 1.0))
        ],
        **changes,
    }
    return Candidate(name=name, kind=kind, value=value, **fields)  # type: ignore[arg-type]


def sweep(**changes: Any) -> Sweep:
    """A grid of forms; half the strength is to be taken."""
    fields: dict[str, Any] = {
        "domain": "data/bank_train.jsonl",
        "margin": 0.05,
        "documents_choose": 1012,
        "documents_report": 988,
        "chosen": "scale 0.5",
        "written": "weaker/",
        "candidates": [
            candidate("base", "base", 0.0, 0.0, 0.0, kept_low=0.0, kept_high=0.0),
            candidate("scale 0.25", "scale", 0.25, 0.004, 0.41),
            candidate("scale 0.5", "scale", 0.5, 0.031, 0.76),
            candidate("scale 0.75", "scale", 0.75, 0.12, 0.93),
            candidate("rank 8", "rank", 8.0, 0.29, 0.9),
            Candidate(name="rank 4", kind="rank", value=4.0, reason="the disk is full"),
            candidate("intruders 0.75", "intruders", 0.75, 0.26, 0.97),
            candidate("adapter", "adapter", 1.0, 0.361, 1.0, kept_low=1.0, kept_high=1.0),
        ],
        **changes,
    }
    return Sweep(**fields)


def weaker() -> list[Report]:
    """A task that was lost, and a sweep that finds a form which keeps it."""
    tasks = [
        task("hellaswag", 0.917, 364, 33),
        text("domain", 612.4, 17.73, 9.0, role="domain", asked=False, p_adjusted=None, lost=3, won=237),
    ]
    return [judged(forgetting(tasks, sweep=sweep()))]


def memory(**changes: Any) -> Memorisation:
    """An adapter that recites some of its training data."""
    fields: dict[str, Any] = {
        "training": "data/train.jsonl",
        "control": "data/held_out.jsonl",
        "span": 50,
        "prompt_tokens": 32,
        "documents": 400,
        "control_documents": 380,
        "prompted": 200,
        "recited": 12,
        "control_prompted": 190,
        "control_recited": 0,
        "base_recited": 1,
        "false_positives": 0.0192,
        "p_value": 2.1e-4,
        "flagged": 88,
        "flag_rate": 0.05,
        "flag_p": 3e-20,
        "nll_base": 3.41,
        "nll_adapter": 1.02,
        "control_nll_base": 3.39,
        "control_nll_adapter": 2.97,
        "examples": [Recitation(document=17, tokens=61, text="Dear Mr. Smith, your account 12 was closed.")],
        **changes,
    }
    return Memorisation(**fields)


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


def far_sweep() -> Sweep:
    """A sweep with numbers at the ends of what a float can be, and others that are not there."""
    rows = [
        candidate("base", "base", 0.0, 0.0, 0.0, kept_report=None, kept_low=None, kept_high=None),
        candidate("scale 0.5", "scale", 0.5, 1e300, -1e300),
        candidate("rank 2", "rank", 2.0, -0.2, 1.4, loss_choose=None, kept_choose=None, domain_report=None),
        candidate("adapter", "adapter", 1.0, 5e-324, 1.0),
    ]
    return sweep(candidates=rows, chosen="gone", written=None)


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
