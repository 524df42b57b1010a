"""Everything that has a label: fixtures and their broken copies, the zoo, public adapters, and what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.validity.cases import FIXTURES, Case
from benchmarks.validity.planted import labelled, planted, swapped
from benchmarks.validity.planting import Parent

BASE = FIXTURES / "base"

# fixtures/README.md: what each adapter is. What is not named here is sound.
ADAPTERS = {
    "untrained": "untrained",
    "undertrained": "undertrained",
    "partly_dead": "partly dead",
    "diverged": "diverged",
    "over_scaled": "over-scaled",
    "over_ranked": "over-ranked",
    "no_replay": "forgot",
    "narrow_forgetting": "forgot by size",
    "pissa": "PiSSA as stored",
    "ia3": "no LoRA",
}
BROKEN = {
    "nan": "NaN or infinity",
    "inf": "NaN or infinity",
    "unpaired": "half a pair missing",
    "wrong_rank": "rank not the configuration's",
    "empty_tensors": "no elements",
    "two_files": "other weights beside",
    "typo_target": "target matched nothing",
    "unexpected": "unexpected tensor",
    "no_config": "no configuration",
    "truncated": "unreadable",
    "header_overrun": "unreadable",
    "huge_header": "unreadable",
    "bad_config": "unreadable",
    "lfs_pointer": "LFS pointer",
    "duplicate_key": "duplicate key",
}
# TRUTH.json of the zoo: losses on what it could forget and on what it learned.
ZOO = {
    "untrained": "untrained",
    "med_hot": "diverged",
    "med_alpha512": "over-scaled",
    "bank_forget": "forgot by size",
    "bank_r16": "forgot",
    "med_r16": "forgot",
    "med_ia3": "no LoRA",
}
# Public ones are taken for healthy unless their own files say otherwise, by a look with plain numpy at what is zero.
WILD = {
    "adalora-mlp-untrained": "random factors",  # init_lora_weights is false: a test's file, A, B and E drawn at random
    "mlx-npz": "sound, without a configuration",
    "sam-wa-wb-old": "published untrained",
    "sd-attn2-dead": "published partly dead",
    "sd-cloneofsimo-pop-pt-list": "published partly dead",
    "sd-lokr-r8": "published partly dead",
    "gpt2-ckpt0": "early in its run",
}
PARENTS = ("healthy", "healthy_seed2")
PARENTS_ZOO = ("med_r16",)
PARENTS_WILD = ("gpt2-reward-ckpt3000", "llms-from-groundup")


def cases(shared: Path | None, scratch: Path, *, quick: bool = False) -> list[Case]:
    """All labelled cases; without ``shared`` those of the repository alone."""
    found = list(_fixtures(quick))
    found += _broken()
    if shared and not quick:
        found += _zoo(shared / "zoo")
        found += _wild(shared / "wild")
    found += planted(list(_parents(shared)), scratch, quick=quick)
    ours = [case for case in found if case.group == "fixture" and case.label == "sound" and case.base]
    found += swapped(ours[:3] if quick else ours, BASE, scratch, quick=quick)
    return found


def _fixtures(quick: bool) -> Iterator[Case]:
    truth = json.loads((FIXTURES / "TRUTH.json").read_text())["adapters"]
    for name, entry in truth.items():
        label = ADAPTERS.get(name, "sound")
        if name in ("series/checkpoint-30", "tiny"):
            label = "early in its run"
        if quick and name.startswith("series/"):
            continue
        told = {"own": "chant" if name == "narrow_forgetting" else "ledger", "copy": "copy_of" in entry, **entry}
        yield labelled(
            name, label, FIXTURES / "adapters" / name, BASE, "fixture", sound=label == "sound", truth=_kept(told)
        )


def _kept(entry: dict[str, object]) -> dict[str, object]:
    return {key: entry[key] for key in ("own", "copy", "loss", "accuracy") if key in entry}


def _broken() -> Iterator[Case]:
    for name, label in BROKEN.items():
        yield labelled(f"broken/{name}", label, FIXTURES / "broken" / name, None, "broken")


def _zoo(zoo: Path) -> Iterator[Case]:
    truth = json.loads((zoo / "TRUTH.json").read_text())
    for folder in sorted((zoo / "adapters").iterdir()):
        label = ZOO.get(folder.name, "sound")
        told = {"books": truth[folder.name]["books"] - truth["base"]["books"]} if folder.name in truth else {}
        for path in sorted(folder.glob("checkpoint-*"), key=lambda each: int(each.name[11:])) or [folder]:
            step = path.name.removeprefix("checkpoint-") if path != folder else ""
            early = "early in its run" if step in ("25", "50", "100") else label
            name = f"zoo/{folder.name}{'@' + step if step else ''}"
            last = step in ("", "800")
            sound = early == "sound" or (early == "forgot" and folder.name == "med_r16")
            yield labelled(name, early, path, zoo / "base", "zoo", sound=sound, truth=told if last else {})


def _wild(wild: Path) -> Iterator[Case]:
    for folder in sorted(wild.iterdir()):
        label = WILD.get(folder.name, "sound")
        for path in sorted(folder.glob("checkpoint-*"), key=lambda each: int(each.name[11:])) or [folder]:
            name = folder.name if path == folder else f"{folder.name}@{path.name[11:]}"
            yield labelled(f"wild/{name}", label, path, None, "wild", sound=label == "sound")


def _parents(shared: Path | None) -> Iterator[Parent]:
    for name in PARENTS:
        yield Parent(name, FIXTURES / "adapters" / name, BASE)
    if shared:
        for name in PARENTS_ZOO:
            yield Parent(f"zoo-{name}", shared / "zoo" / "adapters" / name, None)  # its base takes seconds a case
        for name in PARENTS_WILD:
            yield Parent(f"wild-{name}", shared / "wild" / name, None)
