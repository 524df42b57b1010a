"""The forms of a sweep: written, asked one after the other, and the best of them kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loradiag.analyzers.forgetting.session import Answers, Asked, Session
from loradiag.analyzers.forgetting.sweep import Heard, Weaker, default_specs, name_of, swept
from loradiag.analyzers.forgetting.wanted import Spec, Wanted
from loradiag.core.errors import LoradiagError
from loradiag.core.forgetting import Sweep


def specs_of(one: Asked, wanted: Wanted) -> Sequence[Spec]:
    """Weaker forms to look for; none if no sweep is wanted."""
    if wanted.sweep is None:
        return ()
    sides = [min(pair.weight.shape) for pair in one.inspection.pairing.pairs if pair.weight is not None]
    return wanted.sweep.specs or default_specs(one.inspection.adapter, max(sides, default=0), wanted.device)


def sweep_forms(session: Session, one: Asked, precision: str, adapter: Answers) -> Sweep:
    """Ask weaker forms of an adapter what it was asked itself, and choose.

    Args:
        session: With the base's answers.
        one: The adapter.
        precision: Of the base's weights.
        adapter: Its own answers.
    """
    sweep, wanted = session.wanted.sweep, session.wanted
    assert sweep is not None, "asked for without one"
    heard: list[Heard] = []
    with tempfile.TemporaryDirectory(prefix="loradiag-") as scratch:
        for index, spec in enumerate(specs_of(one, wanted)):
            weaker = _written(session, one, precision, spec, Path(scratch) / str(index))
            answers: Answers = {}
            if weaker.path is not None:
                session.ask_adapter(session.opened(weaker.path), precision, answers, weaker.name)
            heard.append(Heard(weaker, answers if weaker.path is not None else None))
        session.say("statistics: sweep")
        found = swept(
            session.questions,
            session.base(precision),
            adapter,
            heard,
            limits=sweep.limits,
            metrics=wanted.metrics,
            domain=str(wanted.domain.path) if wanted.domain else "",
        )
        chosen = next((row.weaker.path for row in heard if row.weaker.name == found.chosen), None)
        written = sweep.keep(chosen) if chosen is not None else None
    return msgspec.structs.replace(found, written=written)


def _written(session: Session, one: Asked, precision: str, spec: Spec, folder: Path) -> Weaker:
    """Write a weaker form; where that cannot be done, say why."""
    sweep, name = session.wanted.sweep, name_of(spec)
    assert sweep is not None, "asked for without one"
    session.say(f"writing {name}")
    try:
        if spec.kind == "intruders":
            session.stage.reduce_intruders(one.inspection, precision, spec.value, folder)
        else:
            sweep.make(one.inspection.adapter.path, spec, folder)
    except LoradiagError as error:
        return Weaker(name, spec, reason=str(error))
    return Weaker(name, spec, folder)
