"""Torch files: refused unless allowed, and then read without running anything that is in them."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.storage.opening import open_container
from tests.adapters import checks
from tests.conftest import SHARED, peft_arrays


class _Attack:
    """Makes a directory when it is unpickled, through the shell."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"mkdir {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_refused_by_default(protocol: int, tmp_path: Path) -> None:
    """A pickle is not read unless the user says so, and the line says how."""
    path = tmp_path / "adapter_model.bin"
    path.write_bytes(pickle.dumps({"a": _Attack(tmp_path / "sprung")}, protocol))
    checks.assert_unreadable(path, "pickle", says="--allow-pickle")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.models
class TestAllowed:
    """With torch, and allowed."""

    torch = pytest.importorskip("torch", reason="torch reads and writes these files")

    def _arrays(self) -> dict[str, Any]:
        return {name: self.torch.from_numpy(array) for name, array in peft_arrays(layers=1).items()}

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_an_attack_does_not_run(self, protocol: int, tmp_path: Path) -> None:
        """The weights-only loader refuses whatever is no tensor, whether bare or in torch's own archive."""
        trap = tmp_path / "sprung"
        bare, wrapped = tmp_path / "bare.bin", tmp_path / "wrapped.bin"
        bare.write_bytes(pickle.dumps({"a": _Attack(trap)}, protocol))
        self.torch.save({"a": _Attack(trap)}, wrapped, pickle_protocol=protocol)
        for path in (bare, wrapped):
            checks.assert_unreadable(path, "pickle", says="weights-only", allow_pickle=True)
        assert not trap.exists()

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict"])
    def test_state_dicts(self, zipped: bool, wrapper: str | None, tmp_path: Path) -> None:
        """New and old archives, bare or as a trainer's checkpoint, give the tensors that were saved."""
        content = OrderedDict(self._arrays())
        whole = content if wrapper is None else {wrapper: content, "epoch": 3, "optimizer": {"lr": 1.0}}
        path = tmp_path / "adapter_model.bin"
        self.torch.save(whole, path, _use_new_zipfile_serialization=zipped)
        adapter = open_adapter(path, allow_pickle=True)
        assert adapter.weight_format == "torch"
        for name, array in peft_arrays(layers=1).items():
            np.testing.assert_array_equal(adapter.tensors[name].read(), array.reshape(-1))

    def test_numbers_shown_again_and_again(self, tmp_path: Path) -> None:
        """Four bytes that claim to be 128 MiB: refused before memory is taken. A few copies are no bomb."""
        name = "base_model.model.a.lora_A.weight"
        path = tmp_path / "adapter_model.bin"
        for zipped in (True, False):
            self.torch.save({name: self.torch.ones(1).expand(1 << 25)}, path, _use_new_zipfile_serialization=zipped)
            checks.assert_unreadable(path, "header", says="would unpack to 134,217,728 bytes", allow_pickle=True)
        self.torch.save({name: self.torch.ones(4, 1).expand(4, 8)}, path)
        assert open_container(path, allow_pickle=True).tensors[name].read().tolist() == [1.0] * 32

    def test_formats(self, tmp_path: Path) -> None:
        """BF16 and FP8 come as bits; what numpy cannot hold is named and never read."""
        torch = self.torch
        tensors = {
            "base_model.model.a.lora_A.weight": torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16),
            "base_model.model.a.lora_B.weight": torch.tensor([[0.5], [3.0]], dtype=torch.float8_e4m3fn),
            "base_model.model.b.lora_A.weight": torch.ones(1, 2, dtype=torch.complex64),
            "base_model.model.b.lora_B.weight": torch.ones(2, 1).to_sparse(),
        }
        path = tmp_path / "adapter_model.bin"
        torch.save(tensors, path)
        adapter = open_adapter(path, allow_pickle=True)
        checks.assert_accounted(adapter)
        expected = checks.spectrum(np.array([[0.5], [3.0]]) @ np.array([[1.5, -2.0]]))
        checks.assert_same_spectra(checks.our_spectra(adapter), {"a": expected})
        assert {row.reason for row in adapter.parts.unsupported} == {"stored as torch.complex64"}

    def test_nested_dictionaries(self, tmp_path: Path) -> None:
        """Tensors in dictionaries within dictionaries are not lost."""
        path = tmp_path / "any.pt"
        self.torch.save({"lora": self._arrays(), "extra": [{"x": self.torch.ones(2)}]}, path)
        adapter = open_adapter(path, allow_pickle=True)
        assert len(adapter.tensors) == 5
        assert "extra:0.x" in adapter.tensors
        checks.assert_accounted(adapter)

    def test_one_that_holds_itself(self, tmp_path: Path) -> None:
        """A pickle can be a dictionary that is its own entry."""
        content: dict[str, Any] = dict(self._arrays())
        content["state"] = content
        path = tmp_path / "any.pt"
        self.torch.save(content, path)
        adapter = open_adapter(path, allow_pickle=True)
        assert adapter.tensors.keys() == peft_arrays(layers=1).keys()

    def test_deep_nesting(self, tmp_path: Path) -> None:
        """Many dictionaries in one another are gone through."""
        content: Any = self.torch.ones(2)
        for _ in range(100):
            content = {"a": content}
        path = tmp_path / "any.pt"
        self.torch.save(content, path)
        checks.assert_unreadable(path, "no-adapter", says="holds 1 tensors", allow_pickle=True)

    @pytest.mark.parametrize("content", [{}, [], {"a": 1}, {"state_dict": {"b": "text"}}])
    def test_no_tensors(self, content: Any, tmp_path: Path) -> None:
        """A file without a tensor is no adapter."""
        path = tmp_path / "any.pt"
        self.torch.save(content, path)
        checks.assert_unreadable(path, "no-adapter", allow_pickle=True)

    def test_names_that_become_the_same(self, tmp_path: Path) -> None:
        """A number and its digits are two keys, and one name."""
        path = tmp_path / "any.pt"
        self.torch.save({1: self.torch.ones(2), "1": self.torch.ones(2)}, path)
        checks.assert_unreadable(path, "duplicate-key", allow_pickle=True)

    def test_cut_anywhere(self, tmp_path: Path) -> None:
        """A file that ends early is never taken."""
        path = tmp_path / "adapter_model.bin"
        self.torch.save({"base_model.model.a.lora_A.weight": self.torch.ones(1, 2)}, path)
        data = path.read_bytes()
        for length in range(0, len(data), 37):
            path.write_bytes(data[:length])
            with pytest.raises(checks.InputError) as caught:
                open_adapter(path, allow_pickle=True)
            checks.assert_plain(caught.value)

    @pytest.mark.shared
    def test_in_the_wild(self) -> None:
        """Public torch files of several methods are read, and each tensor has its place."""
        wild = SHARED / "wild"
        if not wild.is_dir():
            pytest.skip("no shared adapters beside the repository")
        for name in ("adalora-mlp-untrained", "lightweight-ft", "mt0-ia3", "sd-cloneofsimo-pop-pt-list"):
            adapter = open_adapter(wild / name, allow_pickle=True)
            checks.assert_accounted(adapter)
            assert adapter.modules, name
            assert not adapter.parts.unexpected, name
