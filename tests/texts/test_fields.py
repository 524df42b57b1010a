"""Where the text of a record is found, and how its parts are put together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loradiag.texts.fields import MAX_SAMPLE
from tests.texts.checks import Content, assert_refused, contents, read

USER = {"role": "user", "content": "hi"}
REPLY = {"role": "assistant", "content": "hello"}

FOUND: list[tuple[dict[str, Any], str, Content]] = [
    ({"text": "t", "messages": [USER]}, "messages", (USER,)),
    ({"text": "t", "conversations": [USER], "conversation": [REPLY]}, "conversations", (USER,)),
    ({"text": "t", "conversation": [REPLY]}, "conversation", (REPLY,)),
    ({"prompt": "p", "completion": "c", "text": "t"}, "text", "t"),
    ({"response": "r", "completion": "c", "prompt": "p"}, "prompt + completion", "p\nc"),
    ({"prompt": "p", "response": "r", "chosen": "c"}, "prompt + response", "p\nr"),
    ({"prompt": "p", "chosen": "c", "rejected": "x"}, "prompt + chosen", "p\nc"),
    ({"instruction": "i", "input": "n", "output": "o"}, "instruction + input + output", "i\nn\no"),
    ({"instruction": "i", "input": "", "output": "o"}, "instruction + input + output", "i\no"),
    ({"instruction": "i", "output": "o", "response": "r"}, "instruction + output", "i\no"),
    ({"instruction": "i", "response": "r", "content": "c"}, "instruction + response", "i\nr"),
    ({"question": "q", "answer": "a", "content": "c"}, "question + answer", "q\na"),
    ({"prompt": "p", "content": "c"}, "content", "c"),
    ({"prompt": "p", "id": 3}, "prompt", "p"),
    ({"prompt": [USER]}, "prompt", (USER,)),
    ({"prompt": [USER], "completion": [REPLY]}, "prompt + completion", (USER, REPLY)),
    ({"prompt": [USER], "chosen": [REPLY]}, "prompt + chosen", (USER, REPLY)),
]


@pytest.mark.parametrize(("record", "field", "content"), FOUND)
def test_known_names(record: dict[str, Any], field: str, content: Content) -> None:
    """The first rule that fits is taken, whatever the order of the keys, and is named in the report."""
    for written in (record, dict(reversed(record.items()))):
        texts = read(json.dumps(written))
        assert texts.field == field
        assert contents(texts) == [content]


@pytest.mark.parametrize(
    ("prompt", "completion", "joined"),
    [("p", "c", "p\nc"), ("p", " c", "p c"), ("p:\n", "c", "p:\nc"), ("p: ", "\nc", "p: \nc"), ("", "c", "c")],
)
def test_the_seam(prompt: str, completion: str, joined: str) -> None:
    """A line break is put in only where there is no white space."""
    assert contents(read(json.dumps({"prompt": prompt, "completion": completion}))) == [joined]


def test_strings() -> None:
    """A JSON string is itself the text."""
    texts = read('"a"\n"b"\n')
    assert (texts.field, contents(texts)) == ("strings", ["a", "b"])
    assert_refused('"a"\n{"text": "b"}', "line 2: is an object, not text")
    assert_refused('{"text": "b"}\n"a"', 'line 2: is text, which has no field "text"')
    assert_refused('"a"', 'line 1: is text, which has no field "text"', field="text")
    assert contents(read(json.dumps([USER]))) == [(USER,)]


def test_one_choice_for_all() -> None:
    """What the first record has is taken from every one, and missed where it is not."""
    texts = read('{"prompt": "p"}\n{"text": "t", "prompt": "q"}')
    assert (texts.field, contents(texts)) == ("prompt", ["p", "q"])
    assert_refused('{"text": "t"}\n\n{"prompt": "p"}', 'line 3: has no field "text"; it has "prompt"; name')
    assert_refused('{"text": "t"}\n{}', 'line 2: has no field "text"; it has none; name')
    assert_refused('{"input": "i"}\n{"output": "o"}', 'line 2: has no field "input"', field="input")
    late = read('{"instruction": "i", "output": "o"}\n{"instruction": "i", "input": "n", "output": "o"}')
    assert (late.field, contents(late)) == ("instruction + output", ["i\no", "i\nn\no"])


@pytest.mark.parametrize(
    ("field", "content"),
    [("b.c", "nested"), ("b.d.e", (USER,)), ("x.y", "dotted"), ("b.f.g", "dotted too"), ("other", "o")],
)
def test_a_named_field(field: str, content: Content) -> None:
    """A key as it is written, or a path."""
    record = {
        "text": "t",
        "b": {"c": "nested", "d": {"e": [USER]}, "f.g": "dotted too"},
        "x.y": "dotted",
        "x": {"y": "z"},
        "other": "o",
    }
    texts = read(json.dumps(record), field=field)
    assert (texts.field, contents(texts)) == (field, [content])


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("nope", 'line 1: has no field "nope"; it has "text", "b"; name'),
        ("b.x", 'line 1: has no field "b.x"; it has "b.c"; name'),
        ("text.x", 'line 1: has no field "text.x"; it has "text", "b"'),
        ("b.c", 'line 1: "b.c" is a number, not text'),
        ("b", 'line 1: "b" is an object, not text'),
        ("", 'line 1: has no field ""'),
    ],
)
def test_no_such_field(field: str, says: str) -> None:
    """The error names the field and those that there are."""
    assert_refused('{"text": "t", "b": {"c": 1}}', says, field=field)


@pytest.mark.parametrize("value", [1, 1.5, True, {}, {"a": "b"}])
def test_wrong_types(value: Any) -> None:
    """Numbers are not made texts."""
    assert_refused(f'{{"text": "t"}}\n{json.dumps({"text": value})}', 'line 2: "text" is ')
    assert_refused(json.dumps({"messages": value}), 'line 1: "messages" is ')


def test_unknown_names_are_shown_escaped() -> None:
    """What the keys of a stranger's file would do to a terminal, they do not."""
    record = {"\x1b[31mred\x07": "x", "a\u202eb": "y", **{f"k{i}": "z" for i in range(20)}}
    assert_refused(json.dumps(record), 'line 1: has no field of a known name; it has "\\x1b[31mred\\x07", "a\\u202eb"')
    assert_refused(json.dumps(record), "line 1: has no field", field="\x1b\n" * 500)


def test_a_column_of_conversations_written_as_text() -> None:
    """Text under "messages" is not taken for a text unless one says so."""
    data = json.dumps({"messages": json.dumps([USER])})
    assert_refused(data, 'line 1: "messages" is text, not a list of messages')
    assert contents(read(data, field="messages")) == [json.dumps([USER])]


def test_text_and_messages_do_not_mix() -> None:
    """A prompt as text before an answer as messages may already be in them."""
    assert_refused(json.dumps({"prompt": "p", "chosen": [USER, REPLY]}), "line 1: of prompt + chosen, one is text and")


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600"])
def test_the_largest_sample(letter: str) -> None:
    """10 MB of UTF-8 are read, one character more is refused."""
    most = MAX_SAMPLE // len(letter.encode())
    ascii_ = letter == "a"
    data = json.dumps({"text": letter * most}, ensure_ascii=ascii_)
    assert contents(read(data)) == [letter * most]
    data = json.dumps({"messages": [{"role": "user", "content": text} for text in (letter * most, "a")]})
    assert_refused('{"messages": []}\n' + data, "line 2: the sample has 10,000,001 bytes", kind="large")


def test_nothing_is_skipped_in_silence() -> None:
    """Texts of white space, null and conversations of nothing are counted."""
    rows = [{"text": text} for text in ("", " \n\t\u3000", None, [], [{"role": "user", "content": " "}], " a ")]
    texts = read("\n".join(map(json.dumps, rows)))
    assert (texts.skipped_empty, contents(texts)) == (5, [" a "])
    assert texts.samples[0].number == 6
    null = read('{"a": {"b": "x"}}\n{"a": null}', field="a.b")
    assert (null.skipped_empty, contents(null)) == (1, ["x"])
