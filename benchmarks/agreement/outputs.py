"""Merged weights against PEFT's own merges, next-token numbers by their definitions, and scores against lm-eval run alone."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.agreement.rows import Agreement
from benchmarks.validity.cases import FIXTURES
from tests.analyzers.merge.making import adapter_of, along, base_of, inspected, llama, loaded, merged, rounded
from tests.models.small import exact, logits_of
from tests.models.test_scoring import model, scored, sequences

KINDS = ("plain", "rslora", "patterns", "dora", "all linear", "embedding and head")


def outputs(*, quick: bool = False) -> Iterator[Agreement]:
    """Merges, next-token distributions, and scores of tasks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield _merges(KINDS[:2] if quick else KINDS, ("bf16",) if quick else ("bf16", "fp16", "fp32"))
        yield from _divergences(8 if quick else 40)
        if not quick:
            yield _scores()


def _merges(kinds: tuple[str, ...], routes: tuple[str, ...]) -> Agreement:
    """Entries of merged weights that are not PEFT's, bit for bit."""
    from tests.analyzers.merge.test_fold import BIASED, LORA

    differing, weights = 0, 0
    for kind in kinds:
        for route in routes:
            with tempfile.TemporaryDirectory() as place:
                folder, whole = Path(place), llama(**BIASED)
                base = base_of(whole, folder / "base", "bf16")
                adapter = adapter_of(rounded(whole, "bf16"), folder / "adapter", **LORA[kind])
                theirs = merged(loaded(base, route), adapter).state_dict()
                for name, one in along(inspected(base, adapter), route).items():
                    differing += int((one.stored.values != theirs[name]).sum())
                    weights += 1
    return Agreement(
        quantity="entries of merged weights that differ: LoRA, rsLoRA, patterns, DoRA, embeddings; "
        + ", ".join(routes),
        source="PEFT's merge_and_unload, bit for bit",
        cases=weights,
        difference=differing,
        tolerance=0,
        relative=False,
    )


def _divergences(count: int) -> Iterator[Agreement]:
    """llama.cpp's statistics by their definitions, from logits of sequences that run one by one, in float64."""
    ids, ours, theirs = sequences(count), model(0.3), model()
    alone, beside = scored(ours, theirs, ids)
    parts = [exact(logits_of(ours, row), logits_of(theirs, row), row) for row in ids]
    own = np.concatenate([exact(logits_of(theirs, row), logits_of(theirs, row), row)["nll"] for row in ids])
    by = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    pairs = {
        "perplexity": (np.exp(beside.nll.mean()), np.exp(by["nll"].mean())),
        "ln of the ratio of perplexities": (beside.nll.mean() - alone.nll.mean(), by["nll"].mean() - own.mean()),
        "mean divergence (KLD)": (beside.kld.mean(), by["kld"].mean()),
        "median divergence": (np.median(beside.kld), np.median(by["kld"])),
        "99% quantile of divergences": (np.quantile(beside.kld, 0.99), np.quantile(by["kld"], 0.99)),
        "same top token": (beside.same.mean(), by["same"].mean()),
        "root mean square Δp": (np.sqrt((beside.delta_p**2).mean()), np.sqrt((by["delta_p"] ** 2).mean())),
    }
    for quantity, (found, expected) in pairs.items():
        yield Agreement(
            quantity=quantity,
            source="llama.cpp's definition, in float64 from logits",
            cases=by["nll"].size,
            difference=abs(float(found / expected) - 1),
            tolerance=1e-4,
        )


def _scores() -> Agreement:
    """Accuracies of base and adapter on two tasks of the fixtures, 30 questions each."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    import loradiag

    base, adapter = FIXTURES / "base", FIXTURES / "adapters" / "narrow_forgetting"
    tasks, place = ["toy_facts", "toy_agreement_near"], FIXTURES / "tasks"
    report = loradiag.forgetting(base, adapter, tasks=tasks, include_path=[place], limit=30, fit=False, cache=False)
    measured = report.measurements.forgetting
    assert measured is not None
    theirs = []
    for peft in ({}, {"peft": str(adapter)}):
        found = simple_evaluate(
            model="hf",
            model_args={"pretrained": str(base), "dtype": "float32", "softmax_dtype": "float32", **peft},
            tasks=tasks,
            task_manager=TaskManager(include_path=str(place), include_defaults=False),
            device="cpu",
            limit=30,
            bootstrap_iters=0,
        )
        theirs.append({name: found["results"][name]["acc,none"] for name in tasks})
    rows = [row for row in measured.tasks if row.task in tasks and row.metric == "acc"]
    differences = [abs(row.base - theirs[0][row.task]) for row in rows] + [
        abs(row.adapter - theirs[1][row.task]) for row in rows
    ]
    return Agreement(
        quantity="accuracy of base and adapter on tasks",
        source="lm-evaluation-harness, run alone",
        cases=len(differences),
        difference=max(differences),
        tolerance=0,
        relative=False,
    )
