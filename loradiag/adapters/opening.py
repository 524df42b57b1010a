"""The way in: from a path to opened adapters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from loradiag.adapters.bundle import Bundle, open_bundle
from loradiag.adapters.interface import recognise
from loradiag.adapters.locate import Located, locate
from loradiag.adapters.model import Adapter
from loradiag.core.errors import InputError


def open_adapter(path: Path | str, *, allow_pickle: bool = False) -> Adapter:
    """Open the single adapter at ``path``: a directory or a weight file.

    Raises:
        InputError: It cannot be read, or is a series of checkpoints rather than one adapter.
    """
    return _open(locate_one(path), allow_pickle)


def locate_one(path: Path | str) -> Located:
    """Find the files of the single adapter at ``path``; none of them is opened.

    Raises:
        InputError: There is none, or it is a series of checkpoints rather than one adapter.
    """
    (located, *others) = locate(Path(path))
    if isinstance(located, InputError) and not others:
        raise located
    if others or isinstance(located, InputError) or located.step is not None:
        raise InputError(path, "is a series of checkpoints", "name one of them", kind="ambiguous")
    return located


def open_all(path: Path | str, *, allow_pickle: bool = False) -> Iterator[Adapter | InputError]:
    """Open what lies at ``path``: one adapter, or the checkpoints of a series in the order of their steps.

    What cannot be read comes as its error, so that one bad checkpoint costs only its own place.
    """
    try:
        found = locate(Path(path))
    except InputError as error:
        yield error
        return
    for located in found:
        try:
            yield _open(located, allow_pickle)
        except InputError as error:
            yield error


def _open(located: Located | InputError, allow_pickle: bool) -> Adapter:
    if isinstance(located, InputError):
        raise located
    return read_bundle(open_bundle(located, allow_pickle=allow_pickle))


def read_bundle(bundle: Bundle) -> Adapter:
    """Return the adapter of files that are open.

    Raises:
        InputError: They are of no known layout, or contradict themselves.
    """
    located = bundle.located
    reader, reason = recognise(bundle)
    return Adapter(
        path=located.path,
        layout=reader.layout,
        layout_reason=reason,
        weights=list(located.weights),
        weight_format=bundle.format,
        tensors=bundle.tensors,
        parts=reader.read(bundle),
        config=bundle.config,
        config_expected=reader.config_expected,
        metadata=bundle.metadata,
        provenance=reader.provenance(bundle),
        other_weights=list(located.others),
        step=located.step,
    )
