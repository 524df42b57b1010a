"""A real run of TRL's SFTTrainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.callbacks.training import logged, lora
from tests.conftest import FIXTURES

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]


def sft(folder: Path, **options: Any) -> Any:
    """Train the base of the fixtures on some lines of text, PEFT put on it by TRL; with a callback if options are given."""
    trl = pytest.importorskip("trl", reason="trl is not installed")
    import datasets
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from loradiag.callbacks import LoraHealthCallback

    torch.manual_seed(0)
    lines = (FIXTURES / "text" / "base_train.jsonl").read_text(encoding="utf-8").splitlines()[:32]
    run = trl.SFTTrainer(
        AutoModelForCausalLM.from_pretrained(FIXTURES / "base"),
        args=trl.SFTConfig(
            output_dir=str(folder),
            max_steps=6,
            learning_rate=1e-3,
            per_device_train_batch_size=2,
            max_length=24,
            logging_steps=3,
            save_steps=6,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list([{"text": json.loads(line)["text"]} for line in lines]),
        processing_class=AutoTokenizer.from_pretrained(FIXTURES / "base"),
        peft_config=lora(),
    )
    if options:
        run.add_callback(LoraHealthCallback(run, budget=None, **options))
    run.train()
    return run


def test_sft_is_measured_and_its_own_averages_stay(tmp_path: Path) -> None:
    """Measures of every second step, the report of the save, and TRL's own rows as they are without the callback.

    TRL averages over the steps since its last log and then forgets them: a log in between must not make it forget.
    """
    watched = sft(tmp_path / "watched", every=2, reports=True, stop_on="error")
    plain = sft(tmp_path / "plain")
    history = watched.state.log_history
    assert sorted(logged(history)) == [2, 4, 6]
    assert (tmp_path / "watched" / "checkpoint-6" / "loradiag-report.json").is_file()

    def own(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if "loss" in row]

    assert own(history) == own(plain.state.log_history)
    assert "mean_token_accuracy" in own(history)[0]
