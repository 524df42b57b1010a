"""One loaded base, which adapters are put beside or folded into, and taken off again."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loradiag.analyzers.forgetting.fitness import AS_STORED
from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.places import extras_of, find_places
from loradiag.analyzers.merge.reference import BY_FOLD, BY_PEFT, beside, read_by_peft
from loradiag.analyzers.merge.refusals import refused
from loradiag.analyzers.merge.room import check_model_room
from loradiag.analyzers.merge.routes import ROUTES, Plan, Route, carrier, plan_routes
from loradiag.analyzers.merge.swapping import Swapped, originals_of, stored_type
from loradiag.bases.model import Base
from loradiag.core.errors import InputError, UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.models.harness.wrapping import exchange, wrap
from loradiag.models.loading import COMPUTE, load_model, load_tokenizer, tokenizer_in
from loradiag.models.plain import plain_checkpoint

_PROBE = 48
"""Tokens that are asked to see whether the model is the base again."""


class Stage:
    """The model, in lm-eval's wrapper.

    Args:
        base: What to load.
        wanted: How.
        precisions: That base weights will be given, one for each adapter.
        folding: Whether anything will be folded into the weights.
        scratch: An empty directory.

    Attributes:
        wrapped: What questions are asked of: the base, or what a context of this class has put there.
        held: The 16-bit format of the base.
        compute: The type that it computes in, as torch calls it.
        loads: How often the base was loaded.

    Raises:
        InputError: The base, or its tokenizer, cannot be loaded.
    """

    def __init__(self, base: Base, wanted: Wanted, precisions: Sequence[str], scratch: Path, *, folding: bool) -> None:
        self._base, self._wanted = base, wanted
        self.held = carrier(base)
        self.plan: Plan = plan_routes(base, wanted.routes)
        self.compute = COMPUTE[
            wanted.compute or ("fp32" if wanted.device == "cpu" and not wanted.device_map else self.held)
        ]
        stored = self.plan.stored_in
        self._native = stored is not None and (wanted.device_map is not None or wanted.device != "cpu")
        self._exchanging = folding or any(precision != AS_STORED for precision in precisions)
        if self._exchanging and (wanted.device_map or self._native):
            what = "--device-map" if wanted.device_map else "a base that is loaded in 4 or 8 bits"
            raise UsageError(
                f"{what} cannot be combined with --route or --trained-on: weights are exchanged on one device"
            )
        if wanted.device_map is None and not self._native:
            check_model_room(base, self.compute, wanted.device, kept=self._exchanging)
        self._folder = base.path if self._native else plain_checkpoint(base, scratch)
        trust = wanted.trust_remote_code
        self.tokenizer = (
            tokenizer_in(Path(wanted.tokenizer), trust_remote_code=trust)
            if wanted.tokenizer
            else load_tokenizer(base, trust_remote_code=trust)
        )
        self.loads = 0
        self._precision: str | None = None
        self._load()
        self.wrapped = wrap(self._model, self.tokenizer, batch=wanted.batch, most=wanted.most_tokens)

    @contextlib.contextmanager
    def base(self, precision: str) -> Iterator[Any]:
        """Give the base, its weights in a precision."""
        self._clean(precision)
        yield self.wrapped

    def way(self, inspection: Inspection) -> str:
        """How an adapter is put beside the base: by PEFT, or folded where PEFT does not read it."""
        return BY_PEFT if read_by_peft(inspection.adapter) else BY_FOLD

    @contextlib.contextmanager
    def adapter(self, inspection: Inspection, precision: str) -> Iterator[tuple[Any, str]]:
        """Give the base with an adapter beside it, as it was trained, and how that was done.

        Raises:
            InputError: PEFT cannot load the adapter, or it fits neither PEFT nor a fold.
        """
        self._clean(precision)
        if not read_by_peft(inspection.adapter):
            swapped, self._precision = self._swapped(inspection), None
            swapped.put_fold(ROUTES["fp32" if precision == AS_STORED else precision])
            yield self.wrapped, BY_FOLD
            return
        try:
            with beside(self._model, inspection.adapter, "look at it with loradiag inspect --base") as model:
                exchange(self.wrapped, model)
                yield self.wrapped, BY_PEFT
        finally:
            exchange(self.wrapped, self._model)
            self._check()

    @contextlib.contextmanager
    def route(self, inspection: Inspection, route: Route) -> Iterator[Any]:
        """Give what is served along a route.

        Raises:
            InputError: The adapter cannot be folded.
        """
        swapped, self._precision = self._swapped(inspection), None
        swapped.put_route(route)
        yield self.wrapped

    def reduce_intruders(self, inspection: Inspection, precision: str, strength: float, output: Path) -> None:
        """Write an adapter whose intruder dimensions are reduced, by PEFT (Shuttleworth et al., arXiv 2410.21228).

        Args:
            inspection: The adapter.
            precision: Of the base's weights.
            strength: λ: what intruder dimensions are multiplied by.
            output: The directory to write.

        Raises:
            InputError: PEFT cannot load the adapter.
            UsageError: It is no LoRA.
        """
        peft = require("peft.tuners.lora.intruders", "merge")
        with self.adapter(inspection, precision) as (_, how):
            if how != BY_PEFT or str((inspection.adapter.config or {}).get("peft_type")).upper() != "LORA":
                raise UsageError("intruder dimensions are reduced of LoRA adapters that PEFT loads")
            model = self.wrapped.model
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    peft.reduce_intruder_dimension(model, mitigation_lambda=strength, logging_sink=None)
                    model.save_pretrained(output / "all", selected_adapters=["intruder_reduced"])
            except Exception as error:  # layers of other kinds than PEFT foresees
                raise UsageError(f"PEFT cannot reduce intruder dimensions ({reason_of(error)})") from error
        for file in (output / "all" / "intruder_reduced").iterdir():
            shutil.move(file, output / file.name)
        shutil.rmtree(output / "all")

    def _clean(self, precision: str) -> None:
        """See that the model is the base, with weights in this precision."""
        if self._dirty:
            self._load()
            exchange(self.wrapped, self._model)
        if self._exchanging and self._precision != precision:
            swapped = self._swap(())
            swapped.restore() if precision == AS_STORED else swapped.put_base(precision)
            self._precision = precision
            self._probe = self._probed()

    def _load(self) -> None:
        wanted = self._wanted
        spread = wanted.device_map or ({"": wanted.device} if self._native else None)
        kept = stored_type(self._base) if self._exchanging else self.compute
        self._model = load_model(
            self._folder, dtype=kept, trust_remote_code=wanted.trust_remote_code, device_map=spread
        )
        self._originals = originals_of(self._model) if self._exchanging else None
        if spread is None:
            self._model = self._model.to(wanted.device, getattr(require("torch", "merge"), self.compute))
        self.loads += 1
        self._dirty, self._precision = False, None
        self._probe = self._probed()

    def _probed(self) -> Any:
        """Logits of a few tokens, by which the base knows itself again."""
        torch = require("torch", "merge")
        vocabulary = self._model.config.get_text_config().vocab_size
        ids = (torch.arange(_PROBE) * 7919 % vocabulary).unsqueeze(0).to(self._model.device)
        with torch.inference_mode():
            return self._model(input_ids=ids, use_cache=False).logits.float().cpu()

    def _check(self) -> None:
        """After an adapter was taken off: is this the base? PiSSA and its like change it when they are loaded."""
        torch = require("torch", "merge")
        self._dirty = True  # what does not even run, after PEFT stopped halfway, is not the base either
        self._dirty = not torch.equal(self._probe, self._probed())

    def _swapped(self, inspection: Inspection) -> Swapped:
        problems = refused(inspection)
        if problems:
            first = problems[0]
            raise InputError(
                inspection.adapter.path,
                f"cannot be folded into the base: {printable(first.name)}: {first.reason}",
                "leave --route out, or see loradiag merge-drift",
            )
        return self._swap([*inspection.pairing.pairs, *inspection.saved], inspection)

    def _swap(self, pairs: Sequence[Any], inspection: Inspection | None = None) -> Swapped:
        places, extras = {}, {}
        if inspection is not None:
            renaming, remedy = inspection.pairing.renaming, "leave --route out"
            places = find_places(self._model, pairs, renaming, remedy)
            extras = extras_of(inspection.adapter, self._model, renaming, remedy)
        return Swapped(
            self._model,
            self._base,
            pairs,
            places,
            extras,
            self.plan,
            carrier=self.held,
            device=self._wanted.device,
            compute=self.compute,
            originals=self._originals,
        )
