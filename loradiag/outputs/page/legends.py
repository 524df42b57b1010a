"""Small drawings that legends explain marks and colours with."""

from __future__ import annotations

from loradiag.outputs.page.colors import STEPS
from loradiag.outputs.page.markup import Markup, element


def picture(content: Markup, width: int = 16, height: int = 16, class_: str | None = None) -> Markup:
    """A drawing beside its words, which a screen reader passes over."""
    return element(
        "svg", content, viewBox=f"0 0 {width} {height}", width=width, height=height, aria_hidden="true", class_=class_
    )


def scale_bar(first: int = 0) -> Markup:
    """The colour scale from its step ``first`` on."""
    steps = range(first, STEPS)
    bars = [element("rect", x=index * 8, width=8.5, height=10, class_=f"v{step}") for index, step in enumerate(steps)]
    return element(
        "svg", *bars, viewBox=f"0 0 {len(steps) * 8} 10", width=len(steps) * 8, height=10, aria_hidden="true"
    )
