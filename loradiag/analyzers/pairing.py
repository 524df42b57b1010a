"""Which weight of the base each module of an adapter changes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from loradiag.adapters.model import Adapter, Module
from loradiag.bases.model import Base, StoredRows, Weight

EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings", "shared")
HEADS = ("lm_head", "embed_out", "output")
# Names that a stacked parameter has in the model, and those of the single experts that checkpoints store in its place.
_UNSTACKED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "gate_up_proj": (("gate_proj", "up_proj"), ("w1", "w3")),
    "down_proj": (("down_proj",), ("w2",)),
}
_CONV1D_LEAF = re.compile(r"(^|\.)(c_attn|c_proj|c_fc)$")
_STACKED = re.compile(r"(?P<parameter>.+\.(?P<leaf>\w+))\.(?P<index>\d+)", re.ASCII)


class Pair(msgspec.Struct, frozen=True):
    """A module and its weight.

    Attributes:
        module: Of the adapter.
        weight: Of the base, in the orientation in which it is stored; None if there is none that fits.
        transposed: Whether the weight is stored [in, out].
        reason: Why there is no weight: ``absent``, ``shape``, ``packed`` or ``part`` (of a fused weight).
        shape: What the base has under that name, as [out, in], where that is known.
    """

    module: Module
    weight: Weight | None = None
    transposed: bool = False
    reason: str | None = None
    shape: tuple[int, int] | None = None


class Pairing(msgspec.Struct, frozen=True):
    """All pairs, in the order of the adapter's modules, and how names were translated."""

    pairs: list[Pair]
    renaming: Renaming


class Renaming(msgspec.Struct, frozen=True):
    """A beginning of the adapter's names, and what the base has in its place: ``base_model.`` for ``model.`` and so on."""

    theirs: str = ""
    ours: str = ""

    def __call__(self, name: str) -> str:
        """The base's name for what the adapter calls ``name``."""
        return self.ours + name[len(self.theirs) :] if name.startswith(self.theirs) else name


def pair(adapter: Adapter, base: Base) -> Pairing:
    """Find the weight of every module. Reads no value."""
    renaming = find_renaming([module.name for module in adapter.modules], base.shapes)
    return Pairing([_pair(module, base, renaming) for module in adapter.modules], renaming)


def find_renaming(names: Sequence[str], shapes: Iterable[str]) -> Renaming:
    """Find how the adapter's names begin where the base's begin otherwise.

    Checkpoints are written from the bare model or from one with a head, so that ``model.layers.0…`` and ``layers.0…`` may be
    the same; what follows the first number is the same in all. The commonest translation wins; none, if most names fit.
    """
    stems = {name.removesuffix(".weight") for name in shapes}
    fitting = sum(name in stems or _parameter(name) in stems for name in names)
    if not names or 2 * fitting >= len(names):
        return Renaming()
    by_tail: dict[str, list[str]] = defaultdict(list)
    for stem in stems:
        head, tail = _cut(stem)
        if tail:
            by_tail[tail].append(head)
    votes: Counter[tuple[str, str]] = Counter()
    for name in names:
        head, tail = _cut(name)
        for other in by_tail.get(tail, ()):
            votes[_differing(head, other)] += 1
    return Renaming(*votes.most_common(1)[0][0]) if votes else Renaming()


def _cut(name: str) -> tuple[str, str]:
    """The part of a name before its first number, and the rest from the word before that number on."""
    match = re.search(r"\w+\.\d+\.", name, re.ASCII)
    return (name[: match.start()], name[match.start() :]) if match else (name, "")


def _differing(first: str, second: str) -> tuple[str, str]:
    """Two heads less the words that both end with."""
    ours, theirs = first.split("."), second.split(".")
    while ours and theirs and ours[-1] == theirs[-1]:
        ours.pop()
        theirs.pop()
    return tuple(f"{'.'.join(words)}." if words else "" for words in (ours, theirs))  # type: ignore[return-value]


def _pair(module: Module, base: Base, renaming: Renaming) -> Pair:
    if module.d_out is None and module.d_in is None:
        return Pair(module, reason="part")
    name = renaming(module.name)
    found = _candidates(name, base)
    if not found:
        return Pair(module, reason=_why_absent(name, base))
    for weight in found:
        fits = orientation(module, weight.shape, base)
        if fits is not None:
            return Pair(module, weight, fits, shape=(module.d_out or 0, module.d_in or 0))
    rows, cols = found[0].shape
    swapped = stored_transposed(module.name, base)
    return Pair(module, reason="shape", shape=(cols, rows) if swapped else (rows, cols))


def _candidates(name: str, base: Base) -> list[Weight]:
    plain = base.weights.get(f"{name}.weight") or base.weights.get(name)
    if plain is not None:
        return [plain]
    tied = tied_weight(name, base)
    return [tied] if tied else list(_experts(name, base))


def tied_weight(name: str, base: Base) -> Weight | None:
    """The embedding, for a head that has no tensor of its own because it is tied to it."""
    if name.rpartition(".")[2] not in HEADS or not base.ties_embeddings:
        return None
    return next((base.weights[found] for found in embeddings(base)), None)


def embeddings(base: Base) -> list[str]:
    """Names of the tensors that embed tokens, the model's main one first."""
    found = [name for name in base.weights if name.removesuffix(".weight").rpartition(".")[2] in EMBEDDINGS]
    return sorted(found, key=lambda name: (name.count("."), name))


def _experts(name: str, base: Base) -> Iterator[Weight]:
    """The weight of one expert: a slice of a stack, or the tensors of that expert that stand for it in the checkpoint."""
    match = _STACKED.fullmatch(name)
    if match is None:
        return
    index = int(match["index"])
    stack, shape = base.weights.get(match["parameter"]), base.shapes.get(match["parameter"])
    if stack is not None and shape is not None and len(shape) == 3 and index < shape[0]:
        tensor = base.tensors[match["parameter"]]
        rows = StoredRows(tensor, shape[1], shape[2], first=index * shape[1])
        yield Weight(f"{stack.name}[{index}]", (shape[1], shape[2]), stack.dtype, (rows,), stack.quantization)
    parent = match["parameter"].rpartition(".")[0]
    for leaves in _UNSTACKED.get(match["leaf"], ()):
        names = [f"{parent}.{index}.{leaf}.weight" for leaf in leaves]
        if all(part in base.weights for part in names):
            yield stacked([base.weights[part] for part in names])


def stacked(weights: Sequence[Weight]) -> Weight:
    """Weights one below the other, as fused projections hold them."""
    first = weights[0]
    sources = tuple(source for weight in weights for source in weight.sources)
    rows = sum(weight.shape[0] for weight in weights)
    return Weight(first.name, (rows, first.shape[1]), first.dtype, sources, first.quantization)


def orientation(module: Module, shape: tuple[int, int], base: Base) -> bool | None:
    """Whether a weight of this stored shape is the transpose of what the module changes; None if it does not fit."""
    d_out, d_in = module.d_out, module.d_in
    straight = d_out in (None, shape[0]) and d_in in (None, shape[1])
    swapped = d_out in (None, shape[1]) and d_in in (None, shape[0])
    if straight and swapped:
        return stored_transposed(module.name, base)
    return False if straight else True if swapped else None


def stored_transposed(name: str, base: Base) -> bool:
    """Whether the base keeps this weight as [in, out]: GPT-2's Conv1D does."""
    kind = base.setting("model_type")
    return (
        isinstance(kind, str)
        and kind.startswith(("gpt2", "imagegpt", "openai-gpt"))
        and bool(_CONV1D_LEAF.search(name))
    )


def _parameter(name: str) -> str:
    match = _STACKED.fullmatch(name)
    return match["parameter"] if match else name


def _why_absent(name: str, base: Base) -> str:
    if base.shapes.get(f"{name}.weight", ()) is None or base.shapes.get(_parameter(name), ()) is None:
        return "packed"
    fused = name.rpartition(".")[0]
    return "part" if f"{fused}.weight" in base.shapes else "absent"
