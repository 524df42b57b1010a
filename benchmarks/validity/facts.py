"""What a configuration and the names of files settle, read off them by plain JSON: no code of loradiag has a hand in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETTLED = frozenset(["LD115", "LD301", "LD302", "LD501", "LD502", "LD503", "LD505", "LD507"])
"""Rules that are held against the files in every case that PEFT wrote."""


def facts(folder: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Codes that should fire, and codes that are settled either way."""
    config = _config(folder)
    if config is None or config.get("peft_type") != "LORA" or not isinstance(config.get("r"), int):
        return frozenset(), frozenset()
    should = {code for code, holds in _claims(folder, config).items() if holds}
    settled = SETTLED - ({"LD301", "LD302"} if config.get("rank_pattern") or config.get("alpha_pattern") else set())
    return frozenset(should & settled), settled


def _config(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "adapter_config.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _claims(folder: Path, config: dict[str, Any]) -> dict[str, bool]:
    base = config.get("base_model_name_or_path") or ""
    local = base.startswith(("/", ".", "~")) or ":\\" in base
    ratio, root = config["lora_alpha"] / config["r"], config["lora_alpha"] / config["r"] ** 0.5
    stabilised = bool(config.get("use_rslora"))
    return {
        "LD115": False,
        "LD301": not stabilised and not 0.5 <= ratio <= 4,
        "LD302": stabilised and not 0.5 * 8**0.5 <= root <= 4 * 8**0.5,
        "LD501": not base,
        "LD502": local,
        "LD503": bool(base) and not local and not config.get("revision"),
        "LD505": not any(folder.glob("*.safetensors")),
        "LD507": str(config.get("init_lora_weights")).startswith(("pissa", "olora")),
    }
