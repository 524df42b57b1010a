"""How often batches change greedy answers in bfloat16, of one adapter or of several, and how near to a tie each change was.

python benchmarks/batches.py [--batch 8] [--tokens 16]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import json  # noqa: E402
import random  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from loradiag.analyzers.served.answers import Answer, Token  # noqa: E402
from loradiag.analyzers.served.comparing import change, distance, gap  # noqa: E402
from loradiag.analyzers.served.served import TIE  # noqa: E402
from loradiag.bases.opening import open_base  # noqa: E402
from loradiag.models.loading import load_model, load_tokenizer  # noqa: E402

FIXTURES = Path(_HERE).parent / "fixtures"
ADAPTERS = ("healthy", "over_ranked")
LENGTHS = (9, 14, 20, 26, 31, 40)
Job = tuple[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what batches of one adapter changed, and batches of several."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8, help="answers at once (default: 8)")
    parser.add_argument("--tokens", type=int, default=16, help="of each answer (default: 16)")
    given = parser.parse_args(arguments)
    model, tokenizer = _loaded()
    texts = [json.loads(line)["text"] for name in ("ledger", "base") for line in _lines(name)]
    prompts = [text[: LENGTHS[index % len(LENGTHS)]] for index, text in enumerate(texts)]
    jobs = [(name, prompt) for name in ("base", *ADAPTERS) for prompt in prompts]
    alone = {job: answers(model, tokenizer, [job], given.tokens)[0] for job in jobs}
    order = random.Random(0)
    for number in range(4):
        shuffled = list(jobs)
        order.shuffle(shuffled)
        if number % 2 == 0:
            shuffled.sort(key=lambda job: job[0])  # each batch of one adapter
        found = []
        for start in range(0, len(jobs), given.batch):
            batch = shuffled[start : start + given.batch]
            found += list(zip(batch, answers(model, tokenizer, batch, given.tokens), strict=True))
        _tell("several adapters" if number % 2 else "one adapter", [(alone[job], answer) for job, answer in found])


def _lines(name: str) -> list[str]:
    return (FIXTURES / "text" / f"{name}_heldout.jsonl").read_text().splitlines()[: 6 if name == "ledger" else 10]


def _loaded() -> tuple[Any, Any]:
    import peft
    import torch

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(open_base(FIXTURES / "base"))
    tokenizer.padding_side, tokenizer.pad_token = "left", tokenizer.pad_token or tokenizer.eos_token
    model = load_model(FIXTURES / "base", dtype="bfloat16")
    model = peft.PeftModel.from_pretrained(model, FIXTURES / "adapters" / ADAPTERS[0], adapter_name=ADAPTERS[0])
    for name in ADAPTERS[1:]:
        model.load_adapter(FIXTURES / "adapters" / name, adapter_name=name)
    return model.to(torch.bfloat16).eval(), tokenizer


def answers(model: Any, tokenizer: Any, jobs: Sequence[Job], tokens: int) -> list[Answer]:
    """Greedy answers of one batch, in which each row may have its own adapter."""
    import torch

    given = tokenizer([prompt for _, prompt in jobs], return_tensors="pt", padding=True)
    ids, mask = given.input_ids, given.attention_mask
    names = ["__base__" if name == "base" else name for name, _ in jobs]
    rows: list[list[Token]] = [[] for _ in jobs]
    with torch.no_grad():
        for _ in range(tokens):
            places = (mask.cumsum(-1) - 1).clamp(min=0)
            logits = model(input_ids=ids, attention_mask=mask, position_ids=places, adapter_names=names).logits
            values, chosen = torch.log_softmax(logits[:, -1].float(), -1).topk(5)
            for row, best, own in zip(rows, values.tolist(), chosen.tolist(), strict=True):
                row.append(Token(str(own[0]), best[0], dict(zip(map(str, own), best, strict=True))))
            ids, mask = torch.cat([ids, chosen[:, :1]], 1), torch.cat([mask, torch.ones_like(mask[:, :1])], 1)
    return [Answer(" ".join(token.text for token in row), tuple(row)) for row in rows]


def _tell(what: str, pairs: Sequence[tuple[Answer, Answer]]) -> None:
    kinds = [change((one, one), other, TIE) for one, other in pairs]
    gaps = [gap(one, other) or 0.0 for one, other in pairs if one.text != other.text]
    mean = sum(distance(one, other) or 0.0 for one, other in pairs) / len(pairs)
    print(
        f"batches of {what}: {len(gaps)} of {len(pairs)} answers changed, {kinds.count('changed')} of them beyond {TIE} nats; "
        f"the farthest gap {max(gaps, default=0.0):.3f}; logprobs {mean:.4f} nats apart"
    )


if __name__ == "__main__":
    main()
