"""What reports on adapters foretell, and to which names they belong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

import loradiag
from loradiag.analyzers.served.expecting import matched, told_by
from loradiag.core.errors import InputError
from loradiag.core.report import Report, encode
from tests.analyzers.served.server import Manners, serving
from tests.analyzers.served.speaking import speak
from tests.conftest import ROOT, MakeAdapter, peft_arrays

ADAPTERS = ROOT / "fixtures" / "adapters"


@pytest.mark.parametrize(
    ("name", "told"),
    [("untrained", "zero"), ("healthy", "live"), ("ia3", "live"), ("partly_dead", "live")],
)
def test_what_a_report_says(name: str, told: str) -> None:
    """By the condition of the adapter."""
    assert told_by(loradiag.inspect(ADAPTERS / name))[0] == told


def test_beside_its_base_a_report_has_the_size() -> None:
    """Which then says what is weak: below 2%."""
    for name, weak in (("healthy", False), ("undertrained", True)):
        told, size = told_by(loradiag.inspect(ADAPTERS / name, ROOT / "fixtures" / "base"))
        assert told == "live"
        assert size is not None
        assert (size < 0.02) == weak


def test_an_update_that_is_small_by_itself(make_adapter: MakeAdapter) -> None:
    """Where no base was given, a rule says so."""
    arrays = peft_arrays()
    for name in arrays:
        arrays[name] = arrays[name] * np.float32(1e-3 if "lora_B" in name else 1)
    report = loradiag.inspect(make_adapter(arrays))
    assert "LD205" in [finding.code for finding in report.findings]
    assert told_by(report) == ("weak", None)


def test_what_could_not_be_read_says_nothing() -> None:
    """Nor does a report about something else."""
    (report,) = loradiag.inspect_all(ROOT / "fixtures" / "broken" / "truncated")
    assert told_by(report) == (None, None)


def test_reports_find_their_adapters(tmp_path: Path) -> None:
    """By name, by the path that the server took an adapter from, and by its last part."""
    healthy, untrained = (loradiag.inspect(ADAPTERS / name) for name in ("healthy", "untrained"))
    by_path = {report.subject.path: report for report in (healthy, untrained)}
    found = matched(by_path, ["healthy", "x", "org/untrained"], {"x": healthy.subject.path})
    assert {name: report.subject.path for name, report in found.items()} == {
        "healthy": healthy.subject.path,
        "x": healthy.subject.path,
        "org/untrained": untrained.subject.path,
    }
    assert matched({"mine": healthy}, ["mine", "other"], {}) == {"mine": healthy}


def test_what_could_be_of_several_is_of_none() -> None:
    """Folders of one name, and the folder around adapters whose names have dots in them; whole paths are told apart."""
    healthy, untrained = (loradiag.inspect(ADAPTERS / name) for name in ("healthy", "untrained"))

    def at(report: Report, path: str) -> Report:
        return msgspec.structs.replace(report, subject=msgspec.structs.replace(report.subject, path=path))

    a, b = at(healthy, "runs/a/final"), at(untrained, "runs/b/final")
    both = {report.subject.path: report for report in (a, b)}
    assert matched(both, ["final", "runs/b/final"], {}) == {"runs/b/final": b}
    assert matched(both, ["x"], {"x": "runs/a/final"}) == {"x": a}
    dotted = at(healthy, "team/qwen-2.5-support")
    assert matched({dotted.subject.path: dotted}, ["team", "qwen-2.5-support"], {}) == {"qwen-2.5-support": dotted}
    file = at(healthy, "team/support/adapter_model.safetensors")
    assert matched({file.subject.path: file}, ["support"], {}) == {"support": file}


def test_a_check_with_reports(tmp_path: Path) -> None:
    """Zero and another's answers: an error; zero and the base's: as it should be."""
    file = tmp_path / "report.json"
    file.write_bytes(encode(loradiag.inspect(ADAPTERS / "untrained")))
    options = {"limit": 6, "switches": 0}
    with serving(Manners(speak, silent=["a"])) as url:
        report = loradiag.serve_check(url, reports=[f"a={file}"], **options)  # type: ignore[arg-type]
        assert report.findings == []
        assert report.measurements.served is not None
        assert report.measurements.served.adapters[0].beside_status == "as-told"
        report = loradiag.serve_check(url, reports=[f"b={file}"], **options)  # type: ignore[arg-type]
        assert [(row.code, row.modules) for row in report.findings] == [("LD414", ["a"]), ("LD419", ["b"])]
        # One adapter and one report belong together.
        report = loradiag.serve_check(url, ["b"], reports=[file], **options)  # type: ignore[arg-type]
        assert [row.code for row in report.findings] == ["LD419"]
    with pytest.raises(InputError, match="cannot be read"):
        loradiag.serve_check("http://localhost:1", reports=[tmp_path / "none.json"])
    file.write_text('{"schema_version": "1.6", "reports": []}')
    with pytest.raises(InputError, match="holds no report"):
        loradiag.serve_check("http://localhost:1", reports=[f"a={file}"])
