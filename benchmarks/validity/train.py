"""Train the adapters of :mod:`benchmarks.validity.conditions`, and measure what came of each.

python -m benchmarks.validity.train DIR [--group held-out] [--jobs N]

Each adapter is written to ``DIR/adapters``, as FP32, with its losses and accuracies in ``truth.json`` beside it; what is there
already stays, so that a run that was cut off goes on. 103 on the fixtures' base take two and a half minutes on 16 cores.
``python -m benchmarks.validity.measure DIR`` then measures them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.validity.conditions import GROUPS, Condition, conditions
from benchmarks.validity.grounds import FIXTURES, Ground, toy


def trained(target: Path, ground: Ground, device: str, condition: Condition) -> str:
    """Train one adapter, measure it, and write both."""
    import torch
    from recipes import making
    from recipes.adapters import Recipe, lora
    from recipes.training import Schedule, pack, train

    c = condition
    folder = target / "adapters" / c.name
    if (folder / "truth.json").exists():
        return c.name
    schedule = Schedule(lr=c.lr, steps=c.steps, seed=c.seed, batch=24, clip=c.clip, constant=c.constant)
    model, tokenizer = making.wrapped(Recipe(c.name, schedule, lora(c.rank, c.alpha)), ground.folder)
    torch.set_num_threads(1)
    if device != "cpu":
        torch.use_deterministic_algorithms(False)  # not every kernel has a deterministic form there
        torch.set_float32_matmul_precision("high")
    streams = [pack(tokenizer, ground.training[name]) for name in (c.domain, "base")]
    train(model.to(device), list(zip(streams, (1 - c.replay, c.replay), strict=True)), schedule)
    model.to("cpu").save_pretrained(folder, save_embedding_layers=False)
    making.tidy(folder)
    found = {"condition": c._asdict(), **ground.measure(model.to(device), tokenizer)}
    whole = folder / "truth.json.part"
    whole.write_text(json.dumps(found, indent=1).replace("NaN", "null") + "\n")
    os.replace(whole, folder / "truth.json")
    return c.name


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--group", choices=GROUPS, default="trial", help="whose seeds and rates (conditions.py)")
    parser.add_argument(
        "--base", type=Path, default=FIXTURES / "base", help="of the fixtures' languages: theirs, or a larger one"
    )
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    from recipes.base import load_base

    ground = toy(options.base)
    options.target.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_base(ground.folder)
    base = ground.measure(model.to(options.device), tokenizer)
    (options.target / "base.json").write_text(json.dumps(base, indent=1) + "\n")
    # Forked children of a process that has used OpenMP hang.
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        one = partial(trained, options.target, ground, options.device)
        for name in pool.map(one, conditions(options.group)):
            print(name, flush=True)


if __name__ == "__main__":
    main()
