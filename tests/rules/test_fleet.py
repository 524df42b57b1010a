"""What rules make of a fleet, case by case."""

from __future__ import annotations

from loradiag.core.fleet import FleetPair
from tests.rules.fleet import adapter, fleet, report


def codes(found: object) -> list[str]:
    """Codes of findings."""
    return [finding.code for finding in report(found).findings]  # type: ignore[arg-type]


def test_a_sound_fleet_passes_without_a_word() -> None:
    """No finding at all."""
    found = report(fleet(adapter("a"), adapter("b")))
    assert (found.findings, found.verdict.status.value) == ([], "pass")


def test_adapters_that_fail_fail_the_fleet() -> None:
    """With the codes that most of them have, and their paths."""
    rows = [adapter(str(n), verdict="fail", codes=["LD107", "LD105"] if n else ["LD107"]) for n in range(3)]
    found = report(fleet(*rows, adapter("x")))
    assert found.verdict.decided_by == ["LD522"]
    assert "3 of 4 adapters fail (LD107 in 3, LD105 in 2)" in found.findings[0].message
    assert found.findings[0].modules == ["adapters/0", "adapters/1", "adapters/2"]


def test_copies_are_put_together() -> None:
    """Of several pairs one group, of two groups two."""
    pairs = [
        FleetPair(a=a, b=b, relation=relation, cosine=1.0, distance=0.0)
        for a, b, relation in ((0, 1, "same"), (1, 2, "same"), (3, 4, "same"), (0, 5, "one-start"))
    ]
    found = report(fleet(*(adapter(str(n)) for n in range(6)), pairs=pairs))
    (finding,) = [finding for finding in found.findings if finding.code == "LD526"]
    assert finding.message == (
        "5 adapters are 2 updates: adapters/0 = adapters/1 = adapters/2, adapters/3 = adapters/4"
    )


def test_orphans_have_neither_stamp_nor_base() -> None:
    """Either is enough to ask somebody."""
    assert codes(fleet(adapter("a", stamped=False), adapter("b", base=None))) == []
    assert codes(fleet(adapter("a", stamped=False, base=None))) == ["LD525"]


def test_every_base_has_a_fingerprint_of_its_own() -> None:
    """Two bases of one fingerprint each are fine."""
    assert codes(fleet(adapter("a"), adapter("b"))) == []
    assert codes(fleet(adapter("a"), adapter("b", base_fingerprint="1" * 64))) == ["LD524"]


def test_outliers_are_told_one_by_one() -> None:
    """With what is unlike, in which direction, and little confidence."""
    far = adapter("b", outlying={"frobenius_norm": 12.0, "entropy_share": -7.0, "kurtosis": 3.0})
    (finding,) = report(fleet(adapter("a"), far)).findings
    assert finding.message == "adapters/b: ‖ΔW‖ above (z = +12), entropy rank below (z = -7)"
    assert (finding.observed, finding.confidence.value, finding.modules) == (12.0, "low", ["adapters/b"])
