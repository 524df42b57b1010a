"""What reports on forgetting are made of by hand: scores, a sweep, memorisation; and how rules judge them."""

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


def far_sweep() -> Sweep:
    """A sweep with numbers at the ends of what a float can be, and others that are not there."""
    rows = [
        candidate("base", "base", 0.0, 0.0, 0.0, kept_report=None, kept_low=None, kept_high=None),
        candidate("scale 0.5", "scale", 0.5, 1e300, -1e300),
        candidate("rank 2", "rank", 2.0, -0.2, 1.4, loss_choose=None, kept_choose=None, domain_report=None),
        candidate("adapter", "adapter", 1.0, 5e-324, 1.0),
    ]
    return sweep(candidates=rows, chosen="gone", written=None)


def found_in(report: Report) -> Forgetting:
    """What a report says of forgetting."""
    assert report.measurements.forgetting is not None
    return report.measurements.forgetting
