"""What two processes of ``test_distributed`` do: ``torchrun … -m tests.callbacks.processes TASK FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.callbacks.training import logged, trainer, wrapped


def sharded(folder: Path) -> dict[str, Any]:
    """Shard a model as FSDP2 does and call the callback at eight steps; budget for some of them."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from transformers import TrainerControl, TrainerState

    from loradiag.api.judging import default_policy
    from loradiag.callbacks import LoraHealthCallback
    from loradiag.callbacks.gathering import copied
    from loradiag.callbacks.living import LiveAdapter
    from loradiag.callbacks.measuring import measure
    from tests.callbacks.training import arguments

    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    model = wrapped()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1, generator=generator)
    live = LiveAdapter(model)
    alone = measure(live.adapter(copied(live.parameters(), torch.device("cpu"), keep=True)), 0, default_policy())
    name = next(iter(live.parameters()))
    whole = live.parameters()[name].numel()
    for layer in model.base_model.model.model.layers:
        fully_shard(layer, mesh=init_device_mesh("cpu", (2,)))
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))

    callback = LoraHealthCallback(every=1, budget=None)
    state = TrainerState(is_world_process_zero=rank == 0, is_local_process_zero=rank == 0)
    control = TrainerControl()
    given = (arguments(folder), state, control)
    callback.on_train_begin(*given, model=model)
    for step in range(1, 7):
        state.global_step = step
        # Only the first process has a clock that counts: it affords the second and the third step, and step 6 is a save.
        callback._pace.affords = lambda step=step: _afforded(callback, step, rank)  # type: ignore[method-assign]
        control.should_save = step == 6
        callback.on_step_end(*given, model=model)
    found = {
        "local": live.parameters()[name].to_local().numel(),
        "whole": whole,
        "taken": callback.taken,
        "skipped": callback.skipped,
        "failures": callback.failures,
        "logged": logged(state.log_history),
        "expected": msgspec.to_builtins(alone.measurements.spectrum),
        "spectrum": msgspec.to_builtins(callback.report.measurements.spectrum) if callback.report else None,
    }
    torch.distributed.destroy_process_group()
    return found


def _afforded(callback: Any, step: int, rank: int) -> bool:
    if rank == 0 and step not in (2, 3):
        callback._pace.skipped += 1
        return False
    return True


def stopped(folder: Path) -> dict[str, Any]:
    """Train with DistributedDataParallel at a learning rate of zero, and end after three steps."""
    import torch

    from loradiag.callbacks import LoraHealthCallback

    callback = LoraHealthCallback(every=1, budget=None, stop_on="error", grace=3, reports=True)
    run = trainer(folder / "run", callback, learning_rate=0.0, save_strategy="steps", save_steps=2, ddp_backend="gloo")
    run.train()
    torch.distributed.barrier()
    return {
        "step": run.state.global_step,
        "stopped_by": callback.stopped_by.code if callback.stopped_by else None,
        "taken": callback.taken,
        "reports": sorted(str(p.relative_to(folder / "run")) for p in (folder / "run").rglob("loradiag-report.json")),
    }


def main() -> None:
    """Do the task and write what came of it."""
    import os

    task, folder = sys.argv[1], Path(sys.argv[2])
    found = {"sharded": sharded, "stopped": stopped}[task](folder)
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
