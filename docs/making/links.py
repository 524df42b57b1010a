"""Links that nobody writes by hand: codes of rules lead to their pages, and what lies outside of the site is only named."""

from __future__ import annotations

import posixpath
import re

from loradiag.rules import RULES

_FENCE = re.compile(r"(^(?P<mark>```+|~~~+).*?^(?P=mark)[ ]*$)", re.MULTILINE | re.DOTALL)
_KEPT = re.compile(r"(`[^`\n]+`|\[[^\]\n]*\]\([^)\n]*\)|^#.*$|<[^>\n]+>)", re.MULTILINE)
_CODE = re.compile(r"\b(LD\d{3})\b")
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")


def linked(markdown: str, page: str) -> str:
    """Markdown of the page at ``page``, with links to rules and without links out of the site."""
    parts = _FENCE.split(markdown)
    # Of every match there are three parts: what stands before, the fence, and its mark.
    return "".join(part if index % 3 == 1 else _prose(part, page) for index, part in enumerate(parts) if index % 3 != 2)


def _prose(text: str, page: str) -> str:
    text = _LINK.sub(lambda match: _inside(match, page), text)
    parts = _KEPT.split(text)
    return "".join(
        part if index % 2 else _CODE.sub(lambda match: _rule(match, page), part) for index, part in enumerate(parts)
    )


def _rule(match: re.Match[str], page: str) -> str:
    code = match[1]
    if code not in RULES or posixpath.basename(page) == f"{code}.md":
        return code
    return f"[{code}]({posixpath.relpath(f'rules/{code}.md', posixpath.dirname(page) or '.')})"


def _inside(match: re.Match[str], page: str) -> str:
    """The link as it is, unless it leads to a file of the repository that is no page."""
    target = match[2]
    if "://" in target or target.startswith(("#", "mailto:")):
        return match[0]
    place = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target.partition("#")[0]))
    if place == "docs/rules.md":
        return f"[{match[1]}]({posixpath.relpath('rules/index.md', posixpath.dirname(page) or '.')})"
    return match[0] if place.startswith("docs/") else f"`{place}`"
