"""What a demonstration is made from: toy adapters, requests and reports, which a wheel carries and a checkout has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loradiag.core.errors import InputError

SERVED: Mapping[str, str] = {"ledger": "healthy", "chant": "narrow_forgetting", "grammar": "healthy_seed2"}
"""Adapters by what the traffic calls them, and which fixture each is."""

RUN = "series"
"""Checkpoints of the run whose earlier states ``ledger`` is told to have had."""

ADAPTERS: Mapping[str, str] = {
    **{fixture: name for name, fixture in SERVED.items()},
    RUN: "ledger_run",
    "bf16": "ledger_bf16",
    **{name: name for name in ("ia3", "no_replay", "over_scaled", "partly_dead", "tiny", "undertrained", "untrained")},
}
"""Fixtures, and what each is called in a demonstration."""

BROKEN = ("empty_tensors", "escape_name", "lfs_pointer", "nan", "truncated", "typo_target", "unexpected", "unpaired")
"""Broken copies, as somebody might have sent them; each has a hash of its own."""

TEXTS = ("base_heldout", "chant_heldout", "ledger_heldout")
"""Texts that no adapter was trained on, for the commands that a reader may try."""

NEEDED = (
    "base",
    "encoder",
    "reports",
    "tasks",
    "traffic",
    *(f"text/{name}.jsonl" for name in TEXTS),
    *(f"adapters/{name}" for name in ADAPTERS),
    *(f"broken/{name}" for name in BROKEN),
)
"""What a wheel carries of the fixtures."""


def fixtures() -> Path:
    """Where the fixtures lie: in the installed package, or in the checkout that it is run from.

    Raises:
        InputError: In neither.
    """
    own = Path(__file__).parent / "fixtures"
    checkout = Path(__file__).parents[2] / "fixtures"
    for folder in (own, checkout):
        if all((folder / name).exists() for name in NEEDED):
            return folder
    raise InputError(own, "the data of the demonstration is missing", "install loradiag from a wheel", "missing")
