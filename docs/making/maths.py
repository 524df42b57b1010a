"""Formulas as MathML, which browsers draw by themselves: no script and nothing to fetch."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def drawn(content: str) -> str:
    """HTML in which what :mod:`pymdownx.arithmatex` marked is MathML."""
    content = _BLOCK.sub(lambda match: f'<div class="formula">{_mathml(match, "block")}</div>', content)
    return _INLINE.sub(lambda match: _mathml(match, "inline"), content)


def _mathml(match: re.Match[str], display: str) -> str:
    # Bars of norms would grow with what stands beside them, each to another height.
    made: str = convert(html.unescape(match[1]).strip(), display=display)
    return made.replace("<mo>&#x02016;</mo>", '<mo stretchy="false">&#x02016;</mo>')
