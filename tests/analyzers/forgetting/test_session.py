"""What a session keeps and what it never mixes up: interrupted runs, changed adapters, bases that PEFT spoils, routes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.analyzers.forgetting import session
from loradiag.core.errors import InputError
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from tests.conftest import FIXTURES, ROOT
from tests.linalg.quantizers import NF4

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("one_thread")]

BASE, ADAPTERS = FIXTURES / "base", FIXTURES / "adapters"
LIMIT = 16
CALL: Mapping[str, Any] = {"include_path": [FIXTURES / "tasks"], "limit": LIMIT, "fit": False}
TEXT = FIXTURES / "text" / "base_heldout.jsonl"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test; paths of the fixtures' tasks are relative to the repository."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really asked: ``model: task``."""
    found: list[str] = []
    part = session.Meter.part

    def noted(self: Any, name: str, size: int) -> Callable[[int, int], None]:
        if size:
            found.append(name)
        return part(self, name, size)

    monkeypatch.setattr(session.Meter, "part", noted)
    return found


class Stop:
    """Interrupts when a label comes up for the n-th time, after something was answered."""

    def __init__(self, label: str, nth: int = 1) -> None:
        self._label, self._left, self._inside = label, nth, False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Progress."""
        inside = stage == self._label
        if inside and not self._inside:
            self._left -= 1
            self._start = done
        self._inside = inside
        if inside and self._left == 0 and done > self._start:
            raise KeyboardInterrupt


def of(report: Report) -> Forgetting:
    """The measurement."""
    assert report.measurements.forgetting is not None
    return report.measurements.forgetting


def primary(found: Forgetting, task: str, route: str | None = None) -> Score:
    """The score that a task is judged by."""
    return next(row for row in found.tasks if (row.task, row.route, row.primary) == (task, route, True))


def numbers(found: Forgetting) -> list[Any]:
    """What two runs must have in common."""
    return [(row.task, row.metric, row.base, row.adapter, row.ci_low, row.ci_high) for row in found.tasks]


TWO = ["toy_facts", "toy_arithmetic"]


def test_an_interrupt_while_the_base_is_asked(asked: list[str]) -> None:
    """Keeps the tasks that it had answered, for all later runs."""
    with pytest.raises(KeyboardInterrupt):
        loradiag.forgetting(BASE, ADAPTERS / "healthy", tasks=TWO, progress=Stop("base: toy_arithmetic"), **CALL)
    asked.clear()
    loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=TWO, **CALL)
    assert asked == ["base: toy_arithmetic", "adapter: toy_facts", "adapter: toy_arithmetic"]


def test_an_interrupt_at_the_second_adapter(asked: list[str]) -> None:
    """The first one's report is whole, the second's has what was finished; the next run goes on there."""
    adapters = [ADAPTERS / "healthy", ADAPTERS / "narrow_forgetting"]
    with pytest.raises(loradiag.InterruptedRunError) as stopped:
        loradiag.forgetting_all(BASE, adapters, tasks=TWO, progress=Stop("adapter: toy_arithmetic", 2), **CALL)
    first, second = map(of, stopped.value.reports)
    assert ([row.task for row in first.tasks], first.unfinished) == (TWO, [])
    assert ([row.task for row in second.tasks], second.unfinished) == (TWO[:1], TWO[1:])
    asked.clear()
    again = loradiag.forgetting_all(BASE, adapters, tasks=TWO, **CALL)
    assert asked == ["adapter: toy_arithmetic"]
    alone = loradiag.forgetting_all(BASE, adapters, tasks=TWO, cache=False, **CALL)
    assert [numbers(of(report)) for report in again] == [numbers(of(report)) for report in alone]
    assert numbers(of(again[0])) == numbers(first)


def test_an_adapter_that_changed_meanwhile(asked: list[str], tmp_path: Path) -> None:
    """Has no answers from before: neither by its numbers nor by its configuration."""
    folder = Path(shutil.copytree(ADAPTERS / "narrow_forgetting", tmp_path / "adapter"))
    stop = Stop("adapter: toy_arithmetic")
    with pytest.raises(loradiag.InterruptedRunError):
        loradiag.forgetting(BASE, folder, tasks=TWO, progress=stop, **CALL)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": config["lora_alpha"] / 4}))
    asked.clear()
    weaker = loradiag.forgetting(BASE, folder, tasks=TWO, **CALL)
    assert asked == ["adapter: toy_facts", "adapter: toy_arithmetic"]
    alone = loradiag.forgetting(BASE, folder, tasks=TWO, cache=False, **CALL)
    assert numbers(of(weaker)) == numbers(of(alone))


def test_an_adapter_that_cannot_be_loaded(asked: list[str], tmp_path: Path) -> None:
    """Loses nothing of what the ones before it were asked."""
    broken = Path(shutil.copytree(ADAPTERS / "healthy", tmp_path / "broken"))
    config = json.loads((broken / "adapter_config.json").read_text())
    (broken / "adapter_config.json").write_text(json.dumps(config | {"r": 4}))
    call = {**CALL, "tasks": ["toy_facts"]}
    with pytest.raises(InputError, match="broken"):
        loradiag.forgetting_all(BASE, [ADAPTERS / "healthy", broken], **call)
    asked.clear()
    loradiag.forgetting(BASE, ADAPTERS / "healthy", **call)
    assert asked == []


def lm_eval_alone(**model: str) -> list[float]:
    """The accuracies of lm-eval, document by document."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    found = simple_evaluate(
        model="hf",
        model_args={"dtype": "float32", "softmax_dtype": "float32", "pretrained": str(BASE), **model},
        tasks=["toy_facts"],
        task_manager=TaskManager(include_path=str(FIXTURES / "tasks"), include_defaults=False),
        batch_size=16,
        device="cpu",
        limit=LIMIT,
        bootstrap_iters=0,
        log_samples=True,
    )
    assert found is not None
    return [row["acc"] for row in sorted(found["samples"]["toy_facts"], key=lambda row: row["doc_id"])]


def test_a_base_that_is_spoiled_is_loaded_again() -> None:
    """PiSSA between two others: each as lm-eval finds it alone, and the untrained one is the base to the last bit."""
    names = ["narrow_forgetting", "pissa", "untrained"]
    call = {**CALL, "tasks": ["toy_facts"], "texts": [TEXT], "examples": LIMIT}
    reports = loradiag.forgetting_all(BASE, [ADAPTERS / name for name in names], **call)
    assert [of(report).base_by for report in reports] == ["shared", "shared", "apart"]
    assert all(row.identical and row.difference == 0 for row in of(reports[2]).tasks)
    base = lm_eval_alone()
    for name, report in zip(names, reports, strict=True):
        row = primary(of(report), "toy_facts")
        expected = lm_eval_alone(peft=str(ADAPTERS / name))
        assert (row.base, row.adapter) == (sum(base) / LIMIT, sum(expected) / LIMIT)
        lost = [index for index in range(LIMIT) if base[index] > expected[index]]
        assert [example.document for example in row.lost_examples] == lost


def perplexity(model: Any, limit: int) -> float:
    """exp(−Σ nats/Σ tokens) of a model alone, the first token after `<s>`, which is not predicted itself."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    nats = tokens = 0.0
    for line in TEXT.read_text().splitlines()[:limit]:
        ids = tokenizer(json.loads(line)["text"])["input_ids"]  # <s> stands first
        with torch.inference_mode():
            found = model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
        nats -= float(found[range(len(ids) - 1), ids[1:]].sum())
        tokens += len(ids) - 1
    return float(torch.tensor(nats / tokens).exp())


def rounded(change: Callable[[Any, str], Any]) -> Any:
    """The base with the healthy adapter folded in by hand, in FP32, and its weights put through a format."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    beside = PeftModel.from_pretrained(model, ADAPTERS / "healthy")
    deltas = {
        name.removeprefix("base_model.model."): (module.lora_B["default"].weight @ module.lora_A["default"].weight)
        * module.scaling["default"]
        for name, module in beside.named_modules()
        if hasattr(module, "lora_A")
    }
    plain = beside.unload()
    with torch.no_grad():
        for name, module in plain.named_modules():
            if name in deltas:
                module.weight.copy_(change(module.weight + deltas[name], name))
    return plain


def test_what_is_served_in_16_bits() -> None:
    """The sum of base and update, rounded once: the perplexity of that model by transformers alone; FP32 is the adapter."""
    import torch

    call = {**CALL, "texts": [TEXT], "routes": ["bf16", "fp32"]}
    found = of(loradiag.forgetting(BASE, ADAPTERS / "healthy", **call))
    beside, bf16, fp32 = (primary(found, "base_heldout", route) for route in (None, "bf16", "fp32"))
    folded = rounded(lambda weight, _name: weight.to(torch.bfloat16).float())
    assert bf16.adapter == pytest.approx(perplexity(folded, LIMIT), rel=1e-6)
    assert beside.adapter == pytest.approx(perplexity(rounded(lambda weight, _name: weight), LIMIT), rel=1e-6)
    assert fp32.adapter == pytest.approx(beside.adapter, rel=1e-6)
    assert bf16.base == beside.base
    assert bf16.unmerged == beside.adapter
    assert bf16.unmerged_difference == pytest.approx(bf16.adapter - beside.adapter)  # type: ignore[operator]
    assert bf16.unmerged_low is not None
    assert bf16.unmerged_low <= bf16.unmerged_difference <= bf16.unmerged_high  # type: ignore[operator]
    assert (found.routes, found.base_by) == (["bf16", "fp32"], "shared")


def nf4(weight: Any, _name: str) -> Any:
    """The nearest of the sixteen numbers times the largest magnitude of its block of 64."""
    import torch

    blocks = weight.to(torch.bfloat16).float().reshape(-1, 64)
    scales = blocks.abs().amax(dim=1, keepdim=True)
    table = torch.tensor(NF4, dtype=torch.float32)
    return (table[((blocks / scales)[..., None] - table).abs().argmin(-1)] * scales).reshape(weight.shape)


def test_what_is_served_in_4_bits() -> None:
    """The sum in 16 bits, then in NF4, its scales but for their own rounding; nothing of it is left on the base."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    call = {**CALL, "texts": [TEXT], "routes": ["nf4"]}
    report, untrained = loradiag.forgetting_all(BASE, [ADAPTERS / "healthy", ADAPTERS / "untrained"], **call)
    row = primary(of(report), "base_heldout", "nf4")
    assert row.adapter == pytest.approx(perplexity(rounded(nf4), LIMIT), rel=1e-3)
    assert row.adapter != pytest.approx(row.unmerged, rel=3e-3)
    alone = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    beside = PeftModel.from_pretrained(alone, ADAPTERS / "untrained").eval()
    assert primary(of(untrained), "base_heldout").adapter == pytest.approx(perplexity(beside, LIMIT), rel=1e-6)
    assert primary(of(untrained), "base_heldout").identical


def test_a_layout_that_peft_does_not_read(tmp_path: Path) -> None:
    """Is folded in FP32: numbers are PEFT's but for rounding, of a metric that shows it; the base comes back each time."""
    folder = Path(shutil.copytree(ADAPTERS / "narrow_forgetting", tmp_path / "renamed"))
    (folder / "adapter_model.safetensors").rename(folder / "lora_weights.safetensors")
    call = {**CALL, "texts": [TEXT], "tasks": ["toy_facts"], "cache": False}  # its numbers are those of the other
    adapters = [folder, ADAPTERS / "narrow_forgetting", folder, ADAPTERS / "untrained"]
    folded, beside, again, untrained = map(of, loradiag.forgetting_all(BASE, adapters, **call))
    assert [found.adapter_by for found in (folded, beside, again, untrained)] == ["fold", "peft", "fold", "peft"]
    for one, other in zip(folded.tasks, beside.tasks, strict=True):
        assert one.adapter == pytest.approx(other.adapter, rel=1e-4)
        assert one.base == other.base
    assert numbers(again) == numbers(folded)
    assert all(row.identical for row in untrained.tasks)


def test_an_interrupt_before_the_second_adapter_has_answered() -> None:
    """The first one's report is given."""
    adapters = [ADAPTERS / "healthy", ADAPTERS / "narrow_forgetting"]
    with pytest.raises(KeyboardInterrupt) as stopped:
        loradiag.forgetting_all(BASE, adapters, tasks=TWO, progress=Stop("adapter: toy_facts", 2), **CALL)
    assert isinstance(stopped.value, loradiag.InterruptedRunError)
    assert [row.task for row in of(stopped.value.reports[0]).tasks] == TWO
