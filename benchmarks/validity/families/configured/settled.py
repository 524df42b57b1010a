"""Sizes and spectra of an adapter and its base by plain numpy: dense products, dense singular values. Nothing of loradiag."""

from __future__ import annotations

from statistics import median

import numpy as np

from benchmarks.validity.planting import Arrays, Parent


def relative(parent: Parent, weights: Arrays, arrays: Arrays | None = None) -> float:
    """The median of ‖ΔW‖_F/‖W‖_F."""
    own = arrays or parent.arrays
    found = []
    for a, b in parent.pairs():
        name = a.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
        if a in own and b in own:
            update = parent.scale * own[b].astype(np.float64) @ own[a]
            found.append(float(np.linalg.norm(update) / np.linalg.norm(weights[name])))
    return median(found)


def flatness(parent: Parent, arrays: Arrays) -> float:
    """The median of the entropy rank over r: exp(−Σ p ln p) of p = σ/Σσ."""
    shares = []
    for a, b in parent.pairs():
        sigma = np.linalg.svd(arrays[b].astype(np.float64) @ arrays[a], compute_uv=False)[: arrays[a].shape[0]]
        p = sigma[sigma > 0] / sigma.sum()
        shares.append(float(np.exp(-(p * np.log(p)).sum()) / sigma.size))
    return median(shares)
