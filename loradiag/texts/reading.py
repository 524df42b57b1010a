"""Reading a user's file of texts: prompts, or what a model is to be measured on."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import closing

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import plural
from loradiag.texts.fields import Choice, Value, choose, is_blank, size_of, take
from loradiag.texts.flaws import TextsError
from loradiag.texts.formats import Records, records
from loradiag.texts.source import MAX_UNPACKED, Source, opened, told


class Sample(msgspec.Struct, frozen=True):
    """One text, or one conversation.

    Attributes:
        text: Plain text; None when it is a conversation.
        messages: Each with ``role`` and ``content``; empty when there is a text.
        number: Of its line, row or entry in the file, from 1.
    """

    text: str | None
    messages: tuple[Mapping[str, str], ...]
    number: int


class Texts(msgspec.Struct, frozen=True):
    """The samples of a file.

    Attributes:
        samples: At least one, none of them empty, in the order of the file.
        sha256: Of the file's bytes as they are stored, compressed or not.
        skipped_empty: How many records were left out because their text was empty or only white space.
        path: The file, or ``standard input``.
        field: What the texts were taken from: ``text``, ``prompt + completion``, ``lines``.
    """

    samples: tuple[Sample, ...]
    sha256: str
    skipped_empty: int
    path: str
    field: str


def read_texts(path: str | os.PathLike[str], *, field: str | None = None, limit: int | None = None) -> Texts:
    """Read JSONL, JSON, plain text, CSV, TSV or Parquet: by the suffix, or by the content where that says nothing.

    Text formats may be compressed with gzip. In plain text each line is a sample, or each paragraph where a blank line
    stands between others. Without ``field`` the keys of the first record decide, for all of them: ``messages`` (or
    ``conversations``), ``text``, ``prompt`` with ``completion``, ``response`` or ``chosen``, ``instruction`` with
    ``input`` and ``output`` or ``response``, ``question`` with ``answer``, ``content``, ``prompt``. Parts are put
    together with a line break, unless there is white space where they meet; halves of a UTF-16 pair become U+FFFD.

    Args:
        path: A file; ``-`` is standard input.
        field: A key, or a path as ``a.b``, of a text or a list of messages; of plain text ``lines`` or ``paragraphs``.
        limit: Samples at most; what comes after them is hashed and not looked at.

    Raises:
        InputError: The file cannot be read, a record of it is not what the first ones are, or it has no text.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
        UsageError: ``limit`` is less than 1.
    """
    if limit is not None and limit < 1:
        raise UsageError("limit: at least one sample is needed")
    name = os.fspath(path)
    with told(name), opened(name) as source:
        return _read(source, field, limit)


def _read(source: Source, field: str | None, limit: int | None) -> Texts:
    samples: list[Sample] = []
    skipped = size = 0
    taken_from = ""
    found = records(source, field)
    with closing(_values(found, None if found.called else field)) as values:
        for number, name, value in values:
            if is_blank(value):
                skipped += 1
                continue
            samples.append(Sample(value, (), number) if isinstance(value, str) else Sample(None, value, number))
            size += size_of(value)
            taken_from = found.called or name
            if size > MAX_UNPACKED:
                raise TextsError(
                    f"has over {MAX_UNPACKED:,} bytes of text", "read fewer samples (--limit)", kind="large"
                )
            if len(samples) == limit:
                break
    if not samples:
        only = f", only {plural(skipped, 'sample')} without any" if skipped else ""
        raise TextsError(f"has no text{only}", "give at least one text", kind="empty")
    return Texts(tuple(samples), source.sha256, skipped, source.name, taken_from)


def _values(found: Records, field: str | None) -> Generator[tuple[int, str, Value]]:
    """Number, what the text is taken from, and the text or the messages of each record."""
    choice: Choice | None = None
    with closing(found.rows) as rows:
        for number, record in rows:
            try:
                choice = choice or choose(record, field)
                value = take(record, choice)
            except TextsError as flaw:
                raise flaw.at(f"{found.unit} {number:,}") from flaw
            yield number, choice.name, value
