"""What can go wrong with a run, planted in its losses or in its log: what is done is the label."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.logs.curves import Array, Curve, Log, changed, log_of, noisy, text_of
from benchmarks.validity.families.words import expect


class Case(NamedTuple):
    """A log with its label, and what that says of rules."""

    label: str
    text: str
    expected: Expected
    sound: bool = False


# label -> codes that should fire, codes that may: from what was planted, written before the first run. Amended since: a loss
# that rises back to where the smoothed log begins is no lower than at its start (LD915).
LABELS = {
    "sound": expect(),
    "evaluations waver by 0.01": expect(),
    "evaluations waver by 0.03": expect(),
    "FP16 looks for its scale": expect(),
    "resumed twice": expect(),
    "dropout: training loss a third above": expect(),
    "a spike, and back": expect(),
    "a bad batch logged as NaN": expect("LD902 LD905"),
    "NaN to the end": expect("LD902 LD905"),
    "NaN to the end, logged as 0": expect("LD902 LD905"),
    "NaN to the end, logged as 0 without norms": expect("LD902"),
    "gradients NaN to the end": expect("LD905"),
    "validation NaN at the end": expect("LD902"),
    "rose by 0.2 and stayed": expect(may="LD903 LD904 LD906 LD901 LD915"),
    "rose by 0.5 and stayed": expect("LD903", "LD904 LD906 LD901 LD914 LD915"),
    "rose by 1.5 and stayed": expect("LD903", "LD904 LD906 LD901 LD914 LD915"),
    "rose by 4 and stayed": expect("LD903", "LD904 LD906 LD901 LD914 LD915"),
    "crept up by 0.6": expect("LD903", "LD904 LD906 LD901 LD914 LD915"),
    "jumped by 10 σ and stayed": expect("LD904", "LD903 LD906 LD901 LD914 LD915"),
    "overfit, validation up by 0.05": expect("LD906", "LD901"),
    "overfit, validation up by 0.2": expect("LD901 LD906"),
    "overfit, validation up by 0.8": expect("LD901 LD906"),
    "learning rate zero": expect("LD915"),
    "knew it already": expect(may="LD915"),
    "sums over 2 steps": expect("LD914"),
    "sums over 8 steps": expect("LD914"),
    "cut short": expect("LD913"),
    "no list of lines": expect("LD913"),
    "a line without a step": expect("LD913"),
}

RISES = (0.2, 0.5, 1.5, 4.0)
CLIMBS = (0.05, 0.2, 0.8)


def cases(clean: Curve, rng: np.random.Generator) -> Iterator[Case]:
    """Every variation of one run, each with noise of its own."""
    yield from _of_losses(clean, rng)
    yield from _of_logs(clean, rng)


def _of_losses(clean: Curve, rng: np.random.Generator) -> Iterator[Case]:
    for label, run in _healthy(clean, rng):
        yield _case(label, run, rng)
    for rise in RISES:
        yield _case(f"rose by {rise:g} and stayed", _risen(clean, rise, 0.06, rng), rng)
    yield _case("crept up by 0.6", _risen(clean, 0.6, 0.35, rng), rng)
    size = max(10 * clean.style.noise, 0.8)
    yield _case("jumped by 10 σ and stayed", _risen(clean, size, 0.0, rng), rng, _few(clean, 50))
    for climb in CLIMBS if clean.held.size else ():
        yield _case(f"overfit, validation up by {climb:g}", _overfit(clean, climb, rng), rng)
    still = np.full_like(clean.train, clean.style.start)
    yield _case("learning rate zero", _level_held(clean, still, rng), rng, _few(clean, 20))
    known = np.linspace(clean.style.end, clean.style.end - 0.01, clean.train.size)
    yield _case("knew it already", _level_held(clean, known, rng), rng)
    for times in (2, 8) if clean.held.size >= 3 and clean.style.apart <= 0.1 else ():
        run = noisy(clean, rng)
        expected = _with_arithmetic(LABELS[f"sums over {times} steps"], clean)
        may = expected.may | ({"LD914"} if times == 2 and clean.style.name in _UNEVEN else frozenset())
        yield Case(
            f"sums over {times} steps",
            text_of(log_of(run._replace(train=times * run.train), rng)),
            Expected(expected.should - may, may),
        )


_UNEVEN = ("a classifier", "three epochs")
"""Where training and held-out loss differ by a good part of themselves, so that a factor of two is no clear one."""


def _healthy(clean: Curve, rng: np.random.Generator) -> Iterator[tuple[str, Curve]]:
    for _ in range(4):
        yield "sound", noisy(clean, rng)
    for width in (0.01, 0.03) if clean.held.size else ():
        run = noisy(clean, rng)
        held = np.maximum(run.held + width * rng.standard_normal(run.held.size), 0.002)
        yield f"evaluations waver by {width:g}", run._replace(held=held)
    run = noisy(clean, rng)
    yield "dropout: training loss a third above", run._replace(train=1.33 * run.train)
    if clean.train.size > 30:
        run = noisy(clean, rng)
        train = run.train.copy()
        at = int(rng.uniform(0.3, 0.8) * train.size)
        size = max(10 * clean.style.noise, 0.8)
        train[at : at + 3] += size * np.array([1.0, 0.5, 0.15])
        yield "a spike, and back", run._replace(train=train)


def _risen(clean: Curve, rise: float, over: float, rng: np.random.Generator) -> Curve:
    """From somewhere in the middle the loss climbs, over a share of the run, and stays; validation with it."""
    begin = rng.uniform(0.35, 0.6)

    def lifted(at: Array, values: Array) -> Array:
        along = np.clip((at / clean.last - begin) / max(over, 1e-9), 0, 1)
        # It rises from what had been reached: what would have been gained later is lost as well.
        reached = float(np.interp(begin * clean.last, at, values)) if values.size else 0.0
        return np.where(along > 0, np.maximum(values, reached) + rise * along, values)

    raised = clean._replace(
        train=lifted(clean.steps.astype(float), clean.train), held=lifted(clean.held_steps.astype(float), clean.held)
    )
    return noisy(raised, rng)


def _overfit(clean: Curve, climb: float, rng: np.random.Generator) -> Curve:
    """Training goes on falling, validation turns at two fifths and climbs to the end."""
    share, held = clean.steps / clean.last, clean.held_steps / clean.last
    late = np.clip((share - 0.4) / 0.6, 0, 1)
    turned = np.clip((held - 0.4) / 0.6, 0, 1)
    floor = np.interp(0.4, held, clean.held) if held.size else 0.0
    train = clean.train - 0.5 * clean.style.end * late
    return noisy(clean._replace(train=train, held=np.where(turned > 0, floor, clean.held) + climb * turned), rng)


def _level_held(clean: Curve, train: Array, rng: np.random.Generator) -> Curve:
    level = np.interp(clean.held_steps, clean.steps, train) + clean.style.apart
    return noisy(clean._replace(train=train, held=level), rng)


def _few(clean: Curve, least: int) -> frozenset[str]:
    """What a log with few values cannot show."""
    return frozenset({"LD904", "LD915"}) if clean.train.size < least else frozenset()


def _case(label: str, run: Curve, rng: np.random.Generator, may: frozenset[str] = frozenset()) -> Case:
    expected = _with_arithmetic(LABELS[label], run)
    exact = Expected(expected.should - may, expected.may | may)
    return Case(label, text_of(log_of(run, rng)), exact, sound=LABELS[label] == expect())


def _with_arithmetic(expected: Expected, run: Curve) -> Expected:
    """Whether validation was still improving is settled by its numbers: LD912's own words, with a margin for noise."""
    if not run.held.size:
        return expected
    early = run.held[3 * run.held_steps <= 2 * run.last]
    fall = float(early[-1] - run.held[-1]) if early.size else math.nan
    if run.held.argmin() != run.held.size - 1 or math.isnan(fall) or fall < 0.05:
        return expected
    return Expected(expected.should | {"LD912"}, expected.may)


def _of_logs(clean: Curve, rng: np.random.Generator) -> Iterator[Case]:
    run = noisy(clean, rng)
    log = log_of(run, rng)
    begin = int(rng.uniform(0.3, 0.7) * log.last)

    def since(**values: Any) -> Log:
        return changed(log, lambda line: {**line, **values} if "loss" in line and line["step"] >= begin else line)

    def at_once(line: dict[str, Any], first: int, **values: Any) -> dict[str, Any]:
        return {**line, **values} if line["step"] == first else line

    some = [line["step"] for line in log.lines if "loss" in line]
    middle = some[len(some) // 2]
    unpaired = changed(since(loss=0.0), lambda line: {key: value for key, value in line.items() if key != "grad_norm"})
    planted = {
        "NaN to the end": since(loss=math.nan, grad_norm=math.nan),
        "NaN to the end, logged as 0": since(loss=0.0, grad_norm=math.nan),
        "NaN to the end, logged as 0 without norms": unpaired,
        "gradients NaN to the end": since(grad_norm=math.nan),
        "a bad batch logged as NaN": changed(
            log, lambda line: at_once(line, middle, loss=math.nan, grad_norm=math.nan) if "loss" in line else line
        ),
    }
    if run.held.size:
        last = int(run.held_steps[-1])
        planted["validation NaN at the end"] = changed(
            log, lambda line: at_once(line, last, eval_loss=math.nan) if "eval_loss" in line else line
        )
    if len(some) >= 40:
        planted["FP16 looks for its scale"] = changed(
            log, lambda line: at_once(line, some[0], grad_norm=math.inf) if "loss" in line else line
        )
    planted["resumed twice"] = log._replace(lines=_resumed(log.lines, rng))
    for label, one in planted.items():
        expected = LABELS[label]
        lasting = {"LD901", "LD903", "LD904", "LD906", "LD912", "LD914", "LD915"} if "NaN" in label else {"LD912"}
        yield Case(
            label,
            text_of(one),
            Expected(expected.should, expected.may | lasting),
            sound=expected == expect(),
        )
    text = text_of(log)
    for label, broken in (
        ("cut short", text[: int(rng.uniform(0.1, 0.9) * len(text))]),
        ("no list of lines", text.replace('"log_history"', '"history"')),
        ("a line without a step", text_of(log, [*log.lines, {"loss": 1.0}])),
    ):
        yield Case(label, broken, Expected(LABELS[label].should, frozenset({"LD912"})))


def _resumed(lines: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Twice the run was taken up again from an earlier step, and logged those steps once more."""
    found = list(lines)
    for _ in range(2):
        cut = int(rng.uniform(0.3, 0.9) * len(found))
        begin = max(0, cut - max(2, len(lines) // 10))
        again = [dict(line) for line in found[begin:cut]]
        found = [*found[:cut], *again, *found[cut:]]
    return found
