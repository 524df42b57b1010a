"""The callback: ``loradiag inspect`` of the live adapter, at every save and every so many steps.

This module imports transformers, whose class it extends; :mod:`loradiag.callbacks` imports it when it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from loradiag.callbacks.gathering import copied, sharded
from loradiag.callbacks.living import LiveAdapter
from loradiag.callbacks.logs import TrainerLog, tell
from loradiag.callbacks.measuring import measure, with_files
from loradiag.callbacks.metrics import finite, metrics_of
from loradiag.callbacks.options import checked
from loradiag.callbacks.pace import Pace
from loradiag.callbacks.runs import Look, Run, change
from loradiag.callbacks.stopping import StopOn, decisive
from loradiag.callbacks.world import World
from loradiag.core.errors import LoradiagError
from loradiag.core.findings import Finding
from loradiag.core.policy import Policy
from loradiag.core.report import Report, encode
from loradiag.core.text import plural, shorten
from loradiag.storage.writing import write_whole

REPORT_NAME = "loradiag-report.json"


class LoraHealthCallback(TrainerCallback):
    """Measures the adapter of a PEFT model while it trains, by the code and the rules of ``loradiag inspect``.

    ``trainer.add_callback(LoraHealthCallback(trainer, every=50))``, or ``callbacks=[LoraHealthCallback(every=50)]``. Works with
    transformers' Trainer and what extends it, TRL's trainers among them. Only the first process computes. The model, its
    mode, gradients and random numbers are left alone.

    Args:
        trainer: Writes the log. Without one, the handler that calls the callback does.
        every: Steps between measures. None: only when the trainer saves, which is always measured.
        budget: Share of the time that all measures may take. One that is due and would exceed it is skipped. None: no limit.
        adapter_name: The adapter to measure; the active one if None.
        policy: What to judge by: a policy, or the path of its file. The default policy if None.
        stop_on: End the training on a finding of at least this severity, by the rules that
            :mod:`loradiag.callbacks.stopping` lists. None: never.
        grace: Steps that a run may make before updates that are zero end it.
        reports: Write ``loradiag-report.json`` into every checkpoint.
        prefix: Beginning of the names in the log.

    Attributes:
        report: The last report.
        stopped_by: The finding that ended the training, if one did. In the first process, as all else.
        taken: Number of measures.
        skipped: Number of measures that the budget did not allow.
        failures: Number of errors inside the callback. They end no training; each kind is told once.

    Raises:
        UsageError: An argument cannot be used.
        MissingExtraError: transformers or peft is not installed.
    """

    def __init__(
        self,
        trainer: Any = None,
        *,
        every: int | None = None,
        budget: float | None = 0.01,
        adapter_name: str | None = None,
        policy: Policy | str | Path | None = None,
        stop_on: StopOn | None = None,
        grace: int = 100,
        reports: bool = False,
        prefix: str = "lora/",
    ) -> None:
        self._options = checked(
            trainer=trainer,
            every=every,
            budget=budget,
            adapter_name=adapter_name,
            policy=policy,
            stop_on=stop_on,
            grace=grace,
            reports=reports,
            prefix=prefix,
        )
        self._log = TrainerLog(self, trainer)
        self._pace = Pace(every, budget)
        self._run: Run | None = None
        self._told: set[str] = set()
        self.report: Report | None = None
        self.stopped_by: Finding | None = None
        self.taken = 0
        self.failures = 0

    @property
    def skipped(self) -> int:
        """Number of measures that were due and would have cost more than the budget allows."""
        return self._pace.skipped

    @property
    def seconds(self) -> float:
        """Time that went into measures, the first one at the beginning included."""
        return self._pace.spent

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Look at the adapter once, without judging: what later looks are compared with, and what one costs."""
        self._run, self.report, self.stopped_by, self.taken = None, None, None, 0
        self._log.find()
        self._pace.start(state.global_step)
        with self._guarded(), self._pace.timed():
            live = LiveAdapter(model, self._options.adapter_name)
            run = Run(live, World(args, state), sharded(live.parameters().values()))
            self._run = run
            if run.world.is_first or run.sharded:
                run.before = self._look(run, state.global_step)
        if state.is_world_process_zero and not self._log.reaches_trackers:
            self._tell_once(
                "what is measured goes into state.log_history only; for trackers too: LoraHealthCallback(trainer)"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Measure if it is time, or if the trainer is about to save: what is logged now is in the checkpoint's log."""
        if control.should_save or self._pace.due(state.global_step):
            self._measure(args, state, control, always=control.should_save)
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Measure, unless that was done at the end of this step, and write the report."""
        self._measure(args, state, control, always=True)
        run = self._run
        if self._options.reports and run and run.before and run.before.step == state.global_step:
            with self._guarded(), self._pace.timed(measure=False):
                self._write_report(run, run.before, Path(args.output_dir) / f"checkpoint-{state.global_step}")
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Say what was skipped, and let the copies go."""
        self._run = None
        if self.skipped:
            over = f"over {self._options.budget:.1%} of the time"
            tell(f"{plural(self.taken, 'measure')} taken, {self.skipped:,} skipped that would have cost {over}")

    def _measure(self, args: Any, state: Any, control: Any, *, always: bool) -> None:
        run, step, stop_on = self._run, state.global_step, self._options.stop_on
        if run is None or run.step == step:
            return
        # Processes that share shards, or must stop together, take the same decisions at the same steps.
        together = run.sharded or stop_on is not None
        if not together and not run.world.is_first:
            return
        going = always or not run.world.is_first or self._pace.affords()
        if together and not always:
            going = run.world.agreed(going)
        if not going:
            return
        run.step = step
        with self._guarded(), self._pace.timed():
            self._measure_and_log(run, args, state, control)
        if stop_on is not None and run.world.agreed(self._decided(run, step)):
            control.should_training_stop = True

    def _measure_and_log(self, run: Run, args: Any, state: Any, control: Any) -> None:
        began = time.perf_counter()
        look = self._look(run, state.global_step) if run.world.is_first or run.sharded else None
        if look is None:
            return
        before, run.before = run.before, look
        self.report = look.report
        self.taken += 1
        rescaled = run.live.rescaled(look.adapter)
        if rescaled:
            name, (now, said) = next(iter(rescaled.items()))
            self._tell_once(
                f"{plural(len(rescaled), 'module')} at another scale than the configuration's, which checkpoints do not keep: "
                f"{name} at {now:g}, not {said:g}"
            )
        moved = {
            "relative_change": change(look, before) if before else None,
            "relative_change_steps": look.step - before.step if before else None,
            "rescaled_modules": len(rescaled),
            "skipped": self.skipped,
        }
        values = metrics_of(look.report) | finite(moved) | finite({"seconds": time.perf_counter() - began})
        self._log.write(args, state, control, {self._options.prefix + name: value for name, value in values.items()})

    def _look(self, run: Run, step: int) -> Look | None:
        """Copy the adapter and judge it. None in all processes but the first."""
        values = copied(run.live.parameters(), run.world.device, keep=run.world.is_first)
        if not run.world.is_first:
            return None
        adapter = run.live.adapter(values)
        return Look(step, adapter, measure(adapter, step, self._options.policy))

    def _decided(self, run: Run, step: int) -> bool:
        """Whether the look at this step found what ends the training; it is told and kept."""
        floor = self._options.stop_on
        if floor is None or run.before is None or run.before.step != step:
            return False
        finding = decisive(run.before.report, floor, step - self._pace.first, self._options.grace)
        if finding is not None:
            self.stopped_by = finding
            self._tell_once(f"training stopped at step {step:,}: {finding.code} {finding.rule}: {finding.message}")
        return finding is not None

    def _write_report(self, run: Run, look: Look, checkpoint: Path) -> None:
        folder = checkpoint if run.live.name == "default" else checkpoint / run.live.name  # as PEFT saves them
        report = with_files(look.report, look.adapter, folder, self._options.policy)
        write_whole(checkpoint / REPORT_NAME, encode(report))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keep errors from ending a training that has nothing to do with them."""
        try:
            yield
        except Exception as error:
            self.failures += 1
            text = str(error) if isinstance(error, LoradiagError) else f"{type(error).__name__}: {error}"
            self._tell_once(f"not measured: {shorten(text, 300)}")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            tell(text)
