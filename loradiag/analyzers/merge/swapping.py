"""One model whose weights are exchanged: the base in any precision, or the adapter folded along any route."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loradiag.analyzers.merge.fold import fold_of
from loradiag.analyzers.merge.folding import Formats, Strip
from loradiag.analyzers.merge.kinds import Kind, Way, way_of
from loradiag.analyzers.merge.places import Place
from loradiag.analyzers.merge.routes import ORIGINAL, ROUTES, Plan, Route
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Base
from loradiag.core.lazy import require
from loradiag.linalg.tensors import TORCH, tensor_of
from loradiag.storage.tensors import Tensor


def stored_type(base: Base) -> str:
    """The type of the checkpoint's weights, as torch calls it; the widest of them."""
    widths = {weight.dtype for weight in base.weights.values()}
    return next((TORCH[dtype] for dtype in ("F32", "BF16", "F16") if dtype in widths), "bfloat16")


def originals_of(model: Any) -> dict[str, Any]:
    """The numbers of all parameters, by name; tied ones once."""
    return {name: parameter.data for name, parameter in model.named_parameters()}


class Swapped:
    """A model, and the means to put other weights into it.

    Args:
        model: As loaded, its parameters in the type of the checkpoint. It is moved to ``device`` and ``compute``.
        base: What it was loaded from.
        pairs: The updates.
        places: See the module :mod:`~loradiag.analyzers.merge.places`.
        extras: Vectors that the adapter stores whole (biases, norms), by the name of the parameter whose place they take.
        plan: The routes.
        carrier: The 16-bit format in which the base is held.
        device: Where the model runs.
        compute: The type that it computes in, as torch calls it.
        originals: The parameters as loaded, if ``model`` has other numbers by now; None: it has them.
    """

    def __init__(
        self,
        model: Any,
        base: Base,
        pairs: Sequence[Pair],
        places: Mapping[str, Place],
        extras: Mapping[str, Tensor],
        plan: Plan,
        *,
        carrier: str,
        device: str,
        compute: str,
        originals: Mapping[str, Any] | None = None,
    ) -> None:
        torch = require("torch", "merge")
        self._originals = originals_of(model) if originals is None else originals
        self._kinds = _kinds(model)
        self._transposed = _transposed(model)
        self._quantized = _quantized(base, self._originals)
        self._device, self._compute = device, getattr(torch, compute)
        self._formats, self._values = Formats(plan.settings), Values()
        self._carrier = carrier
        self._extras = extras
        self._pairs: dict[str, list[tuple[int | None, Pair]]] = defaultdict(list)
        for pair in pairs:
            if pair.module.name in places:
                place = places[pair.module.name]
                self._pairs[place.parameter].append((place.index, pair))
        self.model = model.to(device=device, dtype=self._compute)

    def put_base(self, precision: str) -> None:
        """Put the base in, as it is when it is loaded in ``precision``."""
        for name in self._originals:
            way = self._way(ROUTES[precision], name)
            self._put(name, [(index, self._plain(strip, way)) for index, strip in self._strips(name)])

    def put_route(self, route: Route) -> None:
        """Put the merged weights of a route in, and the base along the same route where nothing is merged."""
        for name in self._originals:
            way = self._way(route, name)
            changes = dict(self._pairs.get(name, ()))
            matrices = []
            for index, strip in self._strips(name):
                pair = changes.get(index)
                if pair is None:
                    matrices.append((index, self._plain(strip, way)))
                else:
                    matrices.append((index, strip.along(way, fold_of(pair, self._values, self._device)).stored.values))
            self._put(name, matrices)
        self._put_extras(way_of(route, "other", self._carrier))

    def put_fold(self, route: Route) -> None:
        """Put in the base as a route has it with the update added exactly, in FP32."""
        for name in self._originals:
            way = self._way(route, name)
            changes = dict(self._pairs.get(name, ()))
            matrices = []
            for index, strip in self._strips(name):
                plain, pair = self._plain(strip, way).float(), changes.get(index)
                if pair is not None:
                    plain = plain + fold_of(pair, self._values, self._device).change(plain, 0).to(plain.dtype)
                matrices.append((index, plain))
            self._put(name, matrices)
        self._put_extras(Way(ORIGINAL, "fp32", "fp32"))

    def restore(self) -> None:
        """Put the weights of the checkpoint back."""
        for name, parameter in self.model.named_parameters():
            parameter.data = self._originals[name].to(device=self._device, dtype=self._compute)

    def _plain(self, strip: Strip, way: Way) -> Any:
        if way.source == ORIGINAL and way.storage == strip.quantized:
            return strip.rows  # it is stored so
        return strip.without(way).values

    def _way(self, route: Route, name: str) -> Way:
        return way_of(route, self._kinds[name], self._carrier)

    def _strips(self, name: str) -> Iterator[tuple[int | None, Strip]]:
        """The matrices of a parameter: one, or those that it stacks. A vector is one column."""
        original = self._originals[name].to(self._device)
        if original.ndim == 3 and self._kinds[name] == "linear":
            for index in range(original.shape[0]):
                yield index, self._strip(original[index], name)
        else:
            yield None, self._strip(original.reshape(original.shape[0] if original.ndim else 1, -1), name)

    def _strip(self, matrix: Any, name: str) -> Strip:
        quantized = self._quantized.get(name)
        return Strip(matrix, 0, self._formats, transposed=name in self._transposed, quantized=quantized)

    def _put(self, name: str, matrices: Sequence[tuple[int | None, Any]]) -> None:
        torch = require("torch", "merge")
        parameter = self.model.get_parameter(name)
        values = [matrix for _, matrix in matrices]
        whole = values[0] if matrices[0][0] is None else torch.stack(values)
        fresh = whole.reshape(parameter.shape).to(device=self._device, dtype=self._compute).contiguous()
        # PEFT writes biases, and copies of embeddings, in place: not into the numbers of the checkpoint.
        shared = self._kinds[name] != "linear" and fresh.data_ptr() == self._originals[name].data_ptr()
        parameter.data = fresh.clone() if shared else fresh

    def _put_extras(self, way: Way) -> None:
        for name, tensor in self._extras.items():
            parameter = self.model.get_parameter(name)
            values = tensor_of(tensor.read(), tensor.dtype).reshape(parameter.shape)
            stored = self._formats.named(way.storage).store(values).values
            parameter.data = stored.to(device=self._device, dtype=self._compute)


@contextlib.contextmanager
def peaks(model: Any) -> Iterator[dict[str, float]]:
    """Record the largest magnitude that each module of a model puts out, on any token, while the context lasts."""
    torch = require("torch", "merge")
    found: dict[str, float] = defaultdict(float)

    def watch(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, torch.Tensor) and first.is_floating_point() and first.numel():
                found[name] = max(found[name], float(first.abs().amax()))

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _kinds(model: Any) -> dict[str, Kind]:
    """What each parameter is. A head that is tied to the embedding is listed as the embedding."""
    torch = require("torch", "merge")
    head = model.get_output_embeddings()
    kinds: dict[str, Kind] = {}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for module in model.modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            name = names[id(parameter)]
            if isinstance(module, torch.nn.Embedding):
                kinds[name] = "embedding"
            elif name in kinds:
                continue
            elif module is head:
                kinds[name] = "head" if parameter.ndim > 1 else "other"
            elif leaf == "weight" and type(module).__name__.startswith("Conv") and parameter.ndim > 2:
                kinds[name] = "conv"
            else:
                kinds[name] = "linear" if parameter.ndim > 1 else "other"
    return kinds


def _transposed(model: Any) -> frozenset[str]:
    """Parameters that are stored [in, out]: those of GPT-2's Conv1D."""
    return frozenset(f"{name}.weight" for name, module in model.named_modules() if type(module).__name__ == "Conv1D")


def _quantized(base: Base, names: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: weight.quantization
        for name in names
        if (weight := base.weights.get(name)) is not None and weight.quantization is not None
    }
