"""Regular expressions out of configurations, matched so that none can hang the program.

``rank_pattern``, ``alpha_pattern`` and ``target_modules`` may hold any expression, and Python's backtracking matcher
needs exponential time for some (``(a+)+$``, ``(a|a)*b``). Whether an expression matches at all can be told without
backtracking: keep the set of all positions that a match could have reached (Thompson 1968, "Regular expression search
algorithm"). A set of positions is an integer here, one bit each, so that one step moves all of them at once.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

MAX_PATTERN = 4_000
"""Characters. The longest ``target_modules`` in 599 public configurations has a few hundred."""

MAX_STEPS = 200_000
"""Steps of one match. An ordinary expression takes some hundreds."""

# The parser of the re module. It has no public name, and writing another one would be a second opinion on the syntax.
_parser: Any = importlib.import_module("re._parser")
_c: Any = importlib.import_module("re._constants")

# Expressions of these characters have one way to match, so the re module needs no backtracking for them.
_PLAIN = re.compile(r"(?:[\w.$^-]|\\.)*", re.ASCII)
_CATEGORIES = {
    _c.CATEGORY_DIGIT: re.compile(r"\d"),
    _c.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    _c.CATEGORY_SPACE: re.compile(r"\s"),
    _c.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    _c.CATEGORY_WORD: re.compile(r"\w"),
    _c.CATEGORY_NOT_WORD: re.compile(r"\W"),
}


class PatternError(ValueError):
    """An expression is invalid, too long, or uses what cannot be matched in bounded time."""


class Pattern:
    """One compiled expression.

    Args:
        expression: In Python's syntax.
        suffix: Whether the expression may match what follows a dot of the text instead of all of it, as PEFT matches
            the keys of ``rank_pattern``.

    Raises:
        PatternError: It is no expression, or a very long one.
    """

    def __init__(self, expression: str, *, suffix: bool = False) -> None:
        if len(expression) > MAX_PATTERN:
            raise PatternError(f"is longer than {MAX_PATTERN:,} characters")
        whole = rf"(.*\.)?({expression})" if suffix else expression
        self._plain: re.Pattern[str] | None = None
        try:
            if _PLAIN.fullmatch(expression):
                self._plain = re.compile(whole)
            else:
                self._tree = _parser.parse(whole)
                self._ignore_case = bool(self._tree.state.flags & re.IGNORECASE)
        except (re.error, RecursionError, OverflowError) as error:
            raise PatternError("is not a regular expression") from error

    def fullmatch(self, text: str) -> bool:
        """Whether the expression matches all of ``text``.

        Raises:
            PatternError: It needs more steps than are allowed, or a feature that cannot be matched in bounded time.
        """
        if self._plain is not None:
            return self._plain.fullmatch(text) is not None
        reached = _Run(text, self._ignore_case).through(self._tree, 1)
        return bool(reached >> len(text) & 1)


class _Run:
    """One match of one text. ``through`` maps a set of start positions to the set of end positions."""

    def __init__(self, text: str, ignore_case: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._steps = 0
        self._accepting: dict[object, int] = {}

    def through(self, nodes: Any, starts: int) -> int:
        for operation, argument in nodes:
            if not starts:
                return 0
            starts = self._node(operation, argument, starts)
        return starts

    def _node(self, operation: Any, argument: Any, starts: int) -> int:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise PatternError("takes too long to match")
        if operation in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            return (starts & self._characters(operation, argument)) << 1
        if operation is _c.BRANCH:
            return self._branch(argument[1], starts)
        if operation is _c.SUBPATTERN:
            _, added, removed, nodes = argument
            if added or removed:
                raise PatternError("sets flags for a part of itself")
            return self.through(nodes, starts)
        if operation in (_c.MAX_REPEAT, _c.MIN_REPEAT):
            return self._repeat(starts, *argument)
        if operation is _c.AT:
            return starts & self._places(argument)
        if operation in (_c.ASSERT, _c.ASSERT_NOT):
            return self._look(starts, operation is _c.ASSERT, *argument)
        raise PatternError(f"uses {str(operation).lower()}, which cannot be matched in bounded time")

    def _branch(self, branches: Any, starts: int) -> int:
        ends = 0
        for nodes in branches:
            ends |= self.through(nodes, starts)
        return ends

    def _repeat(self, starts: int, least: int, most: Any, nodes: Any) -> int:
        for _ in range(least):
            ends = self.through(nodes, starts)
            if ends in (0, starts):  # nothing left, or a body that matches nothing at all
                starts = ends
                break
            starts = ends
        reached = frontier = starts
        rounds = 0
        while frontier and (most is _c.MAXREPEAT or rounds < most - least):
            ends = self.through(nodes, frontier)
            # With a bound on the rounds a position may be worth reaching again: it counts from its first visit, which
            # leaves the most rounds.
            frontier = ends & ~reached
            reached |= ends
            rounds += 1
        return reached

    def _look(self, starts: int, wanted: bool, direction: int, nodes: Any) -> int:
        width = 0
        if direction < 0:
            width, widest = nodes.getwidth()
            if width != widest:
                raise PatternError("looks back over a variable distance")
        kept = 0
        for position in range(len(self._text) + 1):
            bit = 1 << position
            if not starts & bit:
                continue
            origin = position - width
            ends = self.through(nodes, 1 << origin) if origin >= 0 else 0
            found = bool(ends & bit) if direction < 0 else bool(ends)
            kept |= bit if found is wanted else 0
        return kept

    def _places(self, where: Any) -> int:
        size = len(self._text)
        if where in (_c.AT_BEGINNING, _c.AT_BEGINNING_STRING):
            return 1
        if where in (_c.AT_END, _c.AT_END_STRING):
            return 1 << size
        if where not in (_c.AT_BOUNDARY, _c.AT_NON_BOUNDARY):
            raise PatternError(f"uses {str(where).lower()}, which cannot be matched in bounded time")
        word = [False, *(re.match(r"\w", character) is not None for character in self._text), False]
        edges = sum(1 << index for index in range(size + 1) if word[index] != word[index + 1])
        return edges if where is _c.AT_BOUNDARY else ((1 << size + 1) - 1) & ~edges

    def _characters(self, operation: Any, argument: Any) -> int:
        """The positions whose character the node accepts."""
        key = (operation, argument if isinstance(argument, int) else id(argument))
        if key not in self._accepting:
            self._steps += len(self._text) // 8
            self._accepting[key] = sum(
                1 << index
                for index, character in enumerate(self._text)
                if self._accepts(operation, argument, character)
            )
        return self._accepting[key]

    def _accepts(self, operation: Any, argument: Any, character: str) -> bool:
        if operation is _c.ANY:
            return character != "\n"
        forms = {character, character.lower(), character.upper()} if self._ignore_case else {character}
        if operation is _c.IN:
            negated = argument[0][0] is _c.NEGATE
            items = argument[1:] if negated else argument
            return any(_item_accepts(kind, value, form) for kind, value in items for form in forms) is not negated
        return (ord(character) == argument or chr(argument) in forms) is (operation is _c.LITERAL)


def _item_accepts(kind: Any, value: Any, character: str) -> bool:
    if kind is _c.LITERAL:
        return bool(ord(character) == value)
    if kind is _c.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    return kind is _c.CATEGORY and _CATEGORIES[value].match(character) is not None
