"""What LoraHealthCallback costs a training: the same steps with it, without it, and with a callback that does nothing.

python benchmarks/callback.py [--model fixture|8b] [--device cuda] [--steps N] [--repeat N] [--every N] [--budget SHARE]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.tables import markdown, met  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TARGET = 1.02
"""Time of a training with the callback over one without."""

PLAIN, CONTROL, WATCHED = "no callback", "a callback that does nothing", "LoraHealthCallback"
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def model_of(name: str, device: str) -> Any:
    """A base with LoRA of rank 16 on every linear weight: that of the fixtures, or one of random numbers in the shape of 8B."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig

    if name == "fixture":
        base = AutoModelForCausalLM.from_pretrained(ROOT / "fixtures" / "base").to(device)
    else:
        sizes = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "vocab_size": 128_256}
        config = LlamaConfig(**sizes, num_attention_heads=32, num_key_value_heads=8, use_cache=False)
        with torch.device(device):
            base = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    config = LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=LINEARS)
    return get_peft_model(base, config)


def stopwatch(callback: type[Any]) -> type[Any]:
    """The callback with a clock around each of its events, outside of what it times itself.

    It works on the training's own thread and leaves nothing running, so what passes inside of its events is what it costs, and
    this is known to a thousandth where whole runs differ by a tenth. On a GPU the wait for the step's own work is in it too.
    """

    def around(event: str) -> Any:
        def timed(self: Any, *given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return getattr(super(watch, self), event)(*given, **named)
            finally:
                self.inside += time.perf_counter() - began

        return timed

    events = ("on_train_begin", "on_step_end", "on_save", "on_train_end")
    watch: type[Any] = type("Stopwatch", (callback,), {"inside": 0.0, **{event: around(event) for event in events}})
    return watch


def train(model: Any, options: argparse.Namespace, callbacks: list[Any]) -> tuple[float, float]:
    """Train once; seconds on the clock, and of this process's CPU."""
    import torch
    from transformers import Trainer, TrainingArguments

    drawn = torch.randint(5, 60, (64, options.length), generator=torch.Generator().manual_seed(0))
    data = [{"input_ids": row, "labels": row} for row in drawn]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=options.steps,
            per_device_train_batch_size=options.batch,
            logging_steps=10,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=options.device == "cpu",
            bf16=options.device != "cpu",
        )
        run = Trainer(model, arguments, train_dataset=data, callbacks=callbacks)
        began, cpu = time.perf_counter(), time.process_time()
        run.train()
        if options.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - began, time.process_time() - cpu


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all in turn, again and again, and print the table."""
    options = _parser().parse_args(arguments)
    import torch
    from transformers import PrinterCallback, TrainerCallback

    from loradiag.callbacks import LoraHealthCallback

    PrinterCallback.on_log = lambda *_, **__: None  # the table is all that is wanted
    torch.set_num_threads(options.threads or torch.get_num_threads())
    model = model_of(options.model, options.device)
    watchers: list[Any] = []

    watch = stopwatch(LoraHealthCallback)

    def watched() -> list[Any]:
        watchers.append(watch(every=options.every, budget=options.budget or None))
        return [watchers[-1]]

    arms: dict[str, Any] = {PLAIN: list, CONTROL: lambda: [TrainerCallback()], WATCHED: watched}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for turn in range(options.repeat + 1):
        for name, callbacks in arms.items():
            times = train(model, options, callbacks())
            if turn:  # the first round fills caches
                found[name].append(times)
    print(f"# {options.model}, {options.device}: {options.steps} steps of {options.batch} × {options.length}\n")
    print(_table(found), "\n")
    _tell(found, watchers[1:], options)


def _ratios(found: dict[str, list[tuple[float, float]]], name: str, which: int) -> list[float]:
    """Over the run without a callback of the same round."""
    return [ours[which] / plain[which] for ours, plain in zip(found[name], found[PLAIN], strict=True)]


def _of_minima(found: dict[str, list[tuple[float, float]]], name: str) -> float:
    """The quickest run over the quickest without a callback: what noise can only add to."""
    return min(wall for wall, _ in found[name]) / min(wall for wall, _ in found[PLAIN])


def _table(found: dict[str, list[tuple[float, float]]]) -> str:
    head = (
        "training with",
        "wall median",
        "wall min",
        "CPU median",
        "ratio by rounds",
        "its range",
        "of minima",
        "of CPU",
    )
    rows = []
    for name, times in found.items():
        walls, ratios = [wall for wall, _ in times], _ratios(found, name, 0)
        rows.append(
            [
                name,
                f"{statistics.median(walls):.2f} s",
                f"{min(walls):.2f} s",
                f"{statistics.median(cpu for _, cpu in times):.2f} s",
                f"{statistics.median(ratios):.4f}",
                f"{min(ratios):.3f}–{max(ratios):.3f}",
                f"{_of_minima(found, name):.4f}",
                f"{statistics.median(_ratios(found, name, 1)):.4f}",
            ]
        )
    return markdown(head, rows)


def _tell(found: dict[str, list[tuple[float, float]]], watchers: list[Any], options: argparse.Namespace) -> None:
    walls = [wall for wall, _ in found[WATCHED]]
    own = [one.seconds / wall for one, wall in zip(watchers, walls, strict=True)]
    inside = [wall / (wall - one.inside) for one, wall in zip(watchers, walls, strict=True)]
    each = statistics.median(one.seconds / (one.taken + 1) for one in watchers)  # one more at the beginning
    taken, skipped = (statistics.median(getattr(one, name) for one in watchers) for name in ("taken", "skipped"))
    print(
        f"- asked every {options.every} steps: {taken:g} measures taken, {skipped:g} skipped; {1000 * each:.0f} ms each"
    )
    print(f"- its own account of its share of the time: {statistics.median(own):.2%} (at most {max(own):.2%})")
    print(met("time of a training over that outside of the callback's events, the worst run", max(inside), TARGET))
    print(
        met(
            "the same by whole runs, minima: to be believed as far as the control is 1",
            _of_minima(found, WATCHED),
            TARGET,
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", choices=("fixture", "8b"), default="fixture")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=7, help="rounds, after one that does not count")
    parser.add_argument("--every", type=int, default=1, help="steps between measures that are asked for")
    parser.add_argument("--budget", type=float, default=0.01, help="share of the time for measures; 0: no limit")
    parser.add_argument("--threads", type=int, default=0, help="of torch (default: its own choice)")
    return parser


if __name__ == "__main__":
    main()
