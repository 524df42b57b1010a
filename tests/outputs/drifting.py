"""Reports on merge drift made by hand: every status, with outputs and without, and numbers that real runs gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loradiag.core.beside import BaseFacts, Fit
from loradiag.core.findings import Finding, Severity
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge, Outputs, Peak, Prior, PriorRoute, Refused, Route, RouteModule, RouteRole
from loradiag.core.report import Report
from loradiag.core.verdict import Status
from tests.outputs.building import ROLES, finding, identity, integrity, report

NAMED = {
    "bf16": ("bf16", "original", 16.0, "fold into the 16-bit base, store BF16"),
    "fp16": ("fp16", "original", 16.0, "fold into the 16-bit base, store FP16"),
    "fp32": ("fp32", "original", 32.0, "fold in FP32: the control"),
    "nf4": ("nf4", "original", 4.126953125, "fold into the 16-bit base, then quantize to NF4"),
    "nf4-inplace": ("nf4", "nf4", 4.126953125, "PEFT's merge into a base loaded in NF4"),
    "bf16-from-nf4": ("bf16", "nf4", 16.0, "dequantize the NF4 base, fold, store BF16"),
    "int8": ("int8", "original", 8.0, "fold into the 16-bit base, then quantize to INT8"),
    "int8-inplace": ("int8", "int8", 8.0, "PEFT's merge into a base loaded in INT8"),
    "q8_0": ("q8_0", "original", 8.5, "fold into the 16-bit base, then GGUF Q8_0"),
}
LIMITS = {
    "LD602": {"least_gain": 0.5},
    "LD603": {"least_gain": 0.9, "least_module_gain": 0.5},
    "LD604": {"most_loss": 0.1},
    "LD605": {"most_loss_high": 0.05, "most_loss": 0.1},
    "LD613": {"least_retained": 0.9, "least_gain": 0.01},
}
"""Thresholds as a policy resolves them."""


def module(name: str, role: str, layer: int | None, gain: float | None, **changes: Any) -> RouteModule:
    """One module on one route."""
    fields: dict[str, Any] = {
        "stack": "",
        "relative": 0.002,
        "predicted_gain": gain,
        "gain": gain,
        "gain_error": 1e-4,
        "cosine": gain,
        "error": 0.4,
        "swallowed_share": 0.5,
        **changes,
    }
    return RouteModule(name=name, role=role, layer=layer, **fields)


def modules(gain: float | None, layers: int = 3) -> list[RouteModule]:
    """Every role in every layer; gains fall a little from role to role, and a little more in later layers."""
    return [
        module(
            f"model.layers.{layer}.{role}",
            role,
            layer,
            None if gain is None else gain - 0.001 * layer - 0.02 * index * (gain < 0.9),
        )
        for layer in range(layers)
        for index, role in enumerate(ROLES)
    ]


def route(name: str, gain: float | None = 0.9996, status: str = "pass", **changes: Any) -> Route:
    """One of the routes that there are, or one of another name; measured by its weights unless ``changes`` say more."""
    storage, source, bits, summary = NAMED.get(name, NAMED["bf16"])
    rows = modules(gain)
    fields: dict[str, Any] = {
        "storage": storage,
        "source": source,
        "bits": bits,
        "summary": summary,
        "predicted_gain": gain,
        "gain_error": 1e-5,
        "cosine": gain,
        "error": 0.44,
        "swallowed_share": 0.55,
        "roles": [RouteRole(role=role, modules=3, gain=gain, cosine=gain, swallowed_share=0.5) for role in ROLES],
        "modules": rows,
        **changes,
    }
    return Route(route=name, gain=gain, status=status, **fields)  # type: ignore[arg-type]


def absent(name: str, reason: str = "needs the 16-bit base, and this one is stored in nf4") -> Route:
    """A route that does not apply to the base."""
    return route(
        name, None, "not-applicable", reason=reason, predicted_gain=None, gain_error=None, cosine=None, error=None,
        swallowed_share=None, roles=[], modules=[],
    )  # fmt: skip


def loss(rho: float, kept: float, kld: float = 0.08) -> dict[str, Any]:
    """What outputs add to a route."""
    return {
        "kld_mean": kld,
        "kld_median": kld / 2,
        "kld_p90": 2 * kld,
        "kld_p95": 4 * kld,
        "kld_p99": 7 * kld,
        "kld_p999": 12 * kld,
        "kld_max": 40 * kld,
        "same_top1": 1 - kld,
        "rms_delta_p": kld,
        "ln_ppl_ratio": kld,
        "ln_ppl_ratio_low": 0.9 * kld,
        "ln_ppl_ratio_high": 1.1 * kld,
        "effect_loss": rho,
        "effect_loss_low": 0.94 * rho,
        "effect_loss_high": 1.07 * rho,
        "nll_gain_retained": kept,
        "nll_gain_retained_low": kept - 0.02,
        "nll_gain_retained_high": kept + 0.02,
    }


def outputs(**changes: Any) -> Outputs:
    """200 samples, on which the adapter does much."""
    fields: dict[str, Any] = {
        "prompts": "data/med_test.jsonl",
        "sha256": "ef" * 32,
        "field": "text",
        "sequences": 200,
        "tokens": 37_855,
        "truncated": 3,
        "device": "cpu",
        "compute": "float32",
        "reference": "peft",
        "base_kld": 3.48,
        "base_same_top1": 0.261,
        "floor": 1.6e-7,
        "nll_base": 6.414,
        "nll_reference": 2.874,
        **changes,
    }
    return Outputs(**fields)


def merge(rows: Sequence[Route], **changes: Any) -> Merge:
    """Merge drift of an adapter that was trained over BF16."""
    fields: dict[str, Any] = {
        "trained_on": "bf16",
        "trained_on_source": "assumed",
        "block_size": 64,
        "double_quantization": True,
        "gate": [row.route for row in rows if row.gated],
        **changes,
    }
    return Merge(routes=list(rows), **fields)


def drifted(
    measured: Merge,
    findings: Sequence[Finding] = (),
    *,
    status: Status = Status.PASS,
    decided_by: Sequence[str] = (),
    path: str = "runs/adapter",
    **policy: Any,
) -> Report:
    """A report as ``loradiag merge-drift`` writes it: with a base, and without spectra."""
    measured = msgspec.structs.replace(measured, routes=[decided(row, findings) for row in measured.routes])
    made = report(
        Measurements(
            integrity=integrity(21),
            identity=identity(),
            base=BaseFacts(
                name="someone/base", revision=None, model_type="llama", files=1, tensors=74, parameters=15_735_168,
                bytes=31_470_336, dtype="BF16", scheme=None, obstacle=None, tied_embeddings=False, vocabulary=640,
                fingerprint="ab" * 32, fingerprint_full=None,
            ),
            fit=Fit(
                names_agree=True, modules=21, found=21, shapes_agree=21, alignment=0.06, alignment_expected=0.026,
                alignment_z=23.3, alignment_p=0.005, alignment_modules=14, permutations=200, copies=[],
                magnitude_correlation=None,
            ),
            merge=measured,
        ),
        findings,
        status=status,
        path=path,
        **{"thresholds": LIMITS, **policy},
    )  # fmt: skip
    verdict = msgspec.structs.replace(made.verdict, decided_by=list(decided_by))
    return msgspec.structs.replace(
        made, verdict=verdict, subject=msgspec.structs.replace(made.subject, modules=21, ranks={"16": 21})
    )


OPEN = ("LD606", "LD608", "LD611")
MILD = (*OPEN, "LD503", "LD607")


def decided(row: Route, findings: Sequence[Finding]) -> Route:
    """A route with the codes that decided it, as judging leaves them."""
    codes = {found.code for found in findings if found.route in (row.route, "*")}
    deciding = {"fail": codes - {*MILD}, "inconclusive": codes & {*OPEN}}.get(row.status, set())
    return msgspec.structs.replace(row, decided_by=sorted(deciding))


def about(code: str, name: str, severity: Severity, message: str, **more: Any) -> Finding:
    """A finding on one route; messages begin with its name."""
    rule = {
        "LD602": "update-erased",
        "LD604": "effect-lost",
        "LD607": "outputs-differ",
        "LD611": "outputs-not-measured",
    }.get(code, "another-rule")
    return finding(code, rule, severity, message=f"{name}: {message}", route=name, **more)


def untold(name: str) -> Finding:
    """The note that weights alone decide nothing."""
    note = about("LD611", name, Severity.INFO, "weights alone do not tell what it does to the outputs")
    return msgspec.structs.replace(note, advice="Give --prompts.")


def by_weights() -> list[Report]:
    """All routes, by weights; 16 bits keep the update, fewer are open, and one erases it though nobody asked for it."""
    rows = [
        route("bf16"),
        route("fp32", 1.0),
        route("nf4", 0.9956, "inconclusive"),
        route("nf4-inplace", 0.0116, "fail", predicted_gain=0.06),
        route("int8", 0.99998, "inconclusive"),
    ]
    notes = [
        finding("LD503", "revision-unpinned", Severity.INFO, message="base without a revision"),
        about("LD602", "nf4-inplace", Severity.INFO, "1.2% of the update is kept", modules=[rows[3].modules[0].name]),
        *(untold(name) for name in ("int8", "nf4", "nf4-inplace")),
    ]
    return [drifted(merge(rows, recommended="bf16"), notes)]


def by_outputs() -> list[Report]:
    """All routes, with outputs; the cheapest that passes is NF4, and PEFT's merge in place fails unasked."""
    peaks = [Peak(module="model.layers.5", peak=460.6), Peak(module="model.layers.6", peak=321.5)]
    rows = [
        route("bf16", **loss(6.8e-6, 1.0, 2.4e-5)),
        route("fp16", **loss(1.4e-7, 1.0, 4.8e-7), peaks=peaks),
        route("fp32", 1.0, **loss(0.0, 1.0, 0.0)),
        route("nf4", 0.9956, **loss(0.0236, 0.9775)),
        route("nf4-inplace", 0.62, "fail", **loss(0.1059, 0.897, 0.37)),
        route("int8", 0.99998, **loss(1.7e-4, 0.9998, 6e-4)),
    ]
    notes = [
        about("LD604", "nf4-inplace", Severity.INFO, "ρ = 0.106 (0.1 to 0.11) of the adapter's effect is lost"),
        about("LD607", "nf4-inplace", Severity.INFO, "mean KLD from the adapter is 0.37 nats a token"),
        about("LD607", "nf4", Severity.INFO, "mean KLD from the adapter is 0.08 nats a token"),
    ]
    return [drifted(merge(rows, recommended="nf4", outputs=outputs()), notes)]


def gated() -> list[Report]:
    """Three routes that must keep a weak adapter; two lose far more than its effect."""
    rows = [
        route("nf4-inplace", 0.0116, "fail", gated=True, **loss(46.2, -0.199, 0.2)),
        route("bf16", 0.9706, gated=True, **loss(0.0151, 0.952, 6.6e-5)),
        route("nf4", 0.9635, "fail", gated=True, **loss(43.9, 0.718, 0.19)),
    ]
    found = [
        about("LD602", "nf4-inplace", Severity.ERROR, "1.2% of the update is kept"),
        about("LD604", "nf4-inplace", Severity.ERROR, "ρ = 46.2 (42 to 52) of the adapter's effect is lost"),
        about("LD604", "nf4", Severity.ERROR, "ρ = 43.9 (39 to 50) of the adapter's effect is lost"),
        about("LD607", "nf4", Severity.WARNING, "mean KLD from the adapter is 0.19 nats a token"),
    ]
    weak = outputs(base_kld=0.00436, base_same_top1=0.953, nll_base=6.58, nll_reference=6.432, truncated=0)
    made = merge(rows, recommended="bf16", outputs=weak, trained_on_source="given")
    return [drifted(made, found, status=Status.FAIL, decided_by=["LD602", "LD604"])]


def none() -> list[Report]:
    """Two routes were asked for and both erase the update; no fold into the original was measured."""
    rows = [
        route("nf4-inplace", 0.0116, "fail", gated=True, predicted_gain=0.016),
        route("int8-inplace", 0.22, "fail", gated=True, predicted_gain=0.0916),
    ]
    found = [
        *(about("LD602", row.route, Severity.ERROR, "most of the update is erased") for row in rows),
        *(untold(row.route) for row in rows),
    ]
    return [drifted(merge(rows), found, status=Status.FAIL, decided_by=["LD602"])]


def undecided() -> list[Report]:
    """The one route that was asked for is open."""
    rows = [route("nf4", 0.9956, "inconclusive", gated=True)]
    return [drifted(merge(rows), [untold("nf4")], status=Status.INCONCLUSIVE, decided_by=["LD611"])]


def compared() -> list[Report]:
    """Beside the report of the last release, which a route falls behind."""
    before = [
        PriorRoute(route=name, gain=0.9981, kld_mean=0.05, effect_loss=0.012, nll_gain_retained=0.99, status="pass")
        for name in ("nf4", "bf16", "gone")
    ]
    prior = Prior(path="release/1.json", created="2025-01-01T00:00:00Z", subject="aa", same_prompts=True, routes=before)
    rows = [
        route("nf4", 0.9956, "fail", gated=True, **loss(0.0476, 0.9557)),
        route("bf16", gated=True, **loss(0.012, 0.99, 0.05)),
    ]
    found = [about("LD612", "nf4", Severity.ERROR, "the effect loss rose from 0.012 to 0.0476")]
    made = merge(rows, recommended="bf16", outputs=outputs(reference="fold", field="", prompts="-"), prior=prior)
    return [drifted(made, found, status=Status.FAIL, decided_by=["LD612"])]


def refused() -> list[Report]:
    """Parts of the adapter cannot be folded, so that no route is all of it."""
    lost = module("lm_head", "head", None, None, reason="the base ties embedding and head")
    rows = [
        route("bf16", 0.9996, "fail", modules=[*modules(0.9996), lost]),
        route("nf4", 0.9956, "fail", modules=[*modules(0.9956), lost]),
    ]
    parts = [
        Refused(name=f"prompt.{index}", reason="prompts are no weights and cannot be folded") for index in range(2)
    ]
    found = finding(
        "LD610",
        "not-foldable",
        modules=["prompt.0", "prompt.1", "lm_head"],
        message="3 parts cannot be folded",
        route="*",
    )
    made = merge(rows, refused=parts, trained_on="nf4", trained_on_source="stored", double_quantization=False)
    return [drifted(made, [found], status=Status.FAIL, decided_by=["LD610"])]


def stored() -> list[Report]:
    """A base that is stored in NF4, to which most routes do not apply; modules lie in no layers, some not finite."""
    rows = [
        module(f"blocks.{index}.proj", "other", None, 0.9 - 0.1 * index, nonfinite=3 * (index == 2))
        for index in range(6)
    ]
    rows.append(module("blocks.6.proj", "other", None, None))
    return [
        drifted(
            merge(
                [
                    route("nf4-inplace", 0.3, "fail", modules=rows, roles=[], nonfinite=3),
                    route("bf16-from-nf4", 1.0),
                    *(absent(name) for name in ("bf16", "fp32", "nf4")),
                    absent("int8-inplace", "the base is stored in nf4"),
                ],
                recommended="bf16-from-nf4",
            ),
            [about("LD602", "nf4-inplace", Severity.INFO, "30% of the update is kept")],
        )
    ]


def extreme() -> list[Report]:
    """Numbers at the ends of what a float can be, nothing measured at all, and no routes."""
    rows = [
        route("bf16", 1e300, "unfinished", error=1e300, **loss(1e300, -1e300, 1e298)),
        route("nf4", -1e300, "unfinished", **loss(5e-324, 1e300, 5e-324)),
        route(
            "int8", None, "unfinished", predicted_gain=None, cosine=None, error=None, swallowed_share=None, modules=[],
            roles=[],
        ),
    ]  # fmt: skip
    bare = route(
        "bf16", None, "unfinished", predicted_gain=None, cosine=None, error=None, swallowed_share=None, roles=[]
    )
    return [
        drifted(merge(rows, recommended="gone", outputs=outputs(base_kld=None, floor=None)), path="runs/ends"),
        drifted(merge([msgspec.structs.replace(bare, modules=modules(None))]), path="runs/unmeasured"),
        drifted(merge([absent("bf16", "")]), path="runs/inapplicable"),
        drifted(merge([]), path="runs/none"),
    ]


def hostile(name: str) -> list[Report]:
    """Every text of it that may come from a file is ``name``."""
    rows = [
        route(
            f"{name}{index}",
            gain,
            status,
            gated=index == 1,
            summary=name,
            reason=name,
            roles=[
                RouteRole(role=role, modules=1, gain=gain, cosine=0.5, swallowed_share=0.5) for role in (name, "other")
            ],
            modules=[
                module(f"{name}.0", name, 0, gain, stack=name),
                module(f"{name}.1", name, None, gain, reason=name),
            ],
            peaks=[Peak(module=name, peak=1e5)],
            **loss(0.02, 0.9),
        )
        for index, (gain, status) in enumerate(((0.9, "pass"), (0.1, "fail"), (0.5, "inconclusive")))
    ]
    before = PriorRoute(
        route=rows[0].route, gain=0.5, kld_mean=0.1, effect_loss=0.1, nll_gain_retained=0.5, status=name
    )
    made = merge(
        [*rows, absent("bf16", name)],
        trained_on=name,
        trained_on_source=name,
        recommended=rows[0].route,
        refused=[Refused(name=name, reason=name)],
        outputs=outputs(prompts=name, field=name, device=name, compute=name, reference=name),
        prior=Prior(path=name, created=name, subject=name, same_prompts=True, routes=[before]),
    )
    found = [
        about("LD604", rows[1].route, Severity.ERROR, name, modules=[name]),
        about("LD607", rows[2].route, Severity.INFO, name),
    ]
    return [drifted(made, found, status=Status.FAIL, decided_by=["LD604"], path=f"runs/{name}", source=name)]


def large(layers: int = 80) -> list[Report]:
    """Fifteen routes of 560 modules, as of a 70B-shaped model, none of which keeps everything."""
    rows = [
        route(f"{name}-{copy}", 0.5 + 0.02 * copy, "fail", modules=modules(0.5 + 0.02 * copy, layers), **loss(0.3, 0.7))
        for copy in range(3)
        for name in ("bf16", "nf4", "nf4-inplace", "int8", "q8_0")
    ]
    return [drifted(merge(rows, outputs=outputs()))]
