"""Runs of known condition, and what LD9xx says of them: where the figures in the documentation of those rules come from.

    python -m benchmarks.runs train BASE TEXTS FOLDER     # TEXTS: .jsonl files with a field "text", one kind of text each
    python -m benchmarks.runs judge FOLDER

Training takes transformers, peft and accelerate; 73 runs of a base of 15.7M parameters took five minutes on one GPU.
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

LENGTH, SETS = 96, 150
"""Tokens of a document that count, and documents that are held out at most."""


class Run(msgspec.Struct, frozen=True):
    """One run.

    ``disturbed``: ``kick`` (a learning rate 60 times too large for three steps), ``noise`` (four batches with random labels),
    ``nan`` (one step along gradients that are NaN), each in the middle.
    """

    kind: str
    text: str
    seed: int
    lr: float
    steps: int = 300
    batch: int = 16
    documents: int | None = None
    warm: bool = True
    decays: bool = True
    dropout: float = 0.0
    fp16: bool = False
    disturbed: str = ""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.kind}-{self.text}-{self.lr:g}-{self.seed}"


def planned(texts: list[str]) -> list[Run]:
    """Every run: sound, noisy, overfit, too hot, disturbed, too long, and one that learns nothing."""
    runs = [Run("stuck", texts[0], 0, 0.0)]
    for text in texts:
        runs += [Run("sound", text, seed, lr) for seed in range(3) for lr in (3e-4, 1e-3)]
        runs += [Run("noisy", text, seed, 5e-4, 400, 2) for seed in range(2)]
        runs += [Run("overfit", text, seed, 2e-3, 400, documents=60) for seed in range(2)]
        runs += [Run("hot", text, seed, lr, warm=False, decays=False) for seed in range(2) for lr in (1e-2, 3e-2, 1e-1)]
        runs += [Run("kick", text, seed, 1e-3, disturbed="kick") for seed in range(2)]
        runs += [Run(kind, text, 0, 1e-3, disturbed=kind) for kind in ("noise", "nan")]
        runs += [Run("dropout", text, 0, 1e-3, dropout=0.3), Run("fp16", text, 0, 1e-3, fp16=True)]
        runs += [Run("long", text, seed, 5e-4, 800, decays=False) for seed in range(2)]
    return runs


def train(run: Run, base: str, file: Path, folder: Path) -> None:
    """Train one run with transformers' Trainer; five checkpoints, ten evaluations, a log every five steps."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    transformers.set_seed(run.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(
        model,
        LoraConfig(
            r=8, lora_alpha=16, lora_dropout=run.dropout, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"
        ),
    )
    held, rows = split(run, [tokenizer(text)["input_ids"][:LENGTH] for text in texts_of(file)])
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=run.steps, learning_rate=run.lr, seed=run.seed, fp16=run.fp16,
        warmup_steps=run.steps // 20 if run.warm else 0, lr_scheduler_type="cosine" if run.decays else "constant",
        per_device_train_batch_size=run.batch, per_device_eval_batch_size=50, max_grad_norm=1.0 if run.warm else 0.0,
        logging_steps=5, eval_strategy="steps", eval_steps=run.steps // 10, save_strategy="steps",
        save_steps=run.steps // 5, save_only_model=True, report_to=[], disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=held)
    trainer.data_collator = collator(run, trainer, tokenizer.eos_token_id or 0, len(tokenizer))
    trainer.add_callback(meddler(run, model))
    trainer.train()


def texts_of(file: Path) -> list[str]:
    """The documents of a file."""
    return [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def split(run: Run, rows: list[list[int]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Held-out documents and those to train on."""
    random.Random(run.seed).shuffle(rows)
    fifth = len(rows) // 5
    made = [{"input_ids": row, "labels": list(row)} for row in rows]
    return made[: min(fifth, SETS)], made[fifth:][: run.documents]


def collator(run: Run, trainer: Any, pad: int, vocabulary: int) -> Any:
    """Pad batches; where the run wants it, with random labels in four of them."""
    import torch

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in batch)
        room = [width - len(row["input_ids"]) for row in batch]
        labels = torch.tensor([row["labels"] + [-100] * more for row, more in zip(batch, room, strict=True)])
        middle = run.steps // 2
        if run.disturbed == "noise" and trainer.model.training and middle <= trainer.state.global_step < middle + 4:
            labels = torch.where(labels >= 0, torch.randint_like(labels, vocabulary), labels)
        return {
            "input_ids": torch.tensor([row["input_ids"] + [pad] * more for row, more in zip(batch, room, strict=True)]),
            "attention_mask": torch.tensor([[1] * (width - more) + [0] * more for more in room]),
            "labels": labels,
        }

    return collate


def meddler(run: Run, model: Any) -> Any:
    """A callback that disturbs the run in its middle."""
    import transformers

    class Meddler(transformers.TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kept: Any) -> None:  # noqa: ARG002
            since = state.global_step - run.steps // 2
            if run.disturbed == "nan" and since == 0:
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter.grad.fill_(float("nan"))
            if run.disturbed == "kick" and 0 <= since < 3:
                for group in kept["optimizer"].param_groups:
                    group["lr"] *= 60

    return Meddler()


def judge(folder: Path) -> str:
    """A table: of the runs of each kind, how many draw each rule, and how gravely."""
    import loradiag

    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in sorted(folder.iterdir()):
        kind = path.name.partition("-")[0]
        counts[kind]["runs"] += 1
        for said in {f"{row.code} {row.severity.value}" for row in loradiag.trajectory(path).findings}:
            counts[kind][said] += 1
    lines = []
    for kind, found in counts.items():
        told = ", ".join(f"{said} {count}" for said, count in sorted(found.items()) if said != "runs")
        lines.append(f"{kind} ({found['runs']} runs): {told or 'nothing'}")
    return "\n".join(lines)


def main() -> None:
    """Train all runs, or judge those that are there."""
    match sys.argv[1:]:
        case ["train", base, texts, folder]:
            files = {file.stem: file for file in sorted(Path(texts).glob("*.jsonl"))}
            for run in planned(list(files)):
                if not (Path(folder) / run.name).exists():
                    train(run, base, files[run.text], Path(folder) / run.name)
        case ["judge", folder]:
            print(judge(Path(folder)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
