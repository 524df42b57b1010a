"""What to ask, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from loradiag.models.harness.asking import Options
from loradiag.texts.reading import Texts

Progress = Callable[[str, int, int], None]
"""Told what is being done, the parts of all work that are done, and their number."""


class Spec(msgspec.Struct, frozen=True):
    """A weaker form of an adapter: ``scale`` (λ), ``rank`` (to cut to) or ``intruders`` (λ for intruder dimensions)."""

    kind: Literal["scale", "rank", "intruders"]
    value: float


class Sweeping(msgspec.Struct, frozen=True):
    """A sweep over weaker forms.

    Attributes:
        specs: Which; empty: a grid that suits the adapter.
        limits: Thresholds of the rule that holds the margins.
        make: By adapter, what writes a weaker form of it. (Writers of adapters are above analyzers.)
        keep: Told the directory of the form that was chosen, before it vanishes; returns where it was copied to, or None.
    """

    specs: Sequence[Spec]
    limits: Mapping[str, float]
    make: Callable[[Path, Spec, Path], None]
    keep: Callable[[Path], str | None]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, and how.

    Attributes:
        tasks: Names of lm-eval's tasks.
        include: Folders of task definitions.
        texts: Files whose perplexity is asked, by their names in reports.
        domain: Text of what the adapter was trained for; None if it is not asked.
        training: What the adapter was trained on, to see whether it remembers it; None if that is not asked.
        control: Text of the same kind that it was not trained on.
        metrics: By task, the metric that it is judged by; the task's first where it is not named.
        options: How tasks are asked.
        routes: Names of routes that are evaluated besides the adapter beside its base.
        trained_on: The precision that the base's weights are given; None: as they are stored.
        device: Where the model runs.
        device_map: How accelerate spreads the model over devices; None: it is on ``device``.
        compute: The type that the model computes in, by its short name; None: FP32 on a CPU, the base's own
            elsewhere.
        batch: Requests at once.
        most_tokens: Tokens of a request at most; None: what the model takes.
        examples: Documents that are shown for each direction of change.
        tokenizer: A directory whose tokenizer is used in place of the base's.
        backend: ``transformers`` or ``vllm``.
        trust_remote_code: Whether code that lies beside the base may run.
        remember: Whether results of the base may come from the cache, and go there.
    """

    tasks: Sequence[str] = ()
    include: Sequence[str] = ()
    texts: Mapping[str, Texts] = {}
    domain: Texts | None = None
    training: Texts | None = None
    control: Texts | None = None
    metrics: Mapping[str, str] = {}
    options: Options = Options()
    routes: Sequence[str] = ()
    trained_on: str | None = None
    device: str = "cpu"
    device_map: str | None = None
    compute: str | None = None
    batch: int = 16
    most_tokens: int | None = None
    examples: int = 5
    tokenizer: str | None = None
    backend: str = "transformers"
    trust_remote_code: bool = False
    sweep: Sweeping | None = None
    remember: bool = True
