"""Train the adapters of :mod:`benchmarks.validity.conditions` on the fixtures' base, and measure what came of each.

python -m benchmarks.validity.train DIR [--jobs N] [--held-out]

Each adapter is written to ``DIR/adapters``, as FP32, with its losses and accuracies in ``truth.json`` beside it. 103 take
two and a half minutes on 16 cores. ``python -m benchmarks.validity.measure DIR`` then measures them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))

from benchmarks.validity.conditions import Condition, conditions  # noqa: E402 - recipes lie beside the fixtures


def trained(target: Path, condition: Condition) -> str:
    """Train one adapter, measure it, and write both."""
    import torch
    from recipes import making, truth
    from recipes.adapters import Recipe, lora
    from recipes.training import Schedule

    c = condition
    schedule = Schedule(lr=c.lr, steps=c.steps, seed=c.seed, batch=24, clip=c.clip, constant=c.constant)
    recipe = Recipe(c.name, schedule, lora(c.rank, c.alpha), domain=c.domain, replay=c.replay)
    model, tokenizer = making.wrapped(recipe)
    torch.set_num_threads(1)
    making.fit(model, tokenizer, recipe)
    folder = target / "adapters" / c.name
    model.save_pretrained(folder, save_embedding_layers=False)
    making.tidy(folder)
    found = {"condition": c._asdict(), **truth.measure(model, tokenizer)}
    (folder / "truth.json").write_text(json.dumps(found, indent=1, default=str).replace("NaN", "null") + "\n")
    return c.name


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--held-out", action="store_true", help="other seeds, rates in between")
    options = parser.parse_args(arguments)
    from recipes import truth

    options.target.mkdir(parents=True, exist_ok=True)
    base = truth.measure(*truth.load_base())
    (options.target / "base.json").write_text(json.dumps(base, indent=1) + "\n")
    # Forked children of a process that has used OpenMP hang.
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        for name in pool.map(partial(trained, options.target), conditions(held_out=options.held_out)):
            print(name, flush=True)


if __name__ == "__main__":
    main()
