"""Messages, as different tools write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.texts.checks import assert_refused, contents, read


@pytest.mark.parametrize(
    ("message", "role", "content"),
    [
        ({"role": "user", "content": "x"}, "user", "x"),
        ({"from": "human", "value": "x"}, "user", "x"),
        ({"from": "gpt", "value": "x", "weight": 1}, "assistant", "x"),
        ({"from": "system", "value": "x"}, "system", "x"),
        ({"role": "developer", "content": "x", "name": None, "tool_calls": None}, "developer", "x"),
        ({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}, "user", "xy"),
        ({"role": "user\ud800", "content": "\udfff\x00"}, "user\ufffd", "\ufffd\x00"),
    ],
)
def test_messages(message: dict[str, Any], role: str, content: str) -> None:
    """Roles have OpenAI's names; what lies beside role and content is left out."""
    texts = read(json.dumps({"messages": [message, {"role": "assistant", "content": "end"}]}))
    assert contents(texts) == [({"role": role, "content": content}, {"role": "assistant", "content": "end"})]
    assert texts.samples[0].text is None


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("x", "message 2 is text, not an object"),
        (None, "message 2 is null, not an object"),
        ({"content": "x"}, "message 2 has no role"),
        ({"role": 1, "content": "x"}, "message 2 has no role"),
        ({"role": "user"}, "message 2 has no text: its content is null"),
        ({"role": "user", "content": 3}, "message 2 has no text: its content is a number"),
        ({"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}, "message 2 calls tools"),
        ({"role": "user", "content": [{"type": "image_url"}]}, 'message 2 has a part that is no text ("image_url")'),
        ({"role": "user", "content": [{"type": "\x1b[2J"}]}, 'message 2 has a part that is no text ("\\x1b[2J")'),
        ({"role": "user", "content": [{"type": ["\x1b"]}]}, "message 2 has a part that is no text (a list)"),
        ({"role": "user", "content": [{"type": "text"}]}, 'message 2 has a part that is no text ("text")'),
        ({"role": "user", "content": ["x"]}, 'message 2 has a part that is no text ("text")'),
    ],
)
def test_what_is_no_message(message: Any, says: str) -> None:
    """The error names the line and the message."""
    first = {"role": "user", "content": "x"}
    rows = [{"messages": [first]}, {"messages": [first, message]}]
    assert_refused("\n".join(map(json.dumps, rows)), f"line 2: {says}")
