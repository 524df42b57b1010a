"""What loradiag says of adapters whose condition is known: the repository's fixtures, and public ones where they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import loradiag
from loradiag.core.errors import MissingExtraError
from loradiag.core.findings import Severity
from loradiag.core.verdict import Status
from tests.conftest import FIXTURES, SHARED

# Condition -> status, codes that must be there, codes that must not.
CONDITIONS: dict[str, tuple[Status, set[str], set[str]]] = {
    "healthy": (Status.PASS, set(), {"LD107", "LD201", "LD205", "LD206", "LD207", "LD301"}),
    "healthy_seed2": (Status.PASS, set(), {"LD107", "LD205", "LD206", "LD207"}),
    "bf16": (Status.PASS, set(), {"LD504"}),
    "sharded": (Status.PASS, set(), {"LD112"}),
    "untrained": (Status.FAIL, {"LD106"}, {"LD107"}),
    "partly_dead": (Status.FAIL, {"LD107"}, {"LD106"}),
    "diverged": (Status.FAIL, {"LD206", "LD207"}, {"LD205"}),
    "over_scaled": (Status.PASS, {"LD207", "LD301"}, {"LD206"}),
    "over_ranked": (Status.PASS, {"LD203"}, {"LD205"}),
    "narrow_forgetting": (Status.PASS, {"LD207"}, {"LD206"}),
    "rslora": (Status.PASS, {"LD506"}, {"LD301", "LD302"}),
    "dora": (Status.PASS, {"LD506"}, {"LD114"}),
    "pissa": (Status.PASS, {"LD507"}, {"LD204", "LD207"}),
    "pissa_converted": (Status.PASS, set(), {"LD507"}),
    "patterns": (Status.PASS, set(), {"LD110"}),
    "ia3": (Status.PASS, set(), {"LD113"}),
}

BROKEN: dict[str, set[str]] = {
    "nan": {"LD105"},
    "inf": {"LD105"},
    "unpaired": {"LD108"},
    "wrong_rank": {"LD110"},
    "empty_tensors": {"LD111"},
    "two_files": {"LD112"},
    "typo_target": {"LD116"},
    "unexpected": {"LD114"},
    "no_config": {"LD115"},
    "truncated": {"LD101"},
    "header_overrun": {"LD101"},
    "huge_header": {"LD101"},
    "bad_config": {"LD101"},
    "lfs_pointer": {"LD102"},
    "duplicate_key": {"LD104"},
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_fixture_of_known_condition(name: str) -> None:
    """Each condition gets the verdict and the findings that it deserves, and not those of another condition."""
    status, present, absent = CONDITIONS[name]
    report = loradiag.inspect(FIXTURES / "adapters" / name)
    codes = {finding.code for finding in report.findings}
    assert report.verdict.status is status
    assert present <= codes
    assert not absent & codes


@pytest.mark.parametrize("name", BROKEN)
def test_broken_copy(name: str) -> None:
    """Each broken copy draws the finding that names what is broken."""
    (report,) = loradiag.inspect_all(FIXTURES / "broken" / name)
    assert BROKEN[name] <= {finding.code for finding in report.findings}
    serious = [finding for finding in report.findings if finding.severity is not Severity.INFO]
    assert serious


def test_series_of_fixtures() -> None:
    """The checkpoints of the series come in order and are sound."""
    reports = list(loradiag.inspect_all(FIXTURES / "adapters" / "series"))
    steps = [report.subject.step or 0 for report in reports]
    assert len(steps) >= 5
    assert steps == sorted(steps)
    assert {report.verdict.status for report in reports} == {Status.PASS}


def shared(*parts: str) -> list[Path]:
    """Adapters beside the repository; none where they are absent."""
    return sorted(path for part in parts for path in (SHARED / part).glob("*") if path.is_dir())


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public adapters are not part of the repository")
@pytest.mark.parametrize("path", shared("wild", "zoo/adapters"), ids=lambda path: path.name)
def test_public_adapter_gives_a_report_or_a_clear_error(path: Path) -> None:
    """A process of its own: a valid report, or one line and exit 3; never a traceback. All tensors accounted for."""
    done = subprocess.run(
        [sys.executable, "-m", "loradiag", "inspect", str(path), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    for report in document.get("reports", [document]):
        account = report["accounting"]
        assert account["total"] == account["analysed"] + sum(
            len(account[kind]) for kind in ("unsupported", "unexpected", "broken")
        )
        assert (done.returncode == 3) == any(
            f["code"] in ("LD101", "LD102", "LD103", "LD104") for f in report["findings"]
        )


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public adapters are not part of the repository")
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("wild/sd-attn2-dead", {"LD107"}),
        ("wild/sam-wa-wb-old", {"LD106"}),
        ("wild/sd-cloneofsimo-pop-pt-list", {"LD107", "LD505"}),
        ("wild/gpt2-ckpt0", {"LD205"}),
        ("zoo/adapters/untrained", {"LD106"}),
        ("zoo/adapters/med_hot", {"LD206"}),
        ("zoo/adapters/med_alpha512", {"LD301", "LD207"}),
        ("zoo/adapters/bank_forget", {"LD207"}),
    ],
)
def test_public_adapter_of_known_condition(name: str, codes: set[str]) -> None:
    """What is known to be wrong with a public adapter is found."""
    try:
        (report,) = loradiag.inspect_all(SHARED / name, allow_pickle=True)
    except MissingExtraError:
        pytest.skip("reading a pickle needs torch")
    assert codes <= {finding.code for finding in report.findings}
