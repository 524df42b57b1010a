"""Lakes in which something is missing, and baselines that are of another day: what was done to the files is the label."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validity.cases import FIXTURES
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(["LD805", "LD808", "LD811", "LD812"])
START = 1_793_500_000

LABELS = {
    "all in order": expect(),
    "adapter trained anew": expect("LD805"),
    "training data changed": expect("LD805"),
    "one request in forty without a name": expect(),
    "three in ten without a name": expect("LD808"),
    "a third without a text": expect("LD808"),
    "ingested without an encoder": expect("LD811"),
    "ingested with another encoder": expect("LD811"),
    "a torn file": expect("LD812"),
    "a file of another program": expect("LD812"),
}


def told(place: Place) -> Iterator[Told]:
    """Every lake of two adapters, from two seeds."""
    for name, adapter in (("ledger", "healthy"), ("grammar", "healthy_seed2")):
        for seed in range(1 if place.quick else 2):
            for label, expected in LABELS.items():
                folder = place.scratch / "lakes-of" / f"{name}-{seed}-{len(label)}-{label[:9].replace(' ', '-')}"
                found = _checked(folder, name, adapter, label, np.random.default_rng([seed, len(label)]))
                yield Told(
                    family="lake",
                    name=f"{name}: {label} #{seed}",
                    label=label,
                    expected=expected,
                    judged=JUDGED,
                    fired=found,
                    sound=expected == expect(),
                )


def _checked(folder: Path, name: str, adapter: str, label: str, rng: np.random.Generator) -> frozenset[str]:
    from loradiag.api import baseline, drift_check, ingest

    folder.mkdir(parents=True)
    weights = Path(shutil.copytree(FIXTURES / "adapters" / adapter, folder / "adapter"))
    data = Path(shutil.copy(FIXTURES / "traffic" / f"{name}_train.jsonl", folder / "data.jsonl"))
    encoder = str(FIXTURES / "encoder")
    baseline(weights, data, folder / "baseline", encoder=encoder, name=name)
    prompts = [json.loads(line)["prompt"] for line in data.read_text().splitlines()]
    chosen = [prompts[place] for place in rng.permutation(len(prompts))[:200]]
    logs = folder / "logs.jsonl"
    logs.write_text(
        "".join(json.dumps(_line(label, name, prompt, number)) + "\n" for number, prompt in enumerate(chosen))
    )
    with_encoder: str | None = encoder
    if label == "ingested without an encoder":
        with_encoder = None
    elif label == "ingested with another encoder":
        with_encoder = str(_other_encoder(folder / "encoder"))
    lake = folder / "lake"
    ingest([logs], lake, encoder=with_encoder)
    _AFTER.get(label, _nothing)(folder)
    (report,) = drift_check(lake, [folder / "baseline"], adapters=[name], window="all", exemplars=0)
    return counting(report.findings)


def _line(label: str, name: str, prompt: str, number: int) -> dict[str, Any]:
    """A request as an OpenAI-compatible server logs it."""
    nameless = {"one request in forty without a name": 40, "three in ten without a name": 10 / 3}.get(label)
    request: dict[str, Any] = {"model": name, "prompt": prompt}
    if nameless and number % nameless < 1:
        del request["model"]
    if label == "a third without a text" and number % 3 == 0:
        del request["prompt"]
    response = {
        "id": f"cmpl-{number}",
        "object": "text_completion",
        "created": START + 60 * number,
        "choices": [{"index": 0, "text": " yes", "finish_reason": "stop"}],
    }
    return {"request": request, "response": response if "model" not in request else {**response, "model": name}}


def _other_encoder(target: Path) -> Path:
    """The same with every vector in another order: as good, and not comparable."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(FIXTURES / "encoder", target)
    file = target / "model.safetensors"
    tensors = {name: np.ascontiguousarray(value[..., ::-1]) for name, value in load_file(file).items()}
    save_file(tensors, file)
    return target


def _nothing(folder: Path) -> None:
    pass


def _trained_anew(folder: Path) -> None:
    file = folder / "adapter" / "adapter_model.safetensors"
    shutil.copy(FIXTURES / "adapters" / "no_replay" / file.name, file)


def _other_data(folder: Path) -> None:
    with (folder / "data.jsonl").open("a") as file:
        file.write('{"prompt": "# Nunos > Bitos : 3 fikix ; one more", "completion": ""}\n')


def _torn(folder: Path) -> None:
    file = next((folder / "lake").rglob("*.parquet"))
    file.with_name(f"torn-{file.name}").write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _strange(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = next((folder / "lake").rglob("*.parquet"))
    pq.write_table(pa.table({"number": [1, 2, 3]}), file.with_name(f"strange-{file.name}"))


_AFTER: dict[str, Callable[[Path], None]] = {
    "adapter trained anew": _trained_anew,
    "training data changed": _other_data,
    "a torn file": _torn,
    "a file of another program": _strange,
}
