"""What makes a comparison impossible, found before any model is loaded: another base, another vocabulary, another tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loradiag.adapters.model import Method
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.routes import Plan, carrier
from loradiag.analyzers.merge.training import trained_on
from loradiag.analyzers.reach import reach
from loradiag.analyzers.relative import REASONS
from loradiag.core.errors import InputError
from loradiag.core.text import plural, printable, shorten
from loradiag.models.loading import tokenizer_in

AS_STORED = "stored"
"""In place of a precision: weights stay as the checkpoint has them."""

_RIGHT = "give the base that it was trained on"
_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


def check_fits(inspection: Inspection) -> None:
    """See whether every part of the adapter has its place in the base.

    Raises:
        InputError: One has not.
    """
    path = inspection.adapter.path
    measured = reach(inspection)
    for part in measured.vocabulary if measured else ():
        if part.base_rows is not None and part.rows != part.base_rows:
            counts = f"{part.rows:,} tokens in {printable(part.name)}, and the base {part.base_rows:,}"
            remedy = "resize the base's embeddings so (model.resize_token_embeddings), save it, and give that"
            raise InputError(path, f"has {counts}: its vocabulary was resized", remedy, kind="vocabulary")
    for pair in inspection.pairing.pairs:
        if pair.weight is None and pair.module.method is not Method.PROMPT and pair.reason in ("absent", "shape"):
            name = shorten(printable(pair.module.name), 120)
            raise InputError(path, f"does not fit this base: {name}: {REASONS[pair.reason]}", _RIGHT, kind="other-base")


def precision_of(inspection: Inspection, plan: Plan, given: str | None) -> str:
    """The precision that the base's weights are given for this adapter: as it was trained on, as far as that is known."""
    base = inspection.base
    assert base is not None, "asked for without a base"
    told = trained_on(inspection.adapter, base, plan, carrier(base), given)
    if told.source in ("stored", "assumed") or told.precision == plan.stored_in:
        return AS_STORED
    wide = any(weight.dtype == "F32" for weight in base.weights.values())
    return AS_STORED if told.precision == carrier(base) and not wide else told.precision


def tokenizer_difference(folder: Path, tokenizer: Any) -> str | None:
    """Compare the tokenizer that lies beside an adapter with the one that is used.

    Returns:
        What is different, in words; None if nothing is, or there is none.

    Raises:
        InputError: They number the same tokens differently.
    """
    if not folder.is_dir() or not any((folder / name).is_file() for name in _FILES):
        return None
    try:
        own = tokenizer_in(folder)
    except InputError as error:
        return f"cannot be loaded: {error.problem}"
    theirs, ours = own.get_vocab(), tokenizer.get_vocab()
    moved = [token for token, number in theirs.items() if ours.get(token, number) != number]
    if moved:
        raise InputError(
            folder,
            f"has a tokenizer that numbers {plural(len(moved), 'token')} otherwise than the base's "
            f"({printable(repr(moved[0]))}: {theirs[moved[0]]} there, {ours[moved[0]]} here)",
            f"{_RIGHT}, or name the tokenizer to use for both: --tokenizer",
            kind="tokenizer",
        )
    said = []
    if added := len(theirs.keys() - ours.keys()):
        said.append(f"adds {plural(added, 'token')}")
    if missing := len(ours.keys() - theirs.keys()):
        said.append(f"lacks {plural(missing, 'token')}")
    if getattr(own, "chat_template", None) != getattr(tokenizer, "chat_template", None):
        said.append("has another chat template")
    return ", ".join(said) or None
