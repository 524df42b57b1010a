"""What became of an adapter along a route: folded and quantized by plain arithmetic, run by transformers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.validity.families.merging.quantizing import ROUTES, WHOLE, Fold, bf16

Array = npt.NDArray[Any]


class Said(NamedTuple):
    """What a model says of a text: log-probabilities of every next token [n, vocabulary], and the tokens that came [n]."""

    logprobs: Array
    tokens: Array

    @property
    def loss(self) -> float:
        """Nats a token."""
        return -float(self.logprobs[np.arange(self.tokens.size), self.tokens].mean())


def model_of(base: Path) -> Any:
    """The base in FP32, with the numbers of its checkpoint."""
    import torch
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    return found.eval().requires_grad_(False)


def unmerged(base: Path, adapter: Path) -> Any:
    """The adapter beside its base, as PEFT runs it."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(model_of(base), str(adapter)).eval()


def changes(base: Path, adapter: Path) -> dict[str, Array]:
    """What PEFT's own merge in FP64 changes of every weight."""
    from peft import PeftModel

    plain = model_of(base).double()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after = PeftModel.from_pretrained(plain, str(adapter), autocast_adapter_dtype=False).double().merge_and_unload()
    found = {name: (value - before[name]).numpy() for name, value in after.state_dict().items()}
    return {name: value for name, value in found.items() if name in before and np.abs(value).max() > 0}


def folded(base: Path, update: dict[str, Array], route: str) -> tuple[Any, dict[str, tuple[Array, Array]]]:
    """The model along a route, and of each weight that the adapter changes what was to be added and what was."""
    import torch

    model, fold = model_of(base), ROUTES[route]
    bare = changed_without(route)
    added = {}
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    head = model.get_output_embeddings()
    for module in model.modules():
        parameter = getattr(module, "weight", None)
        if not isinstance(module, torch.nn.Linear | torch.nn.Embedding) or id(parameter) not in named:
            continue
        name = named.pop(id(parameter))  # a head that is tied to the embedding comes once
        plain = isinstance(module, torch.nn.Embedding) or module is head
        weight = parameter.detach().double().numpy()
        change = update.get(name)
        way: Fold = fold if not plain or route in WHOLE else (lambda w, c: bf16(w + c))
        stored = way(weight, np.zeros_like(weight) if change is None else change)
        if change is not None:
            without = bare(weight) if not plain or route in WHOLE else bf16(weight)
            added[name] = (change, stored.astype(np.float64) - without)
        parameter.data = torch.from_numpy(np.ascontiguousarray(stored, np.float32))
    return model, added


def changed_without(route: str) -> Any:
    """What the adapter's change is counted from: in place the base as loaded, else the base's own numbers.

    A fold into 4 or 8 bits has the quantizer's whole error in it, which the change does not explain and does not take back.
    """
    from benchmarks.validity.families.merging import quantizing

    kind = route.removesuffix("-inplace").removeprefix("bf16-from-")
    if route.endswith("-inplace") or route.startswith("bf16-from-"):
        return lambda weight: getattr(quantizing, kind)(weight)
    return lambda weight: weight


def texts_of(base: Path, file: Path, part: slice, most: int = 256) -> list[list[int]]:
    """Tokens of some lines of a file of texts."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    lines = [json.loads(line)["text"] for line in file.read_text().splitlines() if line.strip()][part]
    return [ids for text in lines if len(ids := tokenizer(text)["input_ids"][:most]) > 1]


def said(model: Any, texts: Sequence[Sequence[int]]) -> Said:
    """Run a model over texts, one by one: no padding can be wrong."""
    import torch

    parts, tokens = [], []
    with torch.no_grad():
        for ids in texts:
            row = torch.tensor([list(ids)])
            logits = model(input_ids=row, use_cache=False).logits[0, :-1]
            parts.append(torch.log_softmax(logits.float(), dim=-1).numpy())
            tokens.append(np.array(ids[1:]))
    return Said(np.concatenate(parts), np.concatenate(tokens))


def peak(model: Any, texts: Sequence[Sequence[int]]) -> float:
    """The largest number that any module puts out."""
    import torch

    seen = [0.0]

    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, torch.Tensor) and first.is_floating_point():
            seen[0] = max(seen[0], float(first.abs().max()))

    handles = [module.register_forward_hook(hook) for module in model.modules()]
    with torch.no_grad():
        for ids in texts:
            model(input_ids=torch.tensor([list(ids)]), use_cache=False)
    for handle in handles:
        handle.remove()
    return seen[0]


def apart(reference: Said, other: Said) -> float:
    """KL(reference ‖ other) in nats a token."""
    p = reference.logprobs.astype(np.float64)
    return float((np.exp(p) * (p - other.logprobs)).sum(axis=1).mean())


def agreement(reference: Said, other: Said) -> float:
    """The share of places at which both have the same likeliest token."""
    return float((reference.logprobs.argmax(axis=1) == other.logprobs.argmax(axis=1)).mean())


class Outcome(NamedTuple):
    """What was measured of one route. ``kept``: ⟨U, Δ⟩/‖Δ‖² over all weights, ``least``: of the weight with the least."""

    kept: float | None
    least: float | None
    nonfinite: bool
    loss: float | None = None
    kld: float | None = None
    top1: float | None = None


def kept(base: Path, update: dict[str, Array], route: str) -> tuple[float, float]:
    """The share of the update that is stored, ⟨U, Δ⟩/‖Δ‖²: over all weights, and of the weight with the least."""
    return _shares(folded(base, update, route)[1])


def _shares(added: dict[str, tuple[Array, Array]]) -> tuple[float, float]:
    along = {name: float((change * stored).sum()) for name, (change, stored) in added.items()}
    size = {name: float((change**2).sum()) for name, (change, _) in added.items()}
    if not size:
        return 1.0, 1.0
    return sum(along.values()) / sum(size.values()), min(along[name] / size[name] for name in along)


def outcome(
    base: Path, update: dict[str, Array], route: str, texts: Sequence[Sequence[int]], reference: Said
) -> Outcome:
    """Fold, store, run."""
    with np.errstate(all="ignore"):
        model, added = folded(base, update, route)
        if not all(np.isfinite(stored).all() for _, stored in added.values()):
            return Outcome(None, None, nonfinite=True)
        whole, least = _shares(added)
        heard = said(model, texts)
        return Outcome(
            kept=whole,
            least=least,
            nonfinite=False,
            loss=heard.loss,
            kld=apart(reference, heard),
            top1=agreement(reference, heard),
        )
