"""Expressions of strangers: matched as Python matches them, and never for long."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loradiag.adapters.patterns import MAX_PATTERN, Pattern, PatternError

PIECES = st.sampled_from(
    [
        "a",
        "b",
        "1",
        "_",
        ".",
        r"\.",
        r"\d",
        r"\w",
        r"\W",
        r"\s",
        "[ab]",
        "[^a]",
        "[a-c_]",
        r"[\d_]",
        r"\b",
        r"\B",
        "^",
        "$",
    ]
)
QUANTIFIERS = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,3}", "{2,}", "{,2}"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("{}{}".format, inner, inner)
        | st.builds("({}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, QUANTIFIERS)
        | st.builds("({}){}".format, inner, QUANTIFIERS)
        | st.builds("(?={})".format, inner)
        | st.builds("(?!{})".format, inner)
        | st.builds("(?<={})".format, PIECES)
        | st.builds("(?<!{})".format, PIECES)
    )


EXPRESSIONS = st.recursive(PIECES, _larger, max_leaves=6)
# Names are never empty; on empty texts \B differs between versions of Python.
TEXTS = st.text("ab1_.X ", min_size=1, max_size=7)


@settings(max_examples=1500, deadline=None)
@given(EXPRESSIONS, TEXTS, st.booleans())
def test_as_python_matches(expression: str, text: str, suffix: bool) -> None:
    """Any expression matches exactly the texts that the re module says it matches."""
    whole = rf"(.*\.)?({expression})$" if suffix else rf"(?:{expression})\Z"
    try:
        expected = re.match(whole, text) is not None
    except re.error:
        assume(False)
    assert Pattern(expression, suffix=suffix).fullmatch(text) is expected


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [
        ("(?i)Q_PROJ", "q_proj", True),
        ("(?i)[a-z]_PROJ", "Q_proj", True),
        (r"model\.layers\.(1[0-9]|2[0-3])\..*proj", "model.layers.17.mlp.up_proj", True),
        (r"model\.layers\.(1[0-9]|2[0-3])\..*proj", "model.layers.7.mlp.up_proj", False),
        (r"^(?!.*vision).*(q_proj|v_proj)$", "model.layers.0.self_attn.q_proj", True),
        (r"^(?!.*vision).*(q_proj|v_proj)$", "vision_tower.layers.0.self_attn.q_proj", False),
        (
            r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q_proj|up_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\."
            r"(?:(?:q_proj|up_proj)))",
            "model.layers.12.mlp.up_proj",
            True,
        ),
    ],
)
def test_real_expressions(expression: str, text: str, expected: bool) -> None:
    """Expressions that people train with."""
    assert (re.fullmatch(expression, text) is not None) is expected
    assert Pattern(expression).fullmatch(text) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*)*(.*)*(.*)*(.*)*x",
        "((a*)*)*b",
        "(?:a?){300}a{300}b",
        "(a{1,300}){1,300}b",
        "(?:(?=a*)a)*b",
    ],
)
def test_no_expression_takes_long(expression: str) -> None:
    """Expressions that cost Python's matcher exponential time are matched at once, or refused for their cost."""
    started = time.process_time()
    for text in ("a" * 1000, "a" * 999 + "!"):
        for suffix in (False, True):
            with contextlib.suppress(PatternError):
                Pattern(expression, suffix=suffix).fullmatch(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "expression", ["(", "[", "*", "a{2,1}", "(?P<x", "(" * 5000, "a{99999999999999999999}", "a" * (MAX_PATTERN + 1)]
)
def test_what_is_no_expression(expression: str) -> None:
    """Invalid and endless expressions are refused when they are read."""
    with pytest.raises(PatternError):
        Pattern(expression, suffix=True)


@pytest.mark.parametrize("expression", [r"(a)\1", "(a)?(?(1)b|c)", "(?i:a)b", "(?>a)b", "a*+b"])
def test_what_is_not_supported(expression: str) -> None:
    """What cannot be matched by sets of positions says so; it is never taken for a mismatch."""
    with pytest.raises(PatternError):
        Pattern(expression).fullmatch("aab")
