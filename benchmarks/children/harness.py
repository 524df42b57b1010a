"""lm-evaluation-harness alone, once. Arguments: base, adapter or -, folder, tasks, limit, device, batch."""

from __future__ import annotations

import sys

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager


def main() -> None:
    """Run it; print accuracies."""
    base, adapter, folder, tasks, limit, device, batch = sys.argv[1:]
    found = simple_evaluate(
        model="hf",
        model_args={"pretrained": base, "dtype": "float32", "softmax_dtype": "float32"}
        | ({"peft": adapter} if adapter != "-" else {}),
        tasks=tasks.split(","),
        task_manager=TaskManager(include_path=folder, include_defaults=False),
        batch_size=int(batch),
        device=device,
        limit=int(limit) or None,
        bootstrap_iters=0,
        log_samples=True,
    )
    print({name: row.get("acc,none") for name, row in found["results"].items()})


if __name__ == "__main__":
    main()
