"""Adapters that rules about merge drift speak of: each beside a base, with what to measure in a file next to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import loradiag
from loradiag.core.findings import Finding
from loradiag.core.report import encode
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import FIXTURES, MakeAdapter
from tests.rules.adapters import Make, renamed, scaled, scaled_in, with_arrays, with_changes

OPTIONS = "merge.json"
BASE = FIXTURES / "base"
LEDGER = str(FIXTURES / "text" / "ledger_heldout.jsonl")
TEXT = {"prompts": LEDGER, "limit": 40}
SMALL = {"prompts": LEDGER, "limit": 3}


def folded(route: str, make_adapter: Make, base: Make | None = None, **options: Any) -> Make:
    """An adapter that is to be folded along a route: into random weights, or those of another base."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        home = base(make, tmp) if base else write_base(tmp / "base", llama_shapes())
        adapter = make_adapter(make, tmp)
        asked = {"base": str(home), "routes": [route], "fit": False, **options}
        (adapter.parent / OPTIONS).write_text(json.dumps(asked))
        return adapter

    return build


def trained(name: str, route: str, factor: float = 1.0, base: Make | None = None, **options: Any) -> Make:
    """An adapter of the fixtures, with another scale, to be folded into the fixtures' base."""

    def copied(make: MakeAdapter, tmp: Path) -> Path:
        folder = Path(shutil.copytree(FIXTURES / "adapters" / name, tmp / "adapter"))
        config = json.loads((folder / "adapter_config.json").read_text())
        config["lora_alpha"] *= factor
        (folder / "adapter_config.json").write_text(json.dumps(config))
        return folder

    return folded(route, copied, base or (lambda make, tmp: BASE), **options)


def after(good: Make, bad: Make) -> Make:
    """A release that keeps less than the one before: its report is the baseline."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        (tmp / "before").mkdir()
        adapter = good(make, tmp / "before")
        (tmp / "before.json").write_bytes(encode(loradiag.merge_drift(adapter=adapter, **options_of(adapter))))
        later = bad(make, tmp)
        options = options_of(later) | {"baseline": str(tmp / "before.json")}
        (later.parent / OPTIONS).write_text(json.dumps(options))
        return later

    return build


def loud_base(make: MakeAdapter, tmp: Path) -> Path:
    """The fixtures' base with a head so large that logits are beyond FP16, though no weight is."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(BASE, tmp / "base"))
    for file in folder.glob("*.safetensors"):
        tensors = load_file(file)
        if "lm_head.weight" in tensors:
            save_file(tensors | {"lm_head.weight": tensors["lm_head.weight"] * 2**14}, file, {"format": "pt"})
    return folder


def options_of(adapter: Path) -> dict[str, Any]:
    """What is to be measured; empty where nothing was said."""
    file = adapter.parent / OPTIONS
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def findings_of(adapter: Path) -> list[Finding]:
    """What rules say when it is folded."""
    return loradiag.merge_drift(adapter=adapter, **options_of(adapter)).findings


PROVOKED: dict[str, Make] = {
    "LD601": folded("fp16", with_arrays(scaled(1e7))),
    "LD602": folded("nf4-inplace", with_arrays(scaled(0.01))),
    "LD603": folded("nf4-inplace", with_arrays(scaled_in(0.01, "layers.1.self_attn.q_proj", otherwise=5))),
    "LD604": trained("healthy", "nf4-inplace", 0.2, **TEXT),
    "LD605": trained("rslora", "nf4-inplace", 0.65, **TEXT),
    "LD606": trained("untrained", "bf16", **SMALL),
    "LD607": trained("healthy", "nf4-inplace", 0.5, **TEXT),
    "LD608": trained("tiny", "bf16", **SMALL),
    "LD609": trained("tiny", "fp16", base=loud_base, **SMALL),
    "LD610": folded("bf16", with_arrays(renamed(".layers.1.", ".layers.9."))),
    "LD611": folded("nf4", with_changes()),
    "LD612": after(trained("tiny", "nf4-inplace"), trained("tiny", "nf4-inplace", 0.1)),
    "LD613": trained("healthy", "nf4-inplace", 0.2, **TEXT),
    "LD614": trained("tiny", "bf16", **SMALL),
}
"""What provokes each rule about merge drift."""
