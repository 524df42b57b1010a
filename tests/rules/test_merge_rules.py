"""Rules about merge drift at their thresholds, on measurements that are written out."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from loradiag.core.beside import BaseFacts
from loradiag.core.findings import Severity
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge, Outputs, Peak, Prior, PriorRoute, Refused, Route, RouteModule
from loradiag.core.report import Accounting, Subject
from loradiag.core.rules import EVERY_ROUTE, Evidence, Match
from loradiag.rules import find_rule

EFFECT = ("LD604", "LD605", "LD606")


def module(name: str, **fields: Any) -> RouteModule:
    """One module on a route."""
    return RouteModule(name=name, role="attention.q", stack="", layer=0, **fields)


def route(**fields: Any) -> Route:
    """A route that keeps everything."""
    settings: dict[str, Any] = {"route": "nf4", "storage": "nf4", "source": "original", "bits": 4.1, "summary": "…"}
    return Route(**(settings | {"gain": 1.0, "gain_error": 0.0} | fields))


def outputs(**fields: Any) -> Outputs:
    """Measured on enough text, of an adapter that does something."""
    settings: dict[str, Any] = {
        "prompts": "p", "sha256": "0", "field": "text", "sequences": 100, "tokens": 5000, "truncated": 0,
        "device": "cpu", "compute": "float32", "reference": "peft",
        "base_kld": 1.0, "floor": 1e-7, "nll_base": 3.0, "nll_reference": 2.0,
    }  # fmt: skip
    return Outputs(**(settings | fields))


def facts(dtype: str) -> BaseFacts:
    """Of a base in some format."""
    nothing = dict.fromkeys(BaseFacts.__struct_fields__)
    return BaseFacts(**(nothing | {"dtype": dtype}))


def evidence(*routes: Route, measured: Outputs | None = None, base: Any = None, **fields: Any) -> Evidence:
    """Routes with what they were measured on."""
    settings: dict[str, Any] = {
        "trained_on": "bf16", "trained_on_source": "given", "block_size": 64, "double_quantization": True, "gate": [],
    }  # fmt: skip
    merge = Merge(**(settings | {"routes": list(routes), "outputs": measured} | fields))
    return Evidence(Subject(path="x"), Measurements(merge=merge, base=base), Accounting())


def said(code: str, found: Evidence) -> list[Match]:
    """What a rule says under its own thresholds."""
    rule = find_rule(code)
    return list(rule.check(found, {limit.name: limit.default for limit in rule.thresholds}))


@pytest.mark.parametrize(
    ("fields", "counted"),
    [({}, None), ({"nonfinite": 3}, 3), ({"nonfinite_logits": 2}, 2), ({"nonfinite": 3, "nonfinite_logits": 2}, 5)],
)
def test_not_finite(fields: dict[str, int], counted: int | None) -> None:
    """Weights and logits, together."""
    found = said("LD601", evidence(route(**fields, modules=[module("a", nonfinite=3), module("b")])))
    assert [match.observed for match in found] == ([] if counted is None else [counted])
    assert all(list(match.modules) == ["a"] for match in found)


@pytest.mark.parametrize(
    ("gain", "error", "codes"),
    [
        (0.0, 0.0, ["LD602"]),
        (0.49, 0.0, ["LD602"]),
        (0.5, 0.0, ["LD603"]),
        (0.4, 0.04, ["LD602"]),
        (0.4, 0.051, ["LD603"]),
        (0.89, 0.0, ["LD603"]),
        (0.9, 0.0, []),
        (0.8, 0.05, []),
        (-0.1, 0.0, ["LD602"]),
        (None, None, []),
    ],
)
def test_gains(gain: float | None, error: float | None, codes: list[str]) -> None:
    """Below a half the update is erased, below nine tenths weakened: when two standard errors are given back."""
    found = evidence(route(gain=gain, gain_error=error))
    assert [code for code in ("LD602", "LD603") if said(code, found)] == codes


def test_modules_that_are_erased() -> None:
    """Are named, with the least gain where the rest carries the adapter."""
    rows = [
        module("a", gain=0.1, gain_error=0.0),
        module("b", gain=0.45, gain_error=0.1),
        module("c", gain=0.3, gain_error=0.0),
    ]
    (match,) = said("LD603", evidence(route(gain=0.99, modules=rows)))
    assert (list(match.modules), match.observed) == (["a", "c"], 0.1)
    (match,) = said("LD602", evidence(route(gain=0.2, modules=rows)))
    assert (list(match.modules), match.observed) == (["a", "c"], 0.2)
    assert said("LD603", evidence(route(gain=0.2, modules=rows))) == []


POINTS = [0.0, 0.049, 0.05, 0.07, 0.0999, 0.1, 0.2, 3.0]


@pytest.mark.parametrize(("low", "high"), [pair for pair in product(POINTS, POINTS) if pair[0] <= pair[1]])
def test_intervals_of_the_effect_loss(low: float, high: float) -> None:
    """Surely too much, a noticeable part, undecided, or nothing to say: one of them."""
    expected = ["LD604"] if low >= 0.1 else ["LD606"] if high >= 0.1 else ["LD605"] if high >= 0.05 else []
    found = evidence(
        route(effect_loss=(low + high) / 2, effect_loss_low=low, effect_loss_high=high), measured=outputs()
    )
    assert [code for code in EFFECT if said(code, found)] == expected


KEPT: dict[str, Any] = {"nll_gain_retained": 1.0, "nll_gain_retained_low": 0.97, "nll_gain_retained_high": 1.03}


@pytest.mark.parametrize(
    ("changes", "gained", "severity"),
    [
        ({}, 1.0, Severity.WARNING),
        ({"nll_gain_retained_low": 0.95, "nll_gain_retained_high": 1.5, "gain": 0.9}, 0.011, Severity.WARNING),
        ({"nll_gain_retained_low": 0.949}, 1.0, None),
        ({"nll_gain_retained_high": 1.51}, 1.0, None),
        ({"gain": 0.89}, 1.0, None),
        ({"gain": None}, 1.0, None),
        ({}, 0.009, None),
        ({}, -1.0, None),
        ({"nll_gain_retained_low": None, "nll_gain_retained_high": None}, 1.0, None),
    ],
)
def test_an_effect_that_is_lost_while_the_gain_is_kept(
    changes: dict[str, Any], gained: float, severity: Severity | None
) -> None:
    """Is a warning: if the interval is around all of it, the text is one that the adapter gains on, the update stored."""
    row = route(effect_loss=3.0, effect_loss_low=2.0, effect_loss_high=4.0, **(KEPT | changes))
    measured = outputs(nll_base=3.0, nll_reference=3.0 - gained)
    (match,) = said("LD604", evidence(row, measured=measured))
    assert match.severity is severity
    assert (match.advice is None) == (severity is None)
    assert said("LD605", evidence(row, measured=measured)) == []


def test_a_kept_gain_may_be_made_no_excuse() -> None:
    """By the policy."""
    row = route(effect_loss=3.0, effect_loss_low=2.0, effect_loss_high=4.0, **KEPT)
    rule = find_rule("LD604")
    limits = {limit.name: limit.default for limit in rule.thresholds} | {"kept_low": 2.0}
    (match,) = rule.check(evidence(row, measured=outputs()), limits)
    assert match.severity is None


@pytest.mark.parametrize(("fields", "codes"), [({}, ["LD606"]), (KEPT, ["LD605"])])
def test_a_kept_gain_decides_what_the_effect_leaves_open(fields: dict[str, Any], codes: list[str]) -> None:
    """More is no better of a route than less: where a sure loss would be a warning, a possible one is too."""
    row = route(effect_loss=0.1, effect_loss_low=0.08, effect_loss_high=0.12, **fields)
    assert [code for code in EFFECT if said(code, evidence(row, measured=outputs()))] == codes


@pytest.mark.parametrize(
    ("effect", "floor", "told"), [(1e-6, 1e-7, False), (1.01e-6, 1e-7, True), (0.0, None, False), (1e-9, 0.0, True)]
)
def test_an_adapter_that_does_nothing_on_the_text(effect: float, floor: float | None, told: bool) -> None:
    """No more than ten times what arithmetic does: that is said once, and nothing of shares of it."""
    row = route(effect_loss=0.5, effect_loss_low=0.4, effect_loss_high=0.6)
    found = evidence(row, row, measured=outputs(base_kld=effect, floor=floor))
    assert [code for code in EFFECT if said(code, found)] == (["LD604"] if told else ["LD606"])
    if not told:
        assert [match.route for match in said("LD606", found)] == [EVERY_ROUTE]


def test_one_sequence_has_no_interval() -> None:
    """So how much is lost is open; and that it is too little text is said."""
    found = evidence(route(effect_loss=0.9), measured=outputs(sequences=1))
    assert [code for code in EFFECT if said(code, found)] == ["LD606"]
    assert len(said("LD608", found)) == 1


@pytest.mark.parametrize(
    ("bits", "source", "most"),
    [(16.0, "original", 5e-4), (32.0, "original", 5e-4), (8.5, "original", 5e-3), (8.0, "int8", 5e-3), (4.5, "original", 5e-2),
     (16.0, "nf4", 5e-2), (16.0, "int8", 5e-3)],
)  # fmt: skip
def test_how_far_outputs_may_be(bits: float, source: str, most: float) -> None:
    """By the bits of what is stored, or of what the route starts from."""
    for kld, count in ((most, 0), (most * 1.01, 1)):
        row = route(bits=bits, source=source, kld_mean=kld)
        assert len(said("LD607", evidence(row, measured=outputs()))) == count


@pytest.mark.parametrize(
    ("sequences", "tokens", "observed"), [(20, 1000, None), (19, 5000, 19.0), (20, 999, 999.0), (1, 1, 1.0)]
)
def test_how_much_text_is_enough(sequences: int, tokens: int, observed: float | None) -> None:
    """Twenty samples and a thousand tokens."""
    found = said("LD608", evidence(route(), measured=outputs(sequences=sequences, tokens=tokens)))
    assert [match.observed for match in found] == ([] if observed is None else [observed])


@pytest.mark.parametrize(
    ("peak", "severity"),
    [(16_376.0, []), (16_377.0, [Severity.WARNING]), (65_504.0, [Severity.WARNING]), (65_505.0, [None])],
)
def test_activations(peak: float, severity: list[Severity | None]) -> None:
    """Beyond FP16 is an error, the rule's own severity; near it a warning."""
    rows = [Peak(module="a", peak=peak), Peak(module="b", peak=1.0)]
    found = said("LD609", evidence(route(peaks=rows), measured=outputs()))
    assert [match.severity for match in found] == severity
    assert all(list(match.modules) == ["a"] for match in found)


def test_parts_that_cannot_be_folded() -> None:
    """Those that were refused, and those whose sum could not be formed, each once."""
    rows = [module("a", reason="no fold"), module("b", gain=1.0), module("c\x1b[2J", reason="no fold")]
    found = evidence(route(modules=rows), refused=[Refused(name="a", reason="other"), Refused(name="d", reason="gone")])
    (match,) = said("LD610", found)
    assert (set(match.modules), match.observed, match.route) == ({"a", "c\x1b[2J", "d"}, 3.0, EVERY_ROUTE)
    assert "\x1b" not in match.message
    assert said("LD610", evidence(route(modules=[module("b", gain=1.0)]))) == []


def test_routes_that_weights_do_not_decide() -> None:
    """Those below 16 bits, and FP16 unless the base is FP16; none once outputs were measured."""
    rows = [
        route(route=name, storage=name, bits=bits)
        for name, bits in (("nf4", 4.1), ("int8", 8.0), ("fp16", 16.0), ("bf16", 16.0))
    ]

    def names(found: Evidence) -> list[str | None]:
        return [match.route for match in said("LD611", found)]

    assert names(evidence(*rows)) == ["nf4", "int8", "fp16"]
    for dtype, expected in (("F16", ["nf4", "int8"]), ("BF16", ["nf4", "int8", "fp16"])):
        assert names(evidence(*rows, base=facts(dtype))) == expected
    assert names(evidence(*rows, measured=outputs())) == []


def test_regressions() -> None:
    """A gain that fell, an effect loss that surely rose, a divergence that grew: the last two on the same text only."""
    old = PriorRoute(route="nf4", gain=0.9, kld_mean=0.01, effect_loss=0.03, nll_gain_retained=None, status="pass")
    cases: list[tuple[dict[str, Any], bool, str | None]] = [
        ({"gain": 0.86}, True, None),
        ({"gain": 0.84}, False, "delta gain fell"),
        ({"effect_loss": 0.049, "effect_loss_low": 0.04}, True, None),
        ({"effect_loss": 0.06, "effect_loss_low": 0.03}, True, None),
        ({"effect_loss": 0.06, "effect_loss_low": 0.04}, True, "effect loss rose"),
        ({"effect_loss": 0.06, "effect_loss_low": 0.04}, False, None),
        ({"kld_mean": 0.0149}, True, None),
        ({"kld_mean": 0.0151}, True, "mean KLD rose"),
        ({"kld_mean": 0.0151}, False, None),
        ({"gain": None}, True, None),
    ]
    for fields, same, message in cases:
        prior = Prior(path="p", created="c", subject="s", same_prompts=same, routes=[old])
        found = said("LD612", evidence(route(**({"gain": 0.9} | fields)), measured=outputs(), prior=prior))
        assert len(found) == (message is not None), fields
        assert all(message in match.message for match in found if message)
    prior = Prior(path="p", created="c", subject="s", same_prompts=True, routes=[])
    assert said("LD612", evidence(route(gain=0.0), prior=prior)) == []


@pytest.mark.parametrize(
    ("high", "gained", "count"), [(0.899, 1.0, 1), (0.9, 1.0, 0), (0.899, 0.0099, 0), (0.899, 0.011, 1), (None, 1.0, 0)]
)
def test_what_the_adapter_gained_on_the_text(high: float | None, gained: float, count: int) -> None:
    """If it gained something, and surely less than nine tenths of that remain."""
    row = route(nll_gain_retained=0.8, nll_gain_retained_high=high)
    measured = outputs(nll_base=2.0 + gained, nll_reference=2.0)
    assert len(said("LD613", evidence(row, measured=measured))) == count


@pytest.mark.parametrize(("source", "count"), [("given", 0), ("stored", 0), ("named", 1), ("assumed", 1)])
def test_a_precision_of_training_that_nobody_said(source: str, count: int) -> None:
    """It decides the reference, which only outputs need."""
    assert len(said("LD614", evidence(route(), measured=outputs(), trained_on_source=source))) == count
    assert said("LD614", evidence(route(), trained_on_source=source)) == []


@pytest.mark.parametrize("code", [f"LD{number}" for number in (601, 602, 603, 604, 605, 606, 607, 609, 611, 612, 613)])
def test_routes_that_were_not_measured(code: str) -> None:
    """Nothing is said of them, whatever stands in their rows."""
    bad: dict[str, Any] = {
        "nonfinite": 9, "gain": 0.6, "kld_mean": 9.0, "effect_loss": 0.5, "effect_loss_low": 0.0, "effect_loss_high": 0.9,
        "nll_gain_retained": 0.1, "nll_gain_retained_high": 0.2, "peaks": [Peak(module="a", peak=1e9)],
    }  # fmt: skip
    old = PriorRoute(route="nf4", gain=1.0, kld_mean=0.01, effect_loss=0.01, nll_gain_retained=None, status="pass")
    prior = Prior(path="p", created="c", subject="s", same_prompts=True, routes=[old])
    measured = None if code == "LD611" else outputs()
    variants = [{}, {"gain": 0.1}, {"effect_loss_low": 0.3}, {"effect_loss_high": 0.07}]
    for status, expected in (("unfinished", True), ("not-applicable", False)):
        rows = [evidence(route(**bad | more, status=status), measured=measured, prior=prior) for more in variants]
        assert any(said(code, found) for found in rows) == expected


def test_modules_can_be_excused() -> None:
    """A policy that ignores some judges without them."""
    rows = [module("model.layers.0.q", gain=0.1, gain_error=0.0), module("model.layers.1.q", gain=0.2, gain_error=0.0)]
    found = evidence(route(modules=rows), refused=[Refused(name="model.layers.0.v", reason="x")])
    (match,) = said("LD603", found.without(["*.layers.0.*"]))
    assert list(match.modules) == ["model.layers.1.q"]
    assert len(said("LD610", found)) == 1
    assert said("LD610", found.without(["*.layers.0.*"])) == []
