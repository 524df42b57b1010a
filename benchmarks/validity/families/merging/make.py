"""Fold every adapter along every route, by plain means and by loradiag, and keep what came of it: ``merges.json.gz``.

python -m benchmarks.validity.families.merging.make [--shared DIR] [--jobs N] [--only WORD]

loradiag is given one half of the held-out text, and what became of the adapter is measured on the other. It takes about a
quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.validity.cases import FIXTURES
from benchmarks.validity.families.merging import kept, truth
from benchmarks.validity.families.merging.quantizing import ROUTES


class Trial(NamedTuple):
    """An adapter with another scale, beside its base, and the two halves of the text: (file, lines)."""

    name: str
    base: Path
    adapter: Path
    factor: float
    given: tuple[Path, slice]
    held: tuple[Path, slice]


MOST = 160
"""Tokens of a text at most."""

TEXT = FIXTURES / "text"
LEDGER = TEXT / "ledger_heldout.jsonl"
OURS = {
    "healthy": (1.0, 0.3, 0.1, 0.03, 0.01),
    "healthy_seed2": (1.0, 0.2, 0.05, 0.02),
    "no_replay": (1.0, 0.1),
    "over_scaled": (1.0, 0.1),
    "rslora": (1.0,),
    "dora": (1.0,),
    "over_ranked": (1.0,),
    "patterns": (1.0,),
    "pissa_converted": (1.0,),
    "embedding_lora": (1.0,),
    "partly_dead": (1.0,),
    "undertrained": (1.0,),
    "tiny": (1.0, 0.1),
    "untrained": (1.0,),
}
ZOO = {
    "med_r16": ("med", (1.0, 0.1)),
    "bank_r16": ("bank", (1.0,)),
    "med_dora": ("med", (1.0,)),
    "math_traj/checkpoint-800": ("math", (1.0,)),
}


def trials(shared: Path | None) -> Iterator[Trial]:
    """All of them. A diverged adapter is no case: there is nothing to keep."""
    for name, factors in OURS.items():
        for factor in factors:
            yield _trial(name, FIXTURES, factor, (LEDGER, slice(0, 75)), (LEDGER, slice(75, 150)))
    chant = (TEXT / "chant_train.jsonl", slice(None)), (TEXT / "chant_heldout.jsonl", slice(None))
    for factor in (1.0, 0.1):
        yield _trial("narrow_forgetting", FIXTURES, factor, *chant)
    if shared:
        for name, (text, factors) in ZOO.items():
            file = shared / "data" / "text" / f"{text}_test.jsonl"
            for factor in factors:
                yield _trial(name, shared / "zoo", factor, (file, slice(0, 24)), (file, slice(24, 48)))


def _trial(name: str, home: Path, factor: float, given: tuple[Path, slice], held: tuple[Path, slice]) -> Trial:
    said = f"{'' if home == FIXTURES else 'zoo/'}{name}{'' if factor == 1 else f' × {factor:g}'}"
    return Trial(said, home / "base", home / "adapters" / name, factor, given, held)


def measured(trial: Trial) -> kept.Merged:
    """Measure one."""
    from loradiag.api import merge_drift

    with tempfile.TemporaryDirectory() as folder:
        adapter = scaled(trial, Path(folder) / "adapter")
        prompts = Path(folder) / "given.jsonl"
        lines = [line for line in trial.given[0].read_text().splitlines() if line.strip()][trial.given[1]]
        prompts.write_text("\n".join(lines) + "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = merge_drift(
                trial.base,
                adapter,
                routes=list(ROUTES),
                prompts=prompts,
                trained_on="bf16",
                fit=False,
                max_length=MOST,
            )
            texts = truth.texts_of(trial.base, *trial.held, most=MOST)
            reference = truth.said(truth.unmerged(trial.base, adapter), texts)
            base = truth.said(truth.model_of(trial.base), texts)
            update = truth.changes(trial.base, adapter)
            outcomes = {route: truth.outcome(trial.base, update, route, texts, reference) for route in ROUTES}
    return kept.Merged(
        trial.name,
        base.loss,
        reference.loss,
        truth.apart(reference, base),
        truth.agreement(reference, base),
        outcomes,
        kept.slim(report, trial.name),
    )


def scaled(trial: Trial, target: Path) -> Path:
    """A copy whose α is ``factor`` times as large, patterns too."""
    shutil.copytree(trial.adapter, target)
    file = target / "adapter_config.json"
    config = json.loads(file.read_text())
    config["lora_alpha"] *= trial.factor
    config["alpha_pattern"] = {
        name: value * trial.factor for name, value in (config.get("alpha_pattern") or {}).items()
    }
    config["base_model_name_or_path"] = str(trial.base)
    file.write_text(json.dumps(config))
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="those whose name has this in it; nothing is written")
    options = parser.parse_args(arguments)
    chosen = [
        one for one in trials(options.shared if options.shared.is_dir() else None) if (options.only or "") in one.name
    ]
    found = []
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), initializer=kept.quietly) as pool:
        for one in pool.map(measured, chosen):
            print(_line(one), flush=True)
            found.append(one)
    if not options.only:
        kept.write(kept.Merges(kept.versions(), sorted(found, key=lambda one: one.name)))


def _line(one: kept.Merged) -> str:
    gain = one.base_loss - one.loss
    shares = ", ".join(
        f"{route} {(one.base_loss - row.loss) / gain:.2f}"
        for route, row in one.outcomes.items()
        if row.loss is not None and abs(gain) > 1e-6
    )
    return f"{one.name}: {one.base_loss:.3f} → {one.loss:.3f}; kept {shares}"


if __name__ == "__main__":
    main()
