"""Real training runs of small models by transformers' Trainer, with an adapter by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import FIXTURES

LENGTH = 12
TARGETS = ["q_proj", "v_proj", "up_proj"]


def lora(**changes: Any) -> Any:
    """A LoRA configuration for the base of the fixtures, with dropout, so that a run draws random numbers."""
    from peft import LoraConfig

    settings: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "lora_dropout": 0.1}
    return LoraConfig(task_type="CAUSAL_LM", **{**settings, **changes})


def wrapped(config: Any = None) -> Any:
    """The base of the fixtures with a fresh adapter on it, the same each time."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return get_peft_model(AutoModelForCausalLM.from_pretrained(FIXTURES / "base"), config or lora())


def rows(count: int = 64) -> list[dict[str, Any]]:
    """Rows of token ids from a small part of the vocabulary, so that there is something to learn."""
    import torch

    drawn = torch.randint(5, 60, (count, LENGTH), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": row, "labels": row} for row in drawn]


def arguments(folder: Path, **changes: Any) -> Any:
    """Arguments of a short and quiet run on the CPU."""
    from transformers import TrainingArguments

    settings: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": 8,
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 2,
        "logging_steps": 4,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": 0,
    }
    return TrainingArguments(**{**settings, **changes})


def trainer(folder: Path, *callbacks: Any, model: Any = None, **changes: Any) -> Any:
    """A trainer of the wrapped base."""
    from transformers import Trainer

    return Trainer(
        model or wrapped(),
        arguments(folder, **changes),
        train_dataset=rows(),
        eval_dataset=rows(8),
        callbacks=[*callbacks],
    )


def logged(history: list[dict[str, Any]], name: str = "lora/frobenius") -> dict[int, float]:
    """What a log has of one measure, by step."""
    return {row["step"]: row[name] for row in history if name in row}
