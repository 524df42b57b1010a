"""Merge drift in sentences: what it was measured against and on, and what changed since. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from loradiag.core.merge import Merge, Outputs, Prior, PriorRoute, Route
from loradiag.core.text import plural, printable, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.routefigures import gain_words, share_words
from loradiag.outputs.routes import WORDS, called, measured

_KNOWN = {
    "given": "as given",
    "stored": "as it is stored",
    "named": "as its name says",
    "assumed": "assumed: adapters do not record it",
}
_REFERENCES = {
    "peft": "the adapter unmerged, run by PEFT",
    "fold": "the adapter added exactly, as PEFT does not read its layout",
}
_FP16_ENDS = "65,504"


def statements(merge: Merge) -> list[tuple[str, str]]:
    """Pairs of label and sentence: precision of training, the text, the reference, the effect, and settings."""
    source = _KNOWN.get(merge.trained_on_source, shorten(printable(merge.trained_on_source), 40))
    rows = [("trained", f"over a base in {shorten(printable(merge.trained_on), 24)}, {source}")]
    if merge.outputs is None:
        rows.append(("measured", "weights only, no model was run"))
    else:
        rows += _of_outputs(merge.outputs)
    return [*rows, *_of_settings(merge), *_of_peaks(merge)]


def _of_outputs(outputs: Outputs) -> Iterator[tuple[str, str]]:
    cut = f", {outputs.truncated:,} cut short" if outputs.truncated else ""
    prompts = "standard input" if outputs.prompts == "-" else shorten(printable(outputs.prompts), 80)
    field = f" (field {shorten(printable(outputs.field), 40)})" if outputs.field else ""
    yield "text", f"{plural(outputs.sequences, 'sample')}{cut}, {plural(outputs.tokens, 'token')} of {prompts}{field}"
    reference = _REFERENCES.get(outputs.reference, shorten(printable(outputs.reference), 40))
    where = f"{shorten(printable(outputs.compute), 24)} on {shorten(printable(outputs.device), 40)}"
    yield "reference", f"{reference}; {where}"
    effect = list(_effect(outputs))
    if effect:
        yield "effect", "; ".join(effect)


def _effect(outputs: Outputs) -> Iterator[str]:
    """What the adapter does at all on this text: the unit of the effect loss."""
    if outputs.base_kld is not None:
        floor = f", an exact fold {short_number(outputs.floor)}" if outputs.floor is not None else ""
        yield f"the base is {short_number(outputs.base_kld)} nats a token away (mean KLD){floor}"
    if outputs.base_same_top1 is not None:
        yield f"its likeliest token is the adapter's for {share_words(outputs.base_same_top1)}"
    if outputs.nll_base is not None and outputs.nll_reference is not None:
        before, after = (short_number(value) for value in (outputs.nll_base, outputs.nll_reference))
        yield f"NLL {before} nats without the adapter, {after} with it"


def _of_settings(merge: Merge) -> Iterator[tuple[str, str]]:
    if any({row.storage, row.source} & {"nf4", "fp4"} for row in measured(merge)):
        scales = "quantized themselves" if merge.double_quantization else "in FP32"
        yield "4 bits", f"blocks of {merge.block_size:,} values, scales {scales}"


def _of_peaks(merge: Merge) -> Iterator[tuple[str, str]]:
    peaks = [peak for row in measured(merge) for peak in row.peaks]
    if peaks:
        worst = max(peaks, key=lambda peak: peak.peak)
        name = shorten(printable(worst.module), 60)
        yield "activations", f"at most {_activation(worst.peak)}, of {name}; FP16 ends at {_FP16_ENDS}"


def _activation(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e9 else short_number(value)


class Change(msgspec.Struct, frozen=True):
    """A route beside what an earlier report said of it, each as ``before → now``; empty where they cannot be compared."""

    route: str
    gain: str
    effect_loss: str
    kld: str
    kept: str
    status: str


def since(prior: Prior) -> str:
    """Which earlier report, and what of it may be compared."""
    said = f"{shorten(printable(prior.path), 80)} of {shorten(printable(prior.created), 24)}"
    if prior.same_prompts is None or prior.same_prompts:
        return said + (", on the same text" if prior.same_prompts else "")
    return f"{said}, whose outputs were measured on other text or not at all"


def changes(merge: Merge) -> list[Change]:
    """Every route that an earlier report has too."""
    if merge.prior is None:
        return []
    before = {row.route: row for row in merge.prior.routes}
    same = bool(merge.prior.same_prompts)
    return [_change(row, before[row.route], same=same) for row in measured(merge) if row.route in before]


def _change(row: Route, old: PriorRoute, *, same: bool) -> Change:
    outputs = (
        _pair(short_number(old.effect_loss), short_number(row.effect_loss)),
        _pair(short_number(old.kld_mean), short_number(row.kld_mean)),
        _pair(share_words(old.nll_gain_retained), share_words(row.nll_gain_retained)),
    )
    now, then = WORDS.get(row.status, "–"), WORDS.get(old.status, shorten(printable(old.status), 24))
    return Change(
        called(row.route),
        _pair(gain_words(old.gain), gain_words(row.gain)),
        *(outputs if same else ("", "", "")),
        now if now == then else f"{then} → {now}",
    )


def _pair(before: str, now: str) -> str:
    return "" if before == now == "–" else now if before == now else f"{before} → {now}"


CHANGES = (
    ("gain", "gain"),
    ("effect_loss", "ρ"),
    ("kld", "KLD"),
    ("kept", "NLL kept"),
    ("status", "status"),
)
"""Fields of :class:`Change` with their titles."""
