"""The floor of measuring outputs: one model, loaded once, run once over the text.

``forward.py BASE TEXTS LIMIT BATCH DEVICE OUT`` writes to OUT the seconds that the batches took, loading left out. The
batches are those of loradiag, so that both compute the same; nothing is done with the logits but one sum, which waits for
a GPU.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from loradiag.models.tokens import batches, tokenized
from loradiag.texts.reading import read_texts


def main(base: str, texts: str, limit: str, budget: str, device: str, out: str) -> None:
    """Run it."""
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, local_files_only=True).eval().to(device)
    longest = min(1024, model.config.max_position_embeddings)
    sequences = tokenized(read_texts(texts, limit=int(limit)), tokenizer, longest)
    work = batches(sequences.ids, int(budget))
    with torch.inference_mode():
        run(model, work[-1:], device)
        start = time.perf_counter()
        run(model, work, device)
        seconds = time.perf_counter() - start
    Path(out).write_text(json.dumps({"seconds": seconds, "tokens": sequences.predicted}))


def run(model: torch.nn.Module, work: list, device: str) -> float:
    """Run batches and wait for them."""
    total = 0.0
    for batch in work:
        logits = model(input_ids=batch.ids.to(device), attention_mask=batch.mask.to(device), use_cache=False).logits
        total += float(logits[0, 0].sum())
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
