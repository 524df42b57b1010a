"""One loaded base: what is put beside it or into it is gone afterwards, however that ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.forgetting.fitness import AS_STORED
from loradiag.analyzers.forgetting.stage import Stage
from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.routes import ROUTES
from loradiag.analyzers.merge.swapping import Swapped
from loradiag.bases.opening import open_base
from tests.conftest import FIXTURES

pytest.importorskip("lm_eval", reason="the stage wraps its model for lm-eval")
pytestmark = [pytest.mark.models, pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

BASE = FIXTURES / "base"


class StoppedError(Exception):
    """What ends a question."""


def logits(stage: Stage) -> Any:
    """What the base says to some tokens."""
    import torch

    with stage.base(AS_STORED) as wrapped, torch.no_grad():
        return wrapped.model(input_ids=torch.tensor([[5, 9, 20, 17, 33, 41]]), use_cache=False).logits.clone()


def staged(name: str, folder: Path, *, folding: bool) -> tuple[Stage, Inspection]:
    """The base of the fixtures, and an adapter that was inspected beside it."""
    base = open_base(BASE)
    stage = Stage(base, Wanted(), [AS_STORED], folder, folding=folding)
    return stage, Inspection(open_adapter(FIXTURES / "adapters" / name), base=base)


def test_a_question_that_fails_beside_pissa_leaves_the_base(tmp_path: Path) -> None:
    """PEFT takes part of the base's weights out when it loads such an adapter, whatever happens then."""
    stage, inspection = staged("pissa", tmp_path, folding=False)
    before = logits(stage)
    with pytest.raises(StoppedError), stage.adapter(inspection, AS_STORED):
        raise StoppedError
    assert before.equal(logits(stage))
    assert stage.loads == 2


def test_a_fold_that_stops_halfway_leaves_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some weights are the merged ones by then."""
    stage, inspection = staged("healthy", tmp_path, folding=True)
    before = logits(stage)
    put, count = Swapped._put, iter(range(100))

    def stopping(self: Any, *given: Any) -> None:
        put(self, *given)
        if next(count) == 12:
            raise StoppedError

    monkeypatch.setattr(Swapped, "_put", stopping)
    with pytest.raises(StoppedError), stage.route(inspection, ROUTES["bf16"]):
        pass
    monkeypatch.undo()
    assert before.equal(logits(stage))
