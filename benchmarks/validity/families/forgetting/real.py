"""Runs over the fixtures' base: with tokenizers beside the adapter, and such that are interrupted."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(["LD707", "LD713"])
BASE = FIXTURES / "base"
TEXTS = [FIXTURES / "text" / f"{name}_heldout.jsonl" for name in ("base", "ledger", "chant")]


def told(place: Place) -> Iterator[Told]:
    """Each tokenizer beside two adapters, and runs that end early."""
    for name in ("healthy",) if place.quick else ("healthy", "healthy_seed2", "tiny"):
        for number, (label, (change, expected)) in enumerate(_TOKENIZERS.items()):
            folder = Path(shutil.copytree(FIXTURES / "adapters" / name, place.scratch / f"real-{name}-{number}"))
            change(folder)
            yield _told(f"{name}: {label}", label, expected, _findings(folder))
        for stop in (1, 2):
            findings = _findings(FIXTURES / "adapters" / name, stop)
            yield _told(f"{name}: interrupted at {stop}", "interrupted", expect("LD707"), findings)


def _told(name: str, label: str, expected: Expected, findings: Any) -> Told:
    return Told(
        family="real run",
        name=name,
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=expected == expect(),
    )


def _findings(adapter: Path, stop: int | None = None) -> Any:
    """Two documents of each text; with ``stop``, somebody interrupts when so many texts have been asked."""
    from loradiag.api import InterruptedRunError, forgetting

    seen: list[str] = []
    raised: list[bool] = []

    def progress(stage: str, _done: int, _total: int) -> None:
        name = next((file.stem for file in TEXTS if file.stem in stage), None)
        if name and "adapter" in stage and name not in seen:
            seen.append(name)
        if stop is not None and len(seen) > stop and not raised:
            raised.append(True)  # who interrupts twice gets nothing
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return forgetting(BASE, adapter, texts=TEXTS, limit=2, fit=False, cache=False, progress=progress).findings
        except InterruptedRunError as stopped:
            return stopped.reports[-1].findings


def _nothing(_folder: Path) -> None:
    """No tokenizer lies beside the adapter."""


def _same(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / name, folder)


def _more_tokens(folder: Path) -> None:
    _same(folder)
    file = folder / "tokenizer.json"
    found = json.loads(file.read_text())
    added = {"id": 640, "content": "<tool>", "single_word": False, "lstrip": False, "rstrip": False}
    found["added_tokens"].append({**added, "normalized": False, "special": True})
    file.write_text(json.dumps(found))


def _template(folder: Path) -> None:
    _same(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": "{{ messages[0]['content'] }}!"}))


_TOKENIZERS: dict[str, tuple[Callable[[Path], None], Expected]] = {
    "no tokenizer beside the adapter": (_nothing, expect()),
    "the base's tokenizer": (_same, expect()),
    "a token was added": (_more_tokens, expect("LD713")),
    "another chat template": (_template, expect("LD713")),
}
