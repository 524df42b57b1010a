"""Reach: which weights of the base the adapter changes, which it leaves alone, and what its targets mean there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from loradiag.adapters.layouts.peft import PREFIX
from loradiag.adapters.model import Adapter, Module
from loradiag.adapters.names import place_of
from loradiag.analyzers.coverage import layer_name
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.leaves import EMBEDDINGS, HEADS
from loradiag.analyzers.pairing import (
    UNSTACKED,
    Pair,
    Pairing,
    Renaming,
    base_names,
    embeddings,
    ties_embeddings,
)
from loradiag.analyzers.targeting import ALL_LINEAR, Entry, Names, resolve
from loradiag.bases.model import Base
from loradiag.core.reach import Reach, ReachTarget, ShapeMismatch, Unreached, VocabularyPart
from loradiag.core.text import printable
from loradiag.storage.tensors import MAX_STACK

_NUMBER = re.compile(r"(?:(?<=\.)|^)\d+(?=\.|$)", re.ASCII)
# Tables that are looked up, not multiplied with, beyond those whose leaf is known as an embedding.
_TABLE = re.compile(r".*(^|_)(embed|embeds|embedding|embeddings|embed_positions|relative_attention_bias|bias_table)$")
_ROUTER = re.compile(r"(^|\.)(gate|router|shared_expert_gate)$")
_EXTRA_LAYERS = re.compile(r"(^|\.)mtp(\.|$)")


class Plan(msgspec.Struct):
    """What there is to reach in a base, by names less ``.weight``.

    Attributes:
        linears: Every linear weight, and its pattern: its name with ``*`` in the place of numbers.
        roles: The role of each pattern.
        plain: Those of ``linears`` that are modules of their own, not of a stack.
        others: Embeddings and convolutions.
        stacks: Parameters that hold the weights of several experts, by name, and what they stand for.
    """

    linears: dict[str, str] = {}
    roles: dict[str, str] = {}
    plain: list[str] = []
    others: list[str] = []
    stacks: dict[str, list[str]] = {}


def reach(inspection: Inspection) -> Reach | None:
    """Compare the adapter's modules and targets with the names and shapes of the base. Reads no value."""
    base, adapter = inspection.base, inspection.adapter
    if base is None:
        return None
    pairing = inspection.pairing
    plan = plan_of(base)
    held = _Held(adapter, pairing, plan)
    entries = _entries(adapter, plan, pairing.renaming)
    experts = [name for name, pattern in plan.linears.items() if plan.roles[pattern] == "expert"]
    vocabulary = {part.name: part for part in _vocabulary(adapter, base, pairing)}
    return Reach(
        targets=[_target(entry, held) for entry in entries],
        linears=len(plan.linears),
        reached=sum(name in held.reached for name in plan.linears),
        unreached=_unreached(plan, held.reached),
        absent=[pair.module.name for pair in pairing.pairs if _is_absent(pair)],
        mismatched=[_mismatch(pair) for pair in pairing.pairs if _misfits(pair)],
        skipped=_skipped(entries, held),
        experts=len(experts),
        experts_reached=sum(name in held.reached for name in experts),
        vocabulary=list(vocabulary.values()),
        tied=_tied(adapter) if ties_embeddings(base) else [],
        renamed=[_told(rule) for rule in (pairing.renaming, *pairing.renaming.others) if rule.theirs != rule.ours],
    )


def plan_of(base: Base) -> Plan:
    """Sort the weights of a base into what can be reached and what cannot."""
    plan = Plan()
    depth = base.setting("num_hidden_layers")
    for tensor, shape in base.shapes.items():
        name = tensor.removesuffix(".weight")
        pattern = _NUMBER.sub("*", name)
        role = plan.roles.get(pattern) or _role(pattern)
        plan.roles[pattern] = role
        if _is_extra_layer(name, depth):
            continue
        count = _stack_size(base, tensor, shape, role)
        if 0 < count <= MAX_STACK:
            plan.stacks[name] = [f"{name}.{index}" for index in range(count)]
            plan.roles[f"{pattern}.*"] = role
            plan.linears |= dict.fromkeys(plan.stacks[name], f"{pattern}.*")
        elif name != tensor and role != "norm" and (shape is None or len(shape) > 1):
            if role == "embedding" or (shape is not None and len(shape) > 2):
                plan.others.append(name)
            else:
                plan.linears[name] = pattern
                plan.plain.append(name)
    return plan


def _role(pattern: str) -> str:
    role = place_of(pattern.replace("*", "0")).role
    return "embedding" if role != "expert" and _TABLE.fullmatch(pattern.rpartition(".")[2]) else role


def _is_extra_layer(name: str, depth: object) -> bool:
    """Whether it belongs to layers that predict further tokens: checkpoints hold them, the models that are adapted do not."""
    if _EXTRA_LAYERS.search(name):
        return True
    match = re.search(r"(?:^|\.)layers\.(\d{1,6})\.", name, re.ASCII) if isinstance(depth, int) else None
    return match is not None and int(match[1]) >= depth and place_of(name).stack == ""  # type: ignore[operator]


def _stack_size(base: Base, tensor: str, shape: tuple[int, ...] | None, role: str) -> int:
    """How many experts a parameter holds the weights of; 0 if it is no such stack."""
    if role != "expert" or tensor.endswith("bias"):
        return 0
    if shape is None:  # packed in blocks, as gpt-oss is: the first extent is still that of the experts
        blocks = base.tensors.get(f"{tensor.removesuffix('.weight')}_blocks")
        return blocks.shape[0] if blocks is not None and blocks.shape else 0
    return shape[0] if len(shape) == 3 and not tensor.endswith(".weight") else 0


class _Held:
    """What the adapter has for the weights of the base, by their names.

    Attributes:
        reached: What it changes.
        claimed: That, and what it has tensors for that make no update.
    """

    def __init__(self, adapter: Adapter, pairing: Pairing, plan: Plan) -> None:
        self._known = plan.linears.keys() | set(plan.others)
        self._renaming = pairing.renaming
        parts = adapter.parts
        whole = [extra.module for extra in parts.extras if extra.kind == "saved"]
        self.reached = {name for pair in pairing.pairs for name in pair.covers}
        self.reached |= set(self._owners([*whole, *(row.tensor for row in parts.unsupported)]))
        broken = [*parts.broken, *(problem.module for problem in parts.problems if problem.module)]
        self.claimed = self.reached | set(self._owners(broken))

    def _owners(self, names: Iterable[str]) -> Iterator[str]:
        """The modules of the base that the names of tensors, or of modules, begin with."""
        for name in names:
            yield from self._owner(PREFIX.sub("", name))

    def _owner(self, name: str) -> list[str]:
        for candidate in base_names(name, self._renaming):
            while candidate:
                if candidate in self._known:
                    return [candidate]
                candidate = candidate.rpartition(".")[0]
        return []


def _entries(adapter: Adapter, plan: Plan, renaming: Renaming) -> list[Entry]:
    """The targets, resolved to names of the base."""
    if adapter.config is None or adapter.config.keys().isdisjoint(("target_modules", "target_parameters")):
        return []
    ours = {renaming.back(name): [name] for name in (*plan.plain, *plan.others)}
    linears = [renaming.back(name) for name in plan.plain]
    parameters = {f"{name}.weight": found for name, found in ours.items()}
    parameters |= {renaming.back(name): found for name, found in _stacks(plan).items()}
    entries = resolve(adapter.config, Names(list(ours), linears, list(parameters)))
    of_kind: Mapping[bool, Mapping[str, list[str]]] = {True: parameters, False: ours}
    return [
        msgspec.structs.replace(
            entry, names=[found for name in entry.names for found in of_kind[entry.kind == "parameter"][name]]
        )
        for entry in entries
    ]


def _stacks(plan: Plan) -> dict[str, list[str]]:
    """The stacked parameters of the model: those of the checkpoint, and those that single experts are loaded into."""
    stacks = defaultdict(list, plan.stacks)
    leaves = {leaf: parameter for parameter, options in UNSTACKED.items() for option in options for leaf in option}
    for name in plan.plain:
        match = re.fullmatch(r"(.+\.experts)\.\d+\.(\w+)", name, re.ASCII)
        if match and match[2] in leaves:
            container = match[1].replace(".block_sparse_moe.", ".mlp.")
            stacks[f"{container}.{leaves[match[2]]}"].append(name)
    return stacks


def _target(entry: Entry, held: _Held) -> ReachTarget:
    adapted = sum(name in held.reached for name in entry.names)
    return ReachTarget(target=entry.target, kind=entry.kind, resolved=len(entry.names), adapted=adapted)


def _unreached(plan: Plan, reached: set[str]) -> list[Unreached]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, pattern in plan.linears.items():
        if name not in reached:
            groups[pattern].append(name)
    return [
        Unreached(pattern=pattern, role=plan.roles[pattern], names=names) for pattern, names in sorted(groups.items())
    ]


def _skipped(entries: Iterable[Entry], held: _Held) -> list[str]:
    """What the targets mean and the adapter lacks, less what the model may not have had as modules when it was trained.

    A checkpoint with a vision tower also makes a model without it, and routers are linear layers in some versions only: of
    those that the adapter has none at all of, nothing is said.
    """
    stacks = {place_of(name).stack for name in held.claimed}
    routers = any(_ROUTER.search(name) for name in held.claimed)
    found: dict[str, None] = {}
    for entry in entries:
        wide = entry.kind == ALL_LINEAR
        for name in entry.names:
            if name in held.claimed or name in found or place_of(name).stack not in stacks:
                continue
            if not (wide and not routers and _ROUTER.search(name)):
                found[name] = None
    return list(found)


def _is_absent(pair: Pair) -> bool:
    """Whether the base lacks the weight. Heads that classify begin anew with every adapter, so no base has them."""
    leaf = pair.module.name.rpartition(".")[2]
    return pair.reason == "absent" and (pair.module.place.role != "head" or leaf in HEADS)


def _rows(module: Module) -> int | None:
    """The extent of an update that counts tokens; None if none does."""
    leaf = module.name.rpartition(".")[2]
    return module.d_in if leaf in EMBEDDINGS else module.d_out if leaf in HEADS else None


def _misfits(pair: Pair) -> bool:
    """Whether shapes differ in more than the number of tokens, which is told apart."""
    module, shape = pair.module, pair.shape
    if pair.reason != "shape" or shape is None:
        return False
    if _rows(module) is None:
        return True
    embeds = module.name.rpartition(".")[2] in EMBEDDINGS
    return module.d_out not in (None, shape[0]) if embeds else module.d_in not in (None, shape[1])


def _mismatch(pair: Pair) -> ShapeMismatch:
    module, shape = pair.module, pair.shape or (0, 0)
    return ShapeMismatch(name=module.name, adapter=[module.d_out or 0, module.d_in or 0], base=list(shape))


def _vocabulary(adapter: Adapter, base: Base, pairing: Pairing) -> Iterator[VocabularyPart]:
    """Embeddings and heads that are adapted or kept whole."""
    for pair in pairing.pairs:
        rows = _rows(pair.module)
        if rows is not None:
            yield _part(pair.module.name, rows, base, pairing.renaming)
    for extra in adapter.parts.extras:
        name = layer_name(extra)
        shape = extra.tensor.shape
        kept = extra.kind == "saved" and name.rpartition(".")[2] in EMBEDDINGS + HEADS and len(shape) == 2
        if kept and ".trainable_tokens_" not in extra.tensor.name:
            yield _part(name, shape[0], base, pairing.renaming)


def _part(name: str, rows: int, base: Base, renaming: Renaming) -> VocabularyPart:
    shapes = [
        base.shapes[f"{other}.weight"] for other in base_names(name, renaming) if f"{other}.weight" in base.shapes
    ]
    if not shapes and name.rpartition(".")[2] in HEADS and ties_embeddings(base):
        shapes = [base.shapes[found] for found in embeddings(base)]
    shape = shapes[0] if shapes else None
    return VocabularyPart(name=name, rows=rows, base_rows=shape[0] if shape else None)


def _tied(adapter: Adapter) -> list[str]:
    names = [module.name for module in adapter.modules]
    names += [layer_name(extra) for extra in adapter.parts.extras if extra.kind == "saved"]
    return sorted({name for name in names if name.rpartition(".")[2] in EMBEDDINGS + HEADS})


def _told(rule: Renaming) -> str:
    return f"“{printable(rule.theirs)}” → “{printable(rule.ours)}”"
