"""The fixtures' base and adapters behind a server, answered by PEFT, which serves two of them, one of these wrongly."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

import loradiag
from loradiag.bases.opening import open_base
from loradiag.models.loading import load_model, load_tokenizer
from tests.analyzers.served.server import Manners, Row, Speak, serving
from tests.conftest import ROOT

pytestmark = pytest.mark.models

FIXTURES = ROOT / "fixtures"
NAMES = ("healthy", "untrained", "narrow_forgetting")


@pytest.fixture(scope="module")
def speaking() -> Speak:
    """Greedy answers of the base and its adapters, with logprobs; one request at a time."""
    torch, peft = pytest.importorskip("torch"), pytest.importorskip("peft")
    tokenizer = load_tokenizer(open_base(FIXTURES / "base"))
    model = load_model(FIXTURES / "base", dtype="float32")
    model = peft.PeftModel.from_pretrained(model, FIXTURES / "adapters" / NAMES[0], adapter_name=NAMES[0])
    for name in NAMES[1:]:
        model.load_adapter(FIXTURES / "adapters" / name, adapter_name=name)
    model.eval()
    lock, known = Lock(), dict[tuple[str, str, int], list[Row]]()

    def generate(adapter: str, prompt: str, most: int) -> list[Row]:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        rows: list[Row] = []
        said = tokenizer.decode(ids[0])
        for _ in range(most):
            logprobs = torch.log_softmax(model(ids).logits[0, -1].float(), -1)
            values, places = logprobs.topk(5)
            ids = torch.cat([ids, places[:1][None]], 1)
            text = tokenizer.decode(ids[0])
            top = {f"<{int(place)}>": float(value) for place, value in zip(places, values, strict=True)}
            word = text[len(said) :]
            top[word] = top.pop(f"<{int(places[0])}>")
            rows.append((word, float(values[0]), top))
            said = text
        return rows

    def speak(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
        key = (adapter, prompt, most)
        with lock, torch.no_grad():
            if key not in known:
                known[key] = _with(model, adapter, lambda: generate(adapter, prompt, most))
            return known[key]

    return speak


def _with(model: Any, adapter: str, answer: Callable[[], list[Row]]) -> list[Row]:
    """An answer of an adapter, or of the base alone."""
    if adapter == "base":
        with model.disable_adapter():
            return answer()
    model.set_adapter(adapter)
    return answer()


PROMPTS = ROOT / "fixtures" / "text" / "ledger_heldout.jsonl"


def test_adapters_of_known_condition(speaking: Speak) -> None:
    """The untrained one answers as its base does, as its report foretells; the healthy ones do not."""
    reports = [loradiag.inspect(FIXTURES / "adapters" / name) for name in NAMES]
    with serving(Manners(speaking, adapters=NAMES)) as url:
        found = loradiag.serve_check(url, prompts=PROMPTS, limit=6, max_tokens=6, switches=0, reports=reports)
    assert found.findings == []
    assert found.measurements.served is not None
    states = {row.name: (row.beside_status, row.isolation) for row in found.measurements.served.adapters}
    assert states == {
        "healthy": ("differs", "isolated"),
        "untrained": ("as-told", "isolated"),
        "narrow_forgetting": ("differs", "isolated"),
    }


def test_a_server_that_lost_the_adapter(speaking: Speak) -> None:
    """The healthy adapter's name gives the base's answers: an error, with the report's word for it and without."""
    report = loradiag.inspect(FIXTURES / "adapters" / "healthy", FIXTURES / "base")
    with serving(Manners(speaking, adapters=NAMES, silent=["healthy"])) as url:
        for reports in ([report], []):
            found = loradiag.serve_check(
                url, ["healthy"], prompts=PROMPTS, limit=6, max_tokens=6, switches=0, reports=reports
            )
            assert [(row.code, row.confidence.value) for row in found.findings] == [("LD414", "high")]
