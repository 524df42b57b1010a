"""The measures of a route that a strip is drawn of, each with its axis and the limits that a policy has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from loradiag.core.merge import Route
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis
from loradiag.outputs.routefigures import gain_words, interval_words, share_words

Value = Callable[[Route], float | None]
Limits = Mapping[str, Mapping[str, float]]
"""Thresholds by rule and name, as a policy has them."""


class Strip(msgspec.Struct, frozen=True):
    """One measure: what it is called, its axis, and where the policy's limits are.

    Attributes:
        title: Above the strip.
        better: Which way is better.
        share: Of the width that strips have, in parts.
        value: Reads the measure.
        ends: Reads both ends of its interval.
        say: Writes a value.
        log: Whether the axis is logarithmic.
        most: The axis ends here at the latest; and begins at ``least`` at the earliest.
        least: See ``most``.
        always: Values that the axis holds in any case.
        limits: Rule and threshold of each limit, and whether it fails a route or is worth a note.
    """

    title: str
    better: str
    share: float
    value: Value
    say: Callable[[float | None], str]
    least: float
    most: float
    ends: tuple[Value, Value] | None = None
    log: bool = False
    always: tuple[float, ...] = ()
    limits: tuple[tuple[str, str, str], ...] = ()


_GAIN = Strip(
    title="delta gain",
    better="better →",
    share=1.0,
    value=lambda row: row.gain,
    say=gain_words,
    least=-0.25,
    most=1.5,
    always=(0.0, 1.0),
    limits=(("LD602", "least_gain", "fails"), ("LD603", "least_gain", "noted")),
)
_OUTPUTS = (
    Strip(
        title="effect loss ρ",
        better="← better",
        share=1.7,
        value=lambda row: row.effect_loss,
        ends=(lambda row: row.effect_loss_low, lambda row: row.effect_loss_high),
        say=short_number,
        log=True,
        least=1e-4,
        most=1e3,
        always=(0.02, 0.2),
        limits=(("LD604", "most_loss", "fails"), ("LD605", "most_loss_high", "noted")),
    ),
    Strip(
        title="KLD, nats",
        better="← better",
        share=1.2,
        value=lambda row: row.kld_mean,
        say=short_number,
        log=True,
        least=1e-6,
        most=1e3,
    ),
    Strip(
        title="same top-1",
        better="better →",
        share=1.0,
        value=lambda row: row.same_top1,
        say=share_words,
        least=0.0,
        most=1.0,
        always=(0.9, 1.0),
    ),
    Strip(
        title="NLL kept",
        better="better →",
        share=1.0,
        value=lambda row: row.nll_gain_retained,
        ends=(lambda row: row.nll_gain_retained_low, lambda row: row.nll_gain_retained_high),
        say=share_words,
        least=-1.0,
        most=1.5,
        always=(0.8, 1.0),
        limits=(("LD613", "least_retained", "noted"),),
    ),
)
_WEIGHTS = (
    Strip(
        title="cosine",
        better="better →",
        share=1.0,
        value=lambda row: row.cosine,
        say=gain_words,
        least=-1.0,
        most=1.0,
        always=(0.0, 1.0),
    ),
    Strip(
        title="error",
        better="← better",
        share=1.2,
        value=lambda row: row.error,
        say=short_number,
        log=True,
        least=1e-4,
        most=1e3,
    ),
    Strip(
        title="swallowed",
        better="← better",
        share=1.0,
        value=lambda row: row.swallowed_share,
        say=share_words,
        least=0.0,
        most=1.0,
        always=(0.0, 1.0),
    ),
)


def drawable(rows: Sequence[Route]) -> list[Strip]:
    """The measures that some route has: of outputs, with the gain; without them those of weights."""
    outputs = [strip for strip in _OUTPUTS if _known(strip, rows)]
    chosen = [*outputs, _GAIN] if outputs else [_GAIN, *_WEIGHTS]
    return [strip for strip in chosen if _known(strip, rows)]


def _known(strip: Strip, rows: Sequence[Route]) -> bool:
    return any(strip.value(row) is not None for row in rows)


def limits_of(strip: Strip, limits: Limits) -> dict[str, float]:
    """The policy's limits for a measure, by what they do: ``fails`` and ``noted``."""
    return {kind: value for code, name, kind in strip.limits if (value := limits.get(code, {}).get(name)) is not None}


def axis_of(strip: Strip, rows: Sequence[Route], limits: Limits, start: float, end: float) -> Axis:
    """An axis that holds the values and the limits, as far as they lie within what the strip allows."""
    values = [*strip.always, *limits_of(strip, limits).values()]
    for read in (strip.value, *(strip.ends or ())):
        values += [value for row in rows if (value := read(row)) is not None]
    inside = [min(max(value, strip.least), strip.most) for value in values]
    low, high = min(inside), max(inside)
    if strip.log:
        return Axis(low / 1.2, high * 1.4, start, end, log=True)
    air = (high - low) * 0.06 or 0.05
    return Axis(low - air, high + air, start, end)


def beyond(strip: Strip, axis: Axis, row: Route) -> int:
    """-1 if a value lies before the axis, 1 if after it."""
    value = strip.value(row)
    if value is None:
        return 0
    return -1 if value < axis.low else 1 if value > axis.high else 0


def ends_of(strip: Strip, row: Route) -> tuple[float, float] | None:
    """The interval of a value, if it has one."""
    low, high = (read(row) for read in strip.ends) if strip.ends else (None, None)
    return None if low is None or high is None else (low, high)


def words(strip: Strip, row: Route) -> str:
    """A value with its interval."""
    ends = ends_of(strip, row)
    if ends is None:
        return strip.say(strip.value(row))
    between = interval_words(*ends) if strip.log else " to ".join(map(strip.say, ends))
    return f"{strip.say(strip.value(row))} ({between})"
