"""The public functions, from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

import loradiag
from making.prose import cell, from_docstring

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$")
_ENTRY = re.compile(r"^([\w*]+): ?(.*)$")
_TITLES = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Yields": "Yields",
    "Raises": "Raises",
}


def index() -> str:
    """All names of ``loradiag``."""
    lines = ["# Python", "", "What the commands do, as functions. Importing `loradiag` is light: what a name needs is"]
    lines += ["imported when the name is first used.", ""]
    lines += ["```pycon", *_example(), "```", ""]
    for name in sorted((each for each in loradiag.__all__ if not each.startswith("__")), key=_order):
        lines += _entry(name, getattr(loradiag, name))
    return "\n".join(lines)


def _example() -> list[str]:
    """The example of the package's own docstring."""
    blocks = _blocks(inspect.cleandoc(loradiag.__doc__ or ""))
    return next(block for block in blocks if block[0].startswith(">>>"))


def _order(name: str) -> tuple[bool, str]:
    return (name[0].isupper(), name)


def _entry(name: str, found: Any) -> list[str]:
    lines = [f"## {name}", ""]
    if inspect.isclass(found) and issubclass(found, BaseException):
        signature = f"class {name}({found.__bases__[0].__name__})"
    else:
        signature = f"{'class ' if inspect.isclass(found) else ''}{name}{_signature(found)}"
    lines += ["```python", signature, "```", "", *_body(inspect.cleandoc(found.__doc__ or ""))]
    return lines


def _signature(found: Any) -> str:
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return ""
    parts, keyword = [], False
    for each in signature.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not keyword:
            parts, keyword = [*parts, "*"], True
        parts.append(_parameter(each))
    back = signature.return_annotation
    arrow = "" if back is inspect.Signature.empty else f" -> {_kind(back)}"
    one = f"({', '.join(parts)}){arrow}"
    return one if len(one) < 80 else "(\n    " + ",\n    ".join(parts) + f",\n){arrow}"


def _parameter(each: inspect.Parameter) -> str:
    known = "" if each.annotation is each.empty else f": {_kind(each.annotation)}"
    if each.default is each.empty:
        return f"{each.name}{known}"
    return f"{each.name}{known}{' = ' if known else '='}{each.default!r}"


def _kind(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _body(text: str) -> list[str]:
    """Prose, examples and sections of a Google-style docstring."""
    lines: list[str] = []
    section: str | None = None
    for block in _blocks(text):
        first = block[0]
        match = _SECTION.match(first)
        if match:
            section = match[1]
            lines += [f"**{_TITLES[section]}**", "", *_listed(block[1:]), ""]
        elif first.startswith(">>>"):
            lines += ["```pycon", *block, "```", ""]
        else:
            lines += [from_docstring("\n".join(block)), ""]
    return lines


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _listed(lines: list[str]) -> list[str]:
    """Entries ``name: words`` as a list; words without names as they are."""
    flat = inspect.cleandoc("\n".join(lines)).split("\n")
    entries: list[str] = []
    for line in flat:
        match = _ENTRY.match(line)
        if match and not line.startswith(" "):
            entries.append(f"- `{match[1]}`: {cell(from_docstring(match[2]))}")
        elif entries and entries[-1].startswith("- `"):
            entries[-1] += f" {cell(from_docstring(line.strip()))}"
        else:
            entries.append(from_docstring(line))
    return entries
