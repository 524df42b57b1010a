"""What an adapter says of itself, as reports have it."""

from __future__ import annotations

import loradiag
from loradiag.core.report import decode, encode
from tests.conftest import MakeAdapter


def test_a_file_whose_name_is_no_utf8(make_adapter: MakeAdapter) -> None:
    """Its bytes are written as escapes, so that the report is one that can be written and read."""
    path = make_adapter()
    (path / "adapter_model.safetensors").rename(path / "lora_\udcff.safetensors")
    report = loradiag.inspect(path)
    assert report.measurements.identity is not None
    assert report.measurements.identity.weight_files == ["lora_\\xff.safetensors"]
    assert decode(encode(report)) == [report]
