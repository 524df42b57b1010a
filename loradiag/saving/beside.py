"""What lies beside the weights of a merged checkpoint: configuration, tokenizer, model card and record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from loradiag._about import __version__
from loradiag.analyzers.identity import base_kind
from loradiag.analyzers.merge.routes import QUANTIZED, Route, Settings
from loradiag.bases.model import Base
from loradiag.core.lazy import require
from loradiag.core.merge import Route as Row
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.linalg.formats import DTYPE_NAMES
from loradiag.storage.files import unreadable

RECORD = "loradiag-merge.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".index.json")
_OWN = ("config.json", "README.md", "adapter_config.json", ".gitattributes", RECORD)
_LOADED = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "generation_config.json",
    "*processor_config.json",
    "*.model",
    "*.tiktoken",
)
"""What loaders look for beside a weight file that was named by itself: whatever else lies there need not be the model's."""

_LARGEST = 100_000_000
"""Bytes of a companion."""

_SUBCONFIGS = ("text_config", "llm_config", "language_config")


def write_config(folder: Path, base: Base, route: Route, settings: Settings, carrier: str, *, untied: bool) -> None:
    """Write ``config.json``: the base's, with the type of the new weights and how they are quantized."""
    config = {key: value for key, value in base.config.items() if key != "quantization_config"}
    dtype = DTYPE_NAMES[carrier if route.storage in QUANTIZED else route.storage]
    for part in (config, *(config.get(name) for name in _SUBCONFIGS)):
        if isinstance(part, dict):
            part |= {key: dtype for key in ("dtype", "torch_dtype") if key in part}
            if untied and "tie_word_embeddings" in part:
                part["tie_word_embeddings"] = False
    if not {"dtype", "torch_dtype"} & config.keys():
        config["torch_dtype"] = dtype  # both old and new versions of transformers read this one
    if untied:
        config["tie_word_embeddings"] = False
    if route.storage in QUANTIZED:
        config["quantization_config"] = _quantization(route, settings, dtype)
    _write(folder / "config.json", config)


def _quantization(route: Route, settings: Settings, dtype: str) -> dict[str, Any]:
    make = require("transformers", "merge").BitsAndBytesConfig
    if route.storage == "int8":
        chosen = make(load_in_8bit=True)
    else:
        chosen = make(
            load_in_4bit=True,
            bnb_4bit_quant_type=route.storage,
            bnb_4bit_use_double_quant=settings.double,
            bnb_4bit_compute_dtype=dtype,
        )
    found: dict[str, Any] = chosen.to_dict()
    return found


def copy_companions(folder: Path, base: Base) -> None:
    """Copy the tokenizer and whatever else a loader wants: the small files of the base's directory that are no weights.

    Of a base that is a file by itself those of them that loaders look for by name.

    Raises:
        InputError: One of them cannot be read.
        OSError: One cannot be written.
    """
    alone = not base.path.is_dir()
    for child in sorted((base.path.parent if alone else base.path).iterdir()):
        if not alone or any(fnmatchcase(child.name, pattern) for pattern in _LOADED):
            data = _companion(child)
            if data is not None:
                (folder / child.name).write_bytes(data)


def _companion(file: Path) -> bytes | None:
    """What a file holds; None if it is none that goes beside the new weights."""
    if file.name in _OWN or file.name.endswith(_WEIGHTS) or file.name.startswith("."):
        return None
    try:
        return file.read_bytes() if file.is_file() and file.stat().st_size <= _LARGEST else None
    except OSError as error:
        raise unreadable(file, error) from error


def write_record(folder: Path, report: Report, row: Row, base: Base) -> None:
    """Write what the checkpoint was made of and what was measured, for people (``README.md``) and for programs."""
    merge, subject = report.measurements.merge, report.subject
    assert merge is not None, "the row is of it"
    facts: dict[str, Any] = {
        "loradiag": __version__,
        "route": row.route,
        "storage": row.storage,
        "source": row.source,
        "block_size": merge.block_size if row.storage in ("nf4", "fp4") else None,
        "double_quantization": merge.double_quantization if row.storage in ("nf4", "fp4") else None,
        "base": {"name": _public(base), "revision": base.revision, "fingerprint": subject.base_fingerprint},
        "adapter": {"name": Path(subject.path).name, "sha256": subject.sha256},
        "measured": _measured(row),
        "status": row.status,
        "report_created": report.created,
    }
    _write(folder / RECORD, facts)
    (folder / "README.md").write_text(_card(facts, row), encoding="utf-8")


def _public(base: Base) -> str:
    """The base's name on the hub, or that of its directory: a path of this machine tells a reader nothing."""
    return base.name if base_kind(base.name) == "hub-id" else base.path.resolve().name


def _measured(row: Row) -> dict[str, float]:
    names = (
        "gain",
        "error",
        "effect_loss",
        "effect_loss_low",
        "effect_loss_high",
        "kld_mean",
        "same_top1",
        "nll_gain_retained",
    )
    return {name: value for name in names if (value := getattr(row, name)) is not None}


def _card(facts: Mapping[str, Any], row: Row) -> str:
    base, adapter = facts["base"], facts["adapter"]
    named = base_kind(base["name"]) == "hub-id"
    head = [
        "---",
        *([f"base_model: {json.dumps(base['name'])}"] if named else []),
        "library_name: transformers",
        "---",
        "",
    ]
    told = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in facts["measured"].items())
    lines = [
        f"# {_code(adapter['name'])} merged into {_code(base['name'])}",
        "",
        f"Precision: {row.route} ({row.summary}). Base fingerprint: {_code(base['fingerprint'])}"
        + (f", revision {_code(base['revision'])}" if base["revision"] else "")
        + f". Adapter: SHA-256 {_code(adapter['sha256'])}.",
        "",
        f"Merged and checked by loradiag {facts['loradiag']}: {row.status} ({told}). Details: `{RECORD}`.",
        "",
    ]
    return "\n".join(head + lines)


def _code(text: str | None) -> str:
    return f"`{printable(text or 'unknown').replace('`', chr(39))}`"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_bytes(json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
