"""Colours that are computed: a sequential scale that reads alike with and without colour vision."""

from __future__ import annotations

STEPS = 24

# Nine points of matplotlib's viridis (van der Walt and Smith 2015): lightness rises evenly, so the order survives
# colour blindness and a grey printer. Straight lines between them stay within what an eye can tell.
_VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")


def sequential(share: float) -> tuple[int, int, int]:
    """Return red, green and blue (0–255) at ``share`` (0–1) of the scale."""
    position = min(max(share, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    index = min(int(position), len(_VIRIDIS) - 2)
    low, high = (bytes.fromhex(_VIRIDIS[at]) for at in (index, index + 1))
    blend = position - index
    red, green, blue = (round(a + (b - a) * blend) for a, b in zip(low, high, strict=True))
    return red, green, blue


def luminance(color: tuple[int, int, int]) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ink_on(color: tuple[int, int, int]) -> str:
    """Black or white, whichever contrasts more with ``color``."""
    light = luminance(color)
    return "#fff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "#000"


def step_of(share: float) -> int:
    """The number of the class that colours ``share`` (0–1)."""
    return min(int(min(max(share, 0.0), 1.0) * STEPS), STEPS - 1)


def stylesheet() -> str:
    """The classes ``v0`` … of the scale: as a background with readable ink, and as the fill of a shape."""
    lines = []
    for step in range(STEPS):
        color = sequential(step / (STEPS - 1))
        code = "#" + bytes(color).hex()
        lines.append(f".v{step}{{background:{code};color:{ink_on(color)};fill:{code}}}")
    return "\n".join(lines)
