"""What PEFT resolves the targets of a configuration to, on a model whose module names are known.

The rules are those of ``check_target_module_exists``, ``_maybe_include_all_linear_layers`` and ``_inject_parameters`` in
``peft/tuners/tuners_utils.py`` (0.21).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.adapters.layouts.peft_others import strings
from loradiag.adapters.patterns import Pattern, PatternError

ALL_LINEAR = "all-linear"
OUTPUT_HEADS = ("lm_head", "embed_out", "output", "proj_out")
_CLASSIFIERS = ("score", "classifier")  # PEFT's SEQ_CLS_HEAD_NAMES, in its order
_EVERY_DIGIT = re.compile(r"\\d|(?<=\[)0-9|(?<=a-z)0-9|(?<=A-Z)0-9|\{\d*,?\d*\}")
# A digit by its name or its octal number; a brace among others in brackets, which bounds no repetition.
_HIDDEN_DIGIT = re.compile(r"\\[N0-9]|\[[^\]]*\{")

Test = Callable[[str], bool]


class Names(msgspec.Struct, frozen=True):
    """The names of a model.

    Attributes:
        modules: Every module that may be adapted: linear layers, embeddings, convolutions.
        linears: Those of them that are linear.
        parameters: Full names of parameters.
    """

    modules: Sequence[str]
    linears: Sequence[str]
    parameters: Sequence[str]


class Entry(msgspec.Struct, frozen=True):
    """One target, what it is (``name``, ``regex``, ``all-linear``, ``parameter``), and the names that it resolves to."""

    target: str
    kind: str
    names: list[str]


def resolve(config: Mapping[str, Any], names: Names) -> list[Entry]:
    """Resolve ``target_modules`` and ``target_parameters`` as PEFT does.

    What cannot be resolved in bounded time, or is no regular expression, resolves to nothing.
    """
    target = config.get("target_modules")
    admitted = _admitted(config)
    if isinstance(target, str):
        if target.lower() == ALL_LINEAR:
            entries = [Entry(target, ALL_LINEAR, _inner(config, names.linears))]
        else:
            entries = [Entry(target, "regex", list(filter(_matching(target), names.modules)))]
    else:
        entries = _by_name(strings(target), names.modules, _layers(config))
    entries = [msgspec.structs.replace(entry, names=list(filter(admitted, entry.names))) for entry in entries]
    parameters = _by_suffix(strings(config.get("target_parameters")), names.parameters)
    return entries + [Entry(key, "parameter", found) for key, found in parameters.items()]


def _inner(config: Mapping[str, Any], linears: Sequence[str]) -> list[str]:
    """All linear layers but the output head; where there is none, in a classifier, but the head that classifies."""
    heads = {name for name in linears if name.rpartition(".")[2] in OUTPUT_HEADS and not re.search(r"\.\d+\.", name)}
    if not heads and config.get("task_type") == "SEQ_CLS":
        heads = set(next(([name] for name in _CLASSIFIERS if name in linears), []))
    return [name for name in linears if name not in heads]


def _by_name(targets: Sequence[str], modules: Sequence[str], in_layers: Test) -> list[Entry]:
    # An entry that is the whole name counts whichever layers were chosen.
    return [
        Entry(target, "name", [name for name in found if name == target or in_layers(name)])
        for target, found in _by_suffix(targets, modules).items()
    ]


def _by_suffix(keys: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """For each key the names that are it, or end with it after a dot."""
    found: dict[str, list[str]] = {key: [] for key in keys}
    if found:
        for name in names:
            for suffix in _suffixes(name):
                if suffix in found:
                    found[suffix].append(name)
    return found


def _suffixes(name: str) -> Iterator[str]:
    yield name
    start = name.find(".") + 1
    while start:
        yield name[start:]
        start = name.find(".", start) + 1


def _admitted(config: Mapping[str, Any]) -> Test:
    """Whether neither ``exclude_modules`` nor ``modules_to_save`` takes a module out."""
    excluded = config.get("exclude_modules")
    if isinstance(excluded, str):
        refused = _matching(excluded)
    else:
        keys = frozenset(strings(excluded))

        def refused(name: str) -> bool:
            return any(suffix in keys for suffix in _suffixes(name))

    saved = _saved(strings(config.get("modules_to_save")))
    return lambda name: not refused(name) and not saved(name)


def _saved(keys: Sequence[str]) -> Test:
    """Whether a name is, or is inside, a module that is kept whole. PEFT takes the keys for regular expressions."""
    plain = {key for key in keys if re.fullmatch(r"[\w.]+", key)}
    others = [_matching(rf"(.*\.)?({key})(\..*)?") for key in dict.fromkeys(keys) if key not in plain]

    def within(name: str) -> bool:
        if any(prefix in plain for suffix in _suffixes(name) for prefix in _prefixes(suffix)):
            return True
        return any(test(name) for test in others)

    return within if keys else _nothing


def _prefixes(name: str) -> Iterator[str]:
    words = name.split(".")
    return itertools.accumulate(words, lambda whole, word: f"{whole}.{word}")


def _nothing(_name: str) -> bool:
    return False


def _anything(_name: str) -> bool:
    return True


def _matching(expression: str, *, suffix: bool = False) -> Test:
    """Whether a name matches all of an expression; with ``suffix``, whether what follows one of its dots does."""
    try:
        pattern = Pattern(expression, suffix=suffix)
    except PatternError:
        return _nothing
    known: dict[str, bool] = {}
    alike = _alike(expression)

    def test(name: str) -> bool:
        key = name.translate(alike)
        if key not in known:
            try:
                known[key] = pattern.fullmatch(key)
            except PatternError:
                known[key] = False
        return known[key]

    return test


def _alike(expression: str) -> dict[int, int]:
    r"""A translation of digits that changes nothing for an expression, so that one layer or one expert speaks for many.

    What is left once ``\d``, ``0-9`` in brackets and the bounds of repetitions are taken out are the digits that the expression
    tells apart; the others are all one to it. Where that is not plain to see, every digit stays what it is.
    """
    rest = _EVERY_DIGIT.sub("", expression)
    if _HIDDEN_DIGIT.search(expression) or re.search(r"\d-\D|\D-\d", rest):
        return {}
    told = set(re.findall(r"\d", rest))
    for first, last in re.findall(r"(?=(\d)-(\d))", rest):
        told |= {str(digit) for digit in range(int(first), int(last) + 1)}
    others = sorted(set("0123456789") - told)
    return {ord(digit): ord(others[0]) for digit in others}


def _layers(config: Mapping[str, Any]) -> Test:
    """Whether ``layers_to_transform`` has a module's layer. Which number is the layer, ``layers_pattern`` says."""
    chosen = config.get("layers_to_transform")
    if chosen is None or chosen == []:
        return _anything
    indices = chosen if isinstance(chosen, list) else [chosen]
    wanted = {index for index in indices if isinstance(index, int)}
    before = [_matching(expression, suffix=True) for expression in strings(config.get("layers_pattern"))]
    return lambda name: _layer_of(name, before) in wanted


def _layer_of(name: str, before: Sequence[Test]) -> int | None:
    """The first number between two dots; with patterns, the first that stands behind one. Without, two words go before it."""
    words = name.split(".")
    numbers = [place for place in range(1, len(words) - 1) if re.fullmatch(r"\d{1,9}", words[place])]
    if not before:
        return next((int(words[place]) for place in numbers if place >= 2), None)
    found = (place for test in before for place in numbers if test(".".join(words[:place])))
    return next((int(words[place]) for place in found), None)
