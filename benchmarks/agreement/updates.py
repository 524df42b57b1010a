"""Updates, spectra and sizes: dense float64 decompositions, and PEFT's own modules."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.agreement.rows import Agreement
from benchmarks.validity.cases import FIXTURES
from tests.adapters import peft_models as models
from tests.analyzers.beside import dense_merges

ADAPTERS = ("healthy", "dora", "patterns", "rslora", "embedding_lora", "diverged", "undertrained")


def updates(*, quick: bool = False) -> Iterator[Agreement]:
    """Against PEFT, and against dense decompositions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield _by_peft(quick)
    chosen = ADAPTERS[:1] if quick else ADAPTERS
    yield from _beside_base(chosen)


def configurations() -> dict[str, Any]:
    """Kinds of adapters that PEFT can make of a small Llama."""
    import peft

    from tests.adapters.layouts.test_peft_updates import LORA

    names = ["q_proj", "v_proj", "up_proj", "down_proj"]
    found = {
        name: peft.LoraConfig(**{"target_modules": names, **settings})
        for name, settings in LORA.items()
        if name not in ("pissa", "biases")  # they change the base, or add what is no update
    }
    found["LoHa"] = peft.LoHaConfig(r=3, alpha=5, target_modules=names)
    found["LoKr"] = peft.LoKrConfig(r=3, alpha=5, target_modules=names)
    found["AdaLoRA"] = peft.AdaLoraConfig(init_r=6, target_r=3, lora_alpha=5, target_modules=names, total_step=10)
    return found


def _by_peft(quick: bool) -> Agreement:
    """Singular values of what PEFT would add to the weight, densely; scales and layouts are part of them."""
    import peft

    from loradiag.api import inspect

    largest, cases = 0.0, 0
    for name, config in list(configurations().items())[: 3 if quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            wrapped = models.trained(models.tiny_llama(), config)
            wrapped.save_pretrained(folder)
            measured = inspect(folder).measurements.spectrum
            # As PEFT reads it back: what it writes has lost the order of patterns.
            theirs = models.peft_spectra(peft.PeftModel.from_pretrained(models.tiny_llama(), folder))
        assert measured is not None, name
        for row in measured.modules:
            expected = theirs[row.name]
            ours = np.zeros(expected.size)
            ours[: len(row.sigma)] = row.sigma[: expected.size]
            largest = max(largest, float(np.abs(ours - expected).max() / expected[0]))
            cases += 1
    return Agreement(
        quantity="singular values and scales: LoRA, rsLoRA, patterns, DoRA, LoHa, LoKr, AdaLoRA",
        source="PEFT's get_delta_weight in float64, numpy's dense SVD",
        cases=cases,
        difference=largest,
        tolerance=1e-6,
    )


def _beside_base(adapters: tuple[str, ...]) -> Iterator[Agreement]:
    from loradiag.api import inspect

    frobenius, spectral, counts, modules = 0.0, 0.0, 0, 0
    for name in adapters:
        folder = FIXTURES / "adapters" / name
        report = inspect(folder, FIXTURES / "base").measurements
        assert report.relative is not None
        assert report.intruders is not None
        found = {row.name: row for row in report.intruders.modules}
        merged = dense_merges(folder)
        for row in report.relative.modules:
            if row.weight is None or row.name not in merged or row.relative_frobenius is None:
                continue
            old, new = (np.asarray(each, np.float64) for each in merged[row.name])
            sigma = np.linalg.svd(old, compute_uv=False)
            change = np.linalg.svd(new - old, compute_uv=False)
            frobenius = max(
                frobenius, abs(row.relative_frobenius / (np.linalg.norm(change) / np.linalg.norm(sigma)) - 1)
            )
            spectral = max(spectral, abs((row.relative_spectral or 0) / (change[0] / sigma[0]) - 1))
            top = np.linalg.svd(new)[0][:, :10]
            whole = np.linalg.svd(old)[0]
            intruding = int((np.abs(whole.T @ top).max(axis=0) < 0.5).sum())
            intruder = found[row.name]
            counts = max(counts, abs(intruding - (intruder.count or 0)) if intruder.certified else 0)
            modules += 1
    dense = "numpy's dense SVD of W and of W + ΔW, float64"
    yield Agreement(quantity="‖ΔW‖_F/‖W‖_F", source=dense, cases=modules, difference=frobenius, tolerance=1e-4)
    yield Agreement(quantity="σ₁(ΔW)/σ₁(W)", source=dense, cases=modules, difference=spectral, tolerance=1e-3)
    yield Agreement(
        quantity="intruder dimensions that are certified",
        source="every cosine between two full decompositions",
        cases=modules,
        difference=counts,
        tolerance=0,
        relative=False,
    )
