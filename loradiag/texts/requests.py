"""What users ask, out of a file of training data: the prompts without the answers, one after the other."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import msgspec

from loradiag.texts.fields import ASKED, Choice, choose, take
from loradiag.texts.flaws import TextsError
from loradiag.texts.formats import records
from loradiag.texts.source import Source, opened, told

_USER = "user"


class Asked(msgspec.Struct, frozen=True):
    """One request: ``record`` is the number of its line, row or entry, from 1; those of one conversation share it."""

    record: int
    text: str


class RequestFile(msgspec.Struct):
    """A file that is being read.

    Attributes:
        path: Fit to be shown.
        sha256: Of its bytes as they are stored.
        field: What requests are taken from; "" before the first was.
        records: How many were read so far, those without any text among them.
    """

    path: str
    sha256: str
    field: str = ""
    records: int = 0


@contextmanager
def open_requests(
    path: str | os.PathLike[str], field: str | None = None
) -> Iterator[tuple[RequestFile, Iterator[Asked]]]:
    """Open training data, in any format of :func:`loradiag.texts.reading.read_texts`, to read what was asked.

    Without ``field`` the keys of the first record decide: of ``messages`` (or ``conversations``) every turn of the user,
    else ``instruction`` with ``input``, ``prompt``, ``question``, ``query``, ``input``, and last ``text`` or ``content``,
    of which nobody can tell what part was asked. What is blank is left out.

    Args:
        path: A file; ``-`` is standard input.
        field: A key, or a path as ``a.b``.

    Raises:
        InputError: The file cannot be read; also raised later, while it is being read.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    name = os.fspath(path)
    with ExitStack() as stack:
        with told(name):
            source = stack.enter_context(opened(name))
        file = RequestFile(source.name, source.sha256)
        asked = stack.enter_context(closing(_read(name, source, field, file)))  # CSV holds a lock until it is closed
        yield file, asked


def _read(name: str, source: Source, field: str | None, file: RequestFile) -> Generator[Asked]:
    """What was asked, with the errors of reading told here: whoever reads may fail at writing elsewhere."""
    with told(name):
        yield from _asked(source, field, file)


def _asked(source: Source, field: str | None, file: RequestFile) -> Iterator[Asked]:
    found = records(source, field, ASKED)
    choice: Choice | None = None
    with closing(found.rows) as rows:
        for number, record in rows:
            try:
                choice = choice or choose(record, None if found.called else field, ASKED)
                texts = _texts(record, choice)
            except TextsError as flaw:
                raise flaw.at(f"{found.unit} {number:,}") from flaw
            file.records += 1
            file.field = found.called or choice.name
            for text in texts:
                if text.strip():
                    yield Asked(number, text)


def _texts(record: Any, choice: Choice) -> list[str]:
    value = take(record, choice)
    if isinstance(value, str):
        return [value]
    return [message["content"] for message in value if message["role"] == _USER]
