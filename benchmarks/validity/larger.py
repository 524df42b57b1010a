"""Train a base five hundred times as large as the fixtures' on the same languages, for adapters that no threshold has seen.

python -m benchmarks.validity.larger DIR [--device cuda]
python -m benchmarks.validity.train DIR/trained --base DIR/base --group larger --device cuda --jobs 12
python -m benchmarks.validity.measure DIR/trained --base DIR/base --group larger --device cuda --jobs 16

277M parameters, 16 layers of width 1280; a tenth of the fixtures' learning rates, as width asks for. On one H200 and 16
cores the base took three minutes (1.36 nats, all tasks solved) and 48 adapters four; measuring them takes some ten.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.validity.grounds import toy


@dataclass(frozen=True)
class Size:
    """The base's shape, and how long it trains."""

    width: int = 1280
    layers: int = 16
    steps: int = 1200
    batch: int = 256
    documents: int = 120_000


def train_base(target: Path, size: Size, device: str) -> float:
    """Train the base, write it as BF16 with the fixtures' tokenizer, and return its last training loss, in nats."""
    import torch
    from recipes.corpus import documents
    from recipes.files import BASE
    from recipes.lexicon import make_lexicon
    from recipes.tokens import load_tokenizer
    from recipes.training import Schedule, pack, train

    tokenizer = load_tokenizer(BASE)
    torch.manual_seed(11)
    torch.set_float32_matmul_precision("high")
    model = _model(tokenizer, size).to(device)
    print(f"base: {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    stream = pack(tokenizer, documents("base", make_lexicon(), size.documents, seed=1))
    print(f"text: {len(stream):,} tokens", flush=True)
    schedule = Schedule(lr=3e-4, steps=size.steps, seed=11, batch=size.batch, weight_decay=0.05)
    # Autocast remembers the weights' BF16 copies until it is left: over a whole training, those of its first step.
    with torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False):
        loss = train(model, [(stream, 1.0)], schedule)
    model.to("cpu", torch.bfloat16).save_pretrained(target)
    tokenizer.save_pretrained(target)
    return loss


def _model(tokenizer: Any, size: Size) -> Any:
    from recipes.base import base_config
    from transformers import LlamaForCausalLM

    config = base_config(tokenizer)
    config.hidden_size, config.num_hidden_layers = size.width, size.layers
    config.intermediate_size = 27 * size.width // 10
    config.num_attention_heads, config.num_key_value_heads = size.width // 64, size.width // 320
    config.head_dim = 64
    return LlamaForCausalLM(config)


def _check(base: Path, device: str, *, skills: bool) -> None:
    """Say what the written base knows, and refuse one that an adapter could make forget nothing."""
    from recipes.base import load_base

    model, tokenizer = load_base(base)
    found = toy(base).measure(model.to(device), tokenizer)
    print(found, flush=True)
    if skills and min(found["accuracy"].values()) < 0.9:
        sys.exit(f"{base}: it did not learn its languages; train it longer")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="a toy, to try the programs")
    options = parser.parse_args(arguments)
    size = Size(width=320, layers=2, steps=100, batch=16, documents=2000) if options.quick else Size()
    loss = train_base(options.target / "base", size, options.device)
    print(f"base: training loss {loss:.3f}")
    _check(options.target / "base", options.device, skills=not options.quick)


if __name__ == "__main__":
    main()
