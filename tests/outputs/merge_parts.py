"""What reports on merge drift are made of by hand: routes with numbers that real runs gave, outputs, findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loradiag.core.beside import BaseFacts, Fit
from loradiag.core.findings import Finding, Severity
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge, Outputs, Route, RouteModule, RouteRole
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


def merge_of(report: Report) -> Merge:
    """What a report says of merge drift."""
    assert report.measurements.merge is not None
    return report.measurements.merge


def rows_of(report: Report) -> dict[str, Route]:
    """Its routes by name."""
    return {row.route: row for row in merge_of(report).routes}


def with_routes(report: Report, rows: list[Route], **changes: object) -> Report:
    """The report with other routes."""
    made = msgspec.structs.replace(merge_of(report), routes=rows, **changes)
    return msgspec.structs.replace(report, measurements=msgspec.structs.replace(report.measurements, merge=made))
