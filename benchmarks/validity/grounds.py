"""What adapters are trained and measured on for the bench: the fixtures' toy languages, for their base or a larger one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))


@dataclass(frozen=True)
class Ground:
    """A base, texts by name (``base`` is what the base was trained on), and tasks that tell what it forgot."""

    folder: Path
    training: Mapping[str, list[str]]
    held_out: Mapping[str, list[str]]
    tasks: Mapping[str, list[dict[str, Any]]]

    def measure(self, model: Any, tokenizer: Any) -> dict[str, dict[str, float]]:
        """Losses in nats a token, accuracies as shares, by name of text and of task."""
        from recipes.scoring import accuracy, text_loss

        losses = {name: text_loss(model, tokenizer, texts) for name, texts in self.held_out.items()}
        shares = {name: accuracy(model, tokenizer, items) for name, items in self.tasks.items()}
        return {
            kind: {name: round(value, 4) for name, value in found.items()}
            for kind, found in (("loss", losses), ("accuracy", shares))
        }


def toy(base: Path) -> Ground:
    """The fixtures' languages, and a base that was trained on them."""
    from recipes import files, tasks, truth

    names = truth.text_names()
    return Ground(
        base,
        {name: files.read_texts(f"{name}_train") for name in names},
        {name: files.read_texts(f"{name}_heldout") for name in names},
        tasks.read_tasks(),
    )
