"""Runs of transformers' Trainer on the fixtures' base, kept with what other held-out text says of them: ``runs.json.gz``.

python -m benchmarks.validity.families.logs.train [--jobs N] [--only WORD]

The trainer evaluates on one half of the held-out documents; the loss on the other half is measured at the same steps and
is what labels go by. It takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("runs.json.gz")
FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
sys.path.insert(0, str(FIXTURES))


class Plan(NamedTuple):
    """How a run is trained. ``documents``: of the domain that it sees; ``event``: what is done to it in the middle."""

    name: str
    lr: float = 2e-3
    steps: int = 140
    rank: int = 8
    batch: int = 8
    seed: int = 0
    documents: int = 400
    replay: float = 0.5
    schedule: str = "cosine"
    event: str | None = None


def plans() -> Iterator[Plan]:
    """All of them."""
    kinds = [(1e-3, 8, 8), (2e-3, 4, 16), (3e-3, 8, 4), (2e-3, 16, 4), (1e-3, 4, 4)]
    for seed, (lr, rank, batch) in enumerate(kinds * 2):
        schedule = ("cosine", "linear")[seed // 5] if seed % 3 else "constant_with_warmup"
        yield Plan(f"ordinary {seed}", lr=lr, rank=rank, batch=batch, seed=200 + seed, schedule=schedule)
    for seed in range(3):
        yield Plan(f"no text of the base {seed}", seed=230 + seed, replay=0.0, lr=2e-3 if seed % 2 else 4e-3)
    for seed, documents in enumerate((3, 5, 8, 5)):
        yield Plan(f"few documents {seed}", lr=6e-3, steps=200, seed=240 + seed, documents=documents, replay=0.0)
    for seed, lr in enumerate((0.05, 0.1, 0.2, 0.4, 0.8)):
        yield Plan(f"hot {seed}", lr=lr, steps=100, seed=250 + seed, schedule="constant", replay=0.0)
    for seed in range(2):
        yield Plan(f"rate zero {seed}", lr=0.0, steps=100, seed=260 + seed)
        yield Plan(f"NaN put in {seed}", seed=270 + seed, event="NaN", steps=100)
        yield Plan(f"rate times 60 for three steps {seed}", seed=280 + seed, event="leap")


def run(plan: Plan) -> dict[str, Any]:
    """Train one, and return its log and the losses on the other half."""
    import torch
    from recipes import files, scoring
    from recipes.adapters import Recipe, lora
    from recipes.making import wrapped
    from recipes.training import Schedule, pack, windows
    from transformers import Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(1)
    recipe = Recipe(plan.name, Schedule(lr=plan.lr, steps=plan.steps, seed=plan.seed), lora(plan.rank, 2 * plan.rank))
    model, tokenizer = wrapped(recipe)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(plan.seed)
    held = files.read_texts("ledger_heldout")

    def rows(texts: list[str], count: int) -> list[dict[str, Any]]:
        drawn = windows(pack(tokenizer, texts), count, generator)
        return [{"input_ids": row, "labels": row} for row in drawn]

    count = 40 * plan.batch
    own = files.read_texts("ledger_train")[: plan.documents]
    data = rows(own, round(count * (1 - plan.replay))) + (
        rows(files.read_texts("base_train"), round(count * plan.replay)) if plan.replay else []
    )
    others: list[tuple[int, float]] = []

    class Watching(TrainerCallback):  # type: ignore[misc]
        """Looks at the other half, and does what is planned."""

        def on_evaluate(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            with torch.no_grad():
                others.append((state.global_step, float(scoring.text_loss(model, tokenizer, held[75:]))))
            model.train()

        def on_step_begin(self, _args: Any, state: Any, _control: Any, optimizer: Any = None, **_: Any) -> None:
            middle = plan.steps // 2
            if plan.event == "NaN" and state.global_step == middle:
                weight = next(p for name, p in model.named_parameters() if "lora_B" in name)
                weight.data[0, 0] = float("nan")
            if plan.event == "leap" and optimizer is not None and middle <= state.global_step < middle + 3:
                for group in optimizer.param_groups:
                    group["lr"] *= 60

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=plan.steps,
            learning_rate=plan.lr,
            warmup_steps=plan.steps // 20,
            lr_scheduler_type=plan.schedule,
            per_device_train_batch_size=plan.batch,
            per_device_eval_batch_size=16,
            logging_steps=4,
            eval_strategy="steps",
            eval_steps=plan.steps // 10,
            save_strategy="no",
            seed=plan.seed,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            model, arguments, train_dataset=data, eval_dataset=rows(held[:75], 48), callbacks=[Watching()]
        )
        trainer.train()
        lines = [
            {key: value for key, value in line.items() if not key.endswith(("_runtime", "_per_second"))}
            for line in trainer.state.log_history
            if "train_runtime" not in line
        ]
    state = {"global_step": plan.steps, "max_steps": plan.steps, "save_steps": plan.steps // 10, "log_history": lines}
    return {"plan": plan._asdict(), "state": json.dumps(state), "others": others}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="those whose name has this in it; nothing is written")
    options = parser.parse_args(arguments)
    chosen = [plan for plan in plans() if (options.only or "") in plan.name]
    found = []
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), initializer=_quietly) as pool:
        for one in pool.map(run, chosen):
            print(one["plan"]["name"], [round(loss, 3) for _, loss in one["others"]], flush=True)
            found.append(one)
    if not options.only:
        FILE.write_bytes(gzip.compress(json.dumps({"runs": found}).encode(), mtime=0))


def _quietly() -> None:
    sys.path.insert(0, str(FIXTURES))


if __name__ == "__main__":
    main()
