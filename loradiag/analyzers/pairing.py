"""Which weight of the base each module of an adapter changes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.analyzers.leaves import EMBEDDINGS, HEADS, is_conv1d, is_head
from loradiag.bases.model import Base, StoredRows, Weight

FUSED_PARTS = ("q", "k", "v")
MAX_HEADS = 16
"""Beginnings that names of one ending may have. Real models have two or three: an encoder, a decoder, a vision tower."""

# Names that a stacked parameter has in the model, and those of the single experts that checkpoints store in its place.
UNSTACKED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "gate_up_proj": (("gate_proj", "up_proj"), ("w1", "w3")),
    "down_proj": (("down_proj",), ("w2",)),
}
_STACK_LEAF = re.compile(r"\.experts\.\w+(\.\d+)?$", re.ASCII)
_STACKED = re.compile(r"(?P<parameter>.+\.(?P<leaf>\w+))\.(?P<index>\d+)", re.ASCII)


class Pair(msgspec.Struct, frozen=True):
    """A module and its weight.

    Attributes:
        module: Of the adapter.
        weight: Of the base, in the orientation in which it is stored; None if there is none that fits.
        transposed: Whether the weight is stored [in, out].
        reason: Why there is no weight: ``absent``, ``shape``, ``packed``, ``part`` (of a fused weight) or ``prompt`` (which
            changes no weight).
        shape: What the base has under that name, as [out, in], where that is known.
        covers: What the module changes, by the base's names less ``.weight``: the single experts where the checkpoint
            stores them for a stack (``experts.3.gate_proj``), else ``experts.gate_up_proj.3`` for one of a stack. A tied
            head covers nothing.
    """

    module: Module
    weight: Weight | None = None
    transposed: bool = False
    reason: str | None = None
    shape: tuple[int, int] | None = None
    covers: tuple[str, ...] = ()


class Pairing(msgspec.Struct, frozen=True):
    """All pairs, in the order of the adapter's modules, and how names were translated."""

    pairs: list[Pair]
    renaming: Renaming


class Renaming(msgspec.Struct, frozen=True):
    """A beginning of the adapter's names, and what the base has in its place: ``base_model.`` for ``model.`` and so on.

    ``others`` are those of other parts of the network: a model that reads images may have its language model and its vision
    tower elsewhere than its checkpoint says.
    """

    theirs: str = ""
    ours: str = ""
    others: tuple[Renaming, ...] = ()

    def __call__(self, name: str) -> str:
        """The base's name for what the adapter calls ``name``."""
        rule = _longest([rule for rule in (self, *self.others) if name.startswith(rule.theirs)], "theirs")
        return rule.ours + name[len(rule.theirs) :] if rule else name

    def back(self, name: str) -> str:
        """The adapter's name for what the base calls ``name``."""
        if name in HEADS:  # it stands beside the model whose names begin otherwise, not inside
            return name
        rule = _longest([rule for rule in (self, *self.others) if name.startswith(rule.ours)], "ours")
        return rule.theirs + name[len(rule.ours) :] if rule else name


def _longest(rules: Sequence[Renaming], side: str) -> Renaming | None:
    return max(rules, key=lambda rule: len(getattr(rule, side)), default=None)


class _Candidate(NamedTuple):
    weight: Weight
    covers: tuple[str, ...]


def pair(adapter: Adapter, base: Base) -> Pairing:
    """Find the weight of every module. Reads no value."""
    updates = [module.name for module in adapter.modules if module.method is not Method.PROMPT]
    renaming = find_renaming(updates, base.shapes)
    return Pairing([_pair(module, base, renaming) for module in adapter.modules], renaming)


def find_renaming(names: Sequence[str], shapes: Iterable[str]) -> Renaming:
    """Find how the adapter's names begin where the base's begin otherwise.

    Checkpoints are written from the bare model or from one with a head, so that ``model.layers.0…`` and ``layers.0…`` may be
    the same; what follows the first number is the same in all. For each beginning the commonest translation wins; none, if
    at least half of the names fit as they are.
    """
    heads: dict[str, list[str]] = defaultdict(list)
    for stem in dict.fromkeys(name.removesuffix(".weight") for name in shapes):
        head, tail = _cut(stem)
        if tail and head not in heads[tail] and len(heads[tail]) < MAX_HEADS:
            heads[tail].append(head)
    asked: dict[str, list[str]] = defaultdict(list)
    for name in names:
        head, tail = _cut(name)
        if tail in heads:
            asked[head].append(tail)
    votes = {head: Counter(other for tail in tails for other in heads[tail]) for head, tails in asked.items()}
    agreed = Counter[tuple[str, str]]()
    for head, others in votes.items():
        for other, count in others.items():
            agreed[_differing(head, other)] += count
    chosen = Counter[tuple[str, str]]()
    for head, others in votes.items():
        if 2 * others[head] < len(asked[head]):
            # A name like block.0 is in the encoder and in the decoder: what translates the others too is right.
            best = max(others, key=lambda other: (others[other], agreed[_differing(head, other)]))
            chosen[_differing(head, best)] += len(asked[head])
    rules = [Renaming(*pair) for pair, _ in chosen.most_common(MAX_HEADS)]
    return msgspec.structs.replace(rules[0], others=tuple(rules[1:])) if rules else Renaming()


def _cut(name: str) -> tuple[str, str]:
    """The part of a name before its first number, and the rest from the word before that number on.

    What differs between a stack of experts and its single experts is left out.
    """
    match = re.search(r"\w+\.\d+\.", name, re.ASCII)
    if match is None:
        return name, ""
    tail = name[match.start() :].partition(".experts.")[0]
    return name[: match.start()], tail.replace(".block_sparse_moe", ".mlp")


def _differing(first: str, second: str) -> tuple[str, str]:
    """Two heads less the words that both end with."""
    ours, theirs = first.split("."), second.split(".")
    while ours and theirs and ours[-1] == theirs[-1]:
        ours.pop()
        theirs.pop()
    return tuple(f"{'.'.join(words)}." if words else "" for words in (ours, theirs))  # type: ignore[return-value]


def base_names(name: str, renaming: Renaming) -> list[str]:
    """What the base may call ``name``, likeliest first: as it is, translated, and as Mixtral's checkpoints have it."""
    found = [name, renaming(name)]
    found += [other.replace(".mlp.", ".block_sparse_moe.") for other in found if ".mlp." in other]
    return list(dict.fromkeys(found))


def _pair(module: Module, base: Base, renaming: Renaming) -> Pair:
    if module.method is Method.PROMPT:
        return Pair(module, reason="prompt")
    names = base_names(module.name, renaming)
    found = next((found for name in names if (found := _candidates(name, base))), [])
    if not found:
        reasons = (why for name in names if (why := _why_absent(name, base)) is not None)
        reason, covers = next(reasons, ("absent", ()))
        return Pair(module, reason=reason, covers=covers)
    for weight, covers in found:
        fits = orientation(module, weight.shape, base)
        if fits is not None:
            return Pair(module, weight, fits, shape=(module.d_out or 0, module.d_in or 0), covers=covers)
    rows, cols = found[0].weight.shape
    shape = (cols, rows) if _kept_transposed(module, base) else (rows, cols)
    return Pair(module, reason="shape", shape=shape, covers=found[0].covers)


def _candidates(name: str, base: Base) -> list[_Candidate]:
    plain = base.weights.get(f"{name}.weight") or base.weights.get(name)
    if plain is not None:
        return [_Candidate(plain, (name.removesuffix(".weight"),))]
    tied = tied_weight(name, base)
    return [_Candidate(tied, ())] if tied else list(_experts(name, base))


def tied_weight(name: str, base: Base) -> Weight | None:
    """The embedding, for a head that has no tensor of its own because it is tied to it."""
    if not is_head(name) or not ties_embeddings(base):
        return None
    return next((base.weights[found] for found in embeddings(base)), None)


def ties_embeddings(base: Base) -> bool:
    """Whether the output head is the embedding: said by the configuration, or else shown by the head's absence.

    Transformers' own default is to tie them, so that older configurations (GPT-2's) do not mention it.
    """
    if base.setting("tie_word_embeddings") is not None:
        return base.ties_embeddings
    return bool(base.config) and not any(map(is_head, base.shapes))


def embeddings(base: Base) -> list[str]:
    """Names of the tensors that embed tokens, the model's main one first."""
    found = [name for name in base.weights if name.removesuffix(".weight").rpartition(".")[2] in EMBEDDINGS]
    return sorted(found, key=lambda name: (name.count("."), name))


def _experts(name: str, base: Base) -> Iterator[_Candidate]:
    """The weight of one expert: a slice of a stack, or the tensors of that expert that stand for it in the checkpoint."""
    match = _STACKED.fullmatch(name)
    if match is None:
        return
    index = int(match["index"])
    stack, shape = base.weights.get(match["parameter"]), base.shapes.get(match["parameter"])
    if stack is not None and shape is not None and len(shape) == 3 and index < shape[0]:
        tensor = base.tensors[match["parameter"]]
        rows = StoredRows(tensor, shape[1], shape[2], first=index * shape[1])
        weight = Weight(f"{stack.name}[{index}]", (shape[1], shape[2]), stack.dtype, (rows,), stack.quantization)
        yield _Candidate(weight, (f"{match['parameter']}.{index}",))
    for covers in singles(match["parameter"], index):
        if all(f"{part}.weight" in base.weights for part in covers):
            yield _Candidate(stacked([base.weights[f"{part}.weight"] for part in covers]), covers)


def singles(parameter: str, index: int) -> Iterator[tuple[str, ...]]:
    """The names that checkpoints may have for expert ``index`` of a stacked parameter: one module, or two one below the other.

    The model calls it ``experts.gate_up_proj``, the checkpoint ``experts.3.gate_proj`` and ``experts.3.up_proj``.
    """
    parent, _, leaf = parameter.rpartition(".")
    for leaves in UNSTACKED.get(leaf, ()):
        yield tuple(f"{parent}.{index}.{part}" for part in leaves)


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
        return _kept_transposed(module, base)
    return False if straight else True if swapped else None


def _kept_transposed(module: Module, base: Base) -> bool:
    """Whether shapes do not decide and the weight is the transpose: an embedding's update is [dim, tokens] in its factors."""
    embeds = any(".lora_embedding_" in matrix.tensor.name for matrix in module.factors.values())
    return embeds or stored_transposed(module.name, base)


def stored_transposed(name: str, base: Base) -> bool:
    """Whether the base keeps this weight as [in, out]: GPT-2's Conv1D does, and the experts of gpt-oss."""
    kind = base.setting("model_type")
    if not isinstance(kind, str):
        return False
    if kind.startswith(("gpt2", "imagegpt", "openai-gpt")):
        return is_conv1d(name)
    return kind.startswith(("gpt_oss", "openai_privacy_filter", "aria")) and bool(_STACK_LEAF.search(name))


def _why_absent(name: str, base: Base) -> tuple[str, tuple[str, ...]] | None:
    """Why a weight that is there by name cannot be had, and what the base calls it; None if it is not there."""
    if base.shapes.get(f"{name}.weight", ()) is None:
        return "packed", (name,)
    match = _STACKED.fullmatch(name)
    if match is not None:
        if base.shapes.get(f"{match['parameter']}.weight", ()) is None:
            return "packed", (name,)
        for covers in singles(match["parameter"], int(match["index"])):
            if all(f"{part}.weight" in base.shapes for part in covers):
                return "packed", covers
    fused, _, part = name.rpartition(".")
    return ("part", (fused,)) if part in FUSED_PARTS and f"{fused}.weight" in base.shapes else None
