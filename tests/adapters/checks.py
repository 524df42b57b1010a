"""What tests of readers check again and again."""

from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.factors import measure_factors
from loradiag.core.errors import EXIT_UNREADABLE, InputError

Spectra = dict[str, npt.NDArray[np.float64]]


def spectrum(delta: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Singular values of a dense update in float64, a convolution's as [out, everything else]."""
    return np.linalg.svd(delta.astype(np.float64).reshape(delta.shape[0], -1), compute_uv=False)


def our_spectra(adapter: Adapter) -> Spectra:
    """Singular values that loradiag computes from the factors."""
    measured = measure_factors(adapter, lambda _done, _total: None).modules
    return {name: module.sigma for name, module in measured.items() if module.sigma is not None}


def assert_same_spectra(ours: Spectra, theirs: Spectra, tolerance: float = 1e-6) -> None:
    """Every module has the singular values that it should, to ``tolerance`` of the largest; missing ones are zero."""
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        got = np.zeros_like(expected)
        got[: len(ours[name])] = ours[name][: len(expected)]
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * expected[0], err_msg=name)
        assert expected[0] > 0


def assert_accounted(adapter: Adapter) -> None:
    """Every tensor of the file has exactly one place."""
    places: dict[str, list[str]] = {name: [] for name in adapter.tensors}
    for name, place in adapter.parts.places():
        places[name].append(place)
    assert {name: found for name, found in places.items() if len(found) != 1} == {}


def assert_unreadable(path: Path, kind: str, *, says: str = "", allow_pickle: bool = False) -> InputError:
    """Opening fails with one line of plain text, exit code 3 and the given kind; returns the error."""
    with pytest.raises(InputError) as caught:
        open_adapter(path, allow_pickle=allow_pickle)
    error = caught.value
    assert_plain(error)
    assert error.kind == kind
    assert says in str(error)
    return error


def assert_plain(error: InputError) -> None:
    """The text of an error is one line that no terminal obeys, and of a length that one can read."""
    text = str(error)
    assert error.exit_code == EXIT_UNREADABLE
    assert not [character for character in text if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(text) < 1500
    assert error.problem
    text.encode()


def survives(
    data: bytes, name: str = "adapter_model.safetensors", *, config: bytes | None = None, measured: bool = True
) -> Adapter | None:
    """Open a file of these bytes and measure it: only InputError may come out. The adapter, or None if it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        if config is not None:
            (Path(folder) / "adapter_config.json").write_bytes(config)
        try:
            adapter = open_adapter(path)
            if measured:
                measure_factors(adapter, lambda _done, _total: None)
        except InputError as error:
            assert_plain(error)
            return None
        assert_accounted(adapter)
        return adapter
