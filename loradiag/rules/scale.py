"""LD301 to LD306: is the update multiplied by what was meant, and are its parts in proportion?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.rules.common import names, of_all, scales, where

_CONVENTION = "practitioners' convention: α between r/2 and 4r"
_TINY = 1e-12
"""A scale that nobody has: in the place of zero, by which nothing can be divided."""


def _described(values: Iterable[float]) -> str:
    counts = Counter(round(value, 4) for value in values)
    return ", ".join(
        f"{value:g} ({count}×)" if len(counts) > 1 else f"{value:g}" for value, count in counts.most_common(3)
    )


def _farthest(values: Iterable[float], low: float, high: float) -> float:
    """The scale that lies farthest outside of a band, by the factor that it would take to bring it back."""
    least, most = max(low, _TINY), max(high, _TINY)
    return max(values, key=lambda value: max(abs(value) / most, least / max(abs(value), _TINY)))


@rule(
    "LD301",
    "scale-out-of-band",
    Severity.WARNING,
    source=_CONVENTION,
    advice="Check lora_alpha against r. To change the strength without training, scale α; to change r, train again.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("low", 0.5, "least α/r, inclusive", _CONVENTION),
        Threshold("high", 4.0, "largest α/r, inclusive", _CONVENTION),
    ],
)
def scale_out_of_band(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """α/r lies outside of what is usual.

    ## Why it matters
    The scale multiplies the update and, in effect, the learning rate. Far below the band training crawls; far above it
    every step is a leap and the base's abilities go.

    ## How sure
    56 of 252 public configurations lie outside, and 90 sit exactly on 4, so the bounds are inclusive. A learning rate
    chosen to match makes any scale work: look at the size of the update (LD205 to LD207) as well.

    ## What to do
    α = r or 2r with the usual learning rates.
    """
    scale = evidence.measurements.scale
    if scale is None or scale.convention != "alpha/r":
        return
    outside = [
        row
        for row in scale.modules
        if row.alpha is not None and row.scale is not None and not limits["low"] <= abs(row.scale) <= limits["high"]
    ]
    if outside:
        worst = _farthest((row.scale or 0 for row in outside), limits["low"], limits["high"])
        yield Match(
            f"α/r is {_described(row.scale or 0 for row in outside)} in {of_all(len(outside), len(scale.modules))}, "
            f"outside [{limits['low']:g}, {limits['high']:g}]",
            modules=names(outside),
            observed=worst,
            threshold=limits["high"] if abs(worst) > limits["high"] else limits["low"],
        )


@rule(
    "LD302",
    "rslora-scale-out-of-band",
    Severity.WARNING,
    source="Kalajdzievski 2023 (arXiv 2312.03732): the scale is α/√r; band carried over from α/r at the reference rank",
    advice="With use_rslora, α is chosen for √r: α = 16 gives a scale of 4 at r = 16.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold("low", 0.5, "least scale at the reference rank, as in LD301", _CONVENTION),
        Threshold("high", 4.0, "largest scale at the reference rank, as in LD301", _CONVENTION),
        Threshold(
            "reference_rank",
            8,
            "rank r₀ at which α/r and α/√r are held to mean the same",
            "the commonest rank of public adapters",
        ),
    ],
)
def rslora_scale_out_of_band(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """With rsLoRA, α/√r lies outside the band that matches the usual one for α/r.

    ## Why it matters
    rsLoRA replaces α/r by α/√r so that the strength of the update does not fall with the rank. An α that was chosen for
    α/r then acts √r times as strongly.

    ## How the band is found
    At the reference rank r₀ = 8 both conventions are allowed the same α, so the band of α/√r is that of α/r times √r₀:
    1.41 to 11.3.

    ## What to do
    Divide α by √(r/r₀) when turning rsLoRA on.
    """
    scale = evidence.measurements.scale
    if scale is None or scale.convention != "alpha/sqrt(r)":
        return
    factor = math.sqrt(max(limits["reference_rank"], 0))
    low, high = limits["low"] * factor, limits["high"] * factor
    outside = [row for row in scale.modules if row.scale is not None and not low <= abs(row.scale) <= high]
    if outside:
        worst = _farthest((row.scale or 0 for row in outside), low, high)
        yield Match(
            f"α/√r is {_described(row.scale or 0 for row in outside)} in {of_all(len(outside), len(scale.modules))}, "
            f"outside [{low:.3g}, {high:.3g}]",
            modules=names(outside),
            observed=worst,
            threshold=high if abs(worst) > high else low,
        )


@rule(
    "LD303",
    "uneven-scales",
    Severity.INFO,
    source="loradiag",
    advice="Check that rank_pattern and alpha_pattern were meant together: a rank without its α changes the scale.",
    thresholds=[
        Threshold("max_ratio", 4.0, "largest scale over smallest", "the width of half the usual band, [0.5, 4]")
    ],
)
def uneven_scales(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Modules have scales that differ by a large factor.

    ## Why it matters
    A ``rank_pattern`` without an ``alpha_pattern`` changes α/r of the modules that it matches: twice the rank, half the
    scale. That is seldom meant. Servers that do not read patterns would run these modules at the wrong scale.

    ## What to do
    Set both, or use rsLoRA.
    """
    known = [row for row in scales(evidence) if row.scale]
    values = [abs(row.scale or 0) for row in known]
    if values and max(values) / min(values) > limits["max_ratio"]:
        extreme = [row for row in known if abs(row.scale or 0) in (max(values), min(values))]
        yield Match(
            f"scales range from {min(values):.3g} to {max(values):.3g}: {_described(row.scale or 0 for row in known)}",
            modules=names(extreme),
            observed=max(values) / min(values),
            threshold=limits["max_ratio"],
        )


@rule(
    "LD304",
    "norm-outlier",
    Severity.INFO,
    source="Iglewicz and Hoaglin 1993: modified z-score from median and MAD",
    advice="Look at the module: the first and last layers often stand apart, one in the middle seldom does.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold(
            "min_z",
            5.0,
            "least robust z-score of log ‖ΔW‖_F",
            "3.5 in the source; sound adapters of 8 layers often exceed it",
        ),
        Threshold(
            "min_ratio",
            4.0,
            "least ratio to the median of the peers, either way",
            "measured: both together single out modules in 3 of 63 adapters",
        ),
    ],
)
def norm_outlier(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """One module's update is many times larger or smaller than those of its peers.

    ## Why it matters
    A single layer that took most of the update is what a bad initialisation, a wrong pattern or a numeric accident
    leaves. A layer that took almost none is nearly dead.

    ## How sure
    Peers are modules of the same stack, role and shape. Both a large robust z-score and a large ratio are demanded:
    among few layers that are much alike, a z-score alone cries wolf.

    ## What to do
    Compare with an earlier checkpoint.
    """
    outliers = [
        row
        for row in scales(evidence)
        if row.norm_z is not None
        and row.norm_ratio
        and abs(row.norm_z) >= limits["min_z"]
        and max(row.norm_ratio, 1 / row.norm_ratio) >= limits["min_ratio"]
    ]
    if outliers:
        worst = max(outliers, key=lambda row: max(row.norm_ratio or 1, 1 / (row.norm_ratio or 1)))
        yield Match(
            f"{of_all(len(outliers), len(scales(evidence)))} far from their peers: {where(outliers)} "
            f"(up to {worst.norm_ratio:.2g} × the median of its role)",
            modules=names(outliers),
            observed=worst.norm_ratio,
            threshold=limits["min_ratio"],
        )


@rule(
    "LD305",
    "factor-imbalance",
    Severity.INFO,
    source="measured: the medians of 63 adapters lie between 0.0036 and 1.3",
    advice="Balance the factors (same product, equal norms) before training on or storing in FP16 or FP8.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "low",
            1e-3,
            "least root mean square entry of B over that of A",
            "measured: the least median of 63 adapters was 0.0036",
        ),
        Threshold("high", 30.0, "largest", "measured: the largest median of 63 adapters was 1.3"),
    ],
)
def factor_imbalance(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """One factor is far larger than the other.

    ## Why it matters
    Only the product counts for the output, but the entries of the small factor may underflow in FP16 or FP8, and
    training goes on badly from there.

    ## What to do
    Multiply one factor and divide the other by the same number.
    """
    # An embedding's factors start the other way round: A at zero, B at random.
    known = [row for row in scales(evidence) if row.factor_ratio and row.role != "embedding"]
    outside = [row for row in known if not limits["low"] <= (row.factor_ratio or 0) <= limits["high"]]
    if outside:
        worst = max(outside, key=lambda row: abs(math.log(row.factor_ratio or 1)))
        yield Match(
            f"B is {worst.factor_ratio:.1e} × A by entry in the worst of {of_all(len(outside), len(known))}: {where(outside)}",
            modules=names(outside),
            observed=worst.factor_ratio,
            threshold=limits["low"] if (worst.factor_ratio or 0) < limits["low"] else limits["high"],
        )


@rule(
    "LD306",
    "scale-assumed",
    Severity.INFO,
    source="the defaults of the layout's own loaders",
    advice="Give the scale to the loader explicitly, and keep it with the file.",
    confidence=Confidence.HIGH,
)
def scale_assumed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Nothing in the files says what the update is multiplied by; the layout's default was taken.

    ## Why it matters
    Shapes of spectra do not depend on it, sizes do. Loaders differ: kohya's tools take α = r where α is missing, MLX
    multiplies by 20.

    ## What to do
    Nothing, if the adapter was trained with the default.
    """
    assumed = [row for row in scales(evidence) if row.scale_source == "default"]
    if assumed:
        yield Match(
            f"no α stored for {of_all(len(assumed), len(scales(evidence)))}; "
            f"taken as {_described(row.scale or 0 for row in assumed)}",
            observed=assumed[0].scale,
        )
