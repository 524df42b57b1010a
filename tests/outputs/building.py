"""Builders of reports from the types of the core alone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from loradiag.core.coverage import Coverage, Hole, StackCoverage, Target
from loradiag.core.findings import Confidence, Disposition, Finding, Severity, fingerprint
from loradiag.core.identity import Deployability, DeployTarget, Identity
from loradiag.core.integrity import Integrity, Unreadable
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Ignore, Policy
from loradiag.core.report import Accounting, Report, Subject, Tool
from loradiag.core.updates import ModuleScale, ModuleSpectrum, Scale, Spectrum
from loradiag.core.verdict import Status, Verdict

ROLES = ("attention.q", "attention.k", "attention.v", "attention.o", "mlp.gate", "mlp.up", "mlp.down")


def spectrum(name: str, role: str, layer: int | None, *, size: float | None = 1.0, rank: int = 8) -> ModuleSpectrum:
    """One module: geometric singular values from ``size`` down; a size of 0 is a dead one, None one not finite."""
    sigma = [] if size is None else [size * 0.6**index for index in range(rank)]
    return ModuleSpectrum(
        name=name,
        role=role,
        stack="",
        layer=layer,
        method="lora",
        rank=rank,
        d_out=64,
        d_in=64,
        scale=2.0,
        scale_source="config",
        sigma=sigma,
        effective_rank=None if size is None else rank if size else 0,
        effective_rank_10=None if size is None else 5 if size else 0,
        entropy_rank=None if size is None else 3.7 if size else 0.0,
        stable_rank=None if size is None else 1.5 + (layer or 0) / 10 if size else 0.0,
        energy_rank_90=None if size is None else 3 if size else 0,
        energy_rank_95=None if size is None else 4 if size else 0,
        energy_rank_99=None if size is None else 6 if size else 0,
        frobenius_norm=None if size is None else size * 1.25,
        spectral_norm=size,
    )


def scale(row: ModuleSpectrum) -> ModuleScale:
    """The scale row that goes with a spectrum."""
    return ModuleScale(
        name=row.name,
        role=row.role,
        layer=row.layer,
        rank=row.rank,
        alpha=16.0,
        scale=2.0,
        scale_source="config",
        norm_a=1.0,
        norm_b=0.1,
        factor_ratio=0.1,
        update_rms=0.002 if row.spectral_norm else row.spectral_norm,
        norm_ratio=1.0 if row.spectral_norm else None,
        norm_z=0.1 * (row.layer or 0) if row.spectral_norm else None,
    )


def finding(
    code: str = "LD107",
    rule: str = "dead-modules",
    severity: Severity = Severity.ERROR,
    modules: Sequence[str] = (),
    *,
    message: str = "2 of 56 modules have a zero update",
    ignored: str | None = None,
    route: str | None = None,
) -> Finding:
    """One finding; ``ignored`` is the policy's reason for setting it aside, ``route`` the route that it is about."""
    return Finding(
        code=code,
        rule=rule,
        severity=severity,
        confidence=Confidence.MEDIUM,
        modules=list(modules),
        observed=2.0,
        threshold=0.0,
        message=message,
        advice="Find out why, or ignore them with a reason.",
        source="Hu et al. 2021 (arXiv 2106.09685) §4.1",
        fingerprint=fingerprint(code, modules, route),
        disposition=Disposition.IGNORED if ignored is not None else Disposition.ACTIVE,
        reason=ignored,
        route=route,
    )


def policy(**changes: object) -> Policy:
    """A resolved policy with something in every field."""
    fields: dict[str, object] = {
        "fail_on": "error",
        "inconclusive": "pass",
        "select": ["LD"],
        "severity": {"LD401": Severity.WARNING},
        "thresholds": {"LD203": {"max_share": 0.5, "least_rank": 8.0}},
        "ignore": [Ignore(code="LD304", reason="known", modules=["*.0.*"], expires=datetime.date(2030, 1, 31))],
        "source": "loradiag.toml",
        "unused": ["LD304 (known): matches no finding"],
        **changes,
    }
    return Policy(**fields)  # type: ignore[arg-type]


def report(
    measurements: Measurements,
    findings: Sequence[Finding] = (),
    *,
    status: Status = Status.PASS,
    path: str = "runs/adapter",
    step: int | None = None,
    accounting: Accounting | None = None,
    **policy_changes: object,
) -> Report:
    """A report around some measurements."""
    spectra = measurements.spectrum.modules if measurements.spectrum else []
    return Report(
        tool=Tool(),
        created="2025-01-31T12:00:00Z",
        subject=Subject(
            path=path,
            sha256="ab" * 32,
            layout="peft",
            layout_reason="adapter_config.json says peft_type LORA",
            peft_type="LORA",
            method="LoRA",
            base="someone/some-base",
            revision="0123456789abcdef",
            modules=len(spectra),
            parameters=123_456,
            bytes=250_000,
            dtype="BF16",
            ranks={"8": len(spectra)},
            scales={"2": len(spectra)},
            step=step,
        ),
        measurements=measurements,
        accounting=accounting or Accounting(total=2 * len(spectra), analysed=2 * len(spectra)),
        findings=list(findings),
        policy=policy(**policy_changes),
        verdict=Verdict(
            status=status,
            decided_by=list(dict.fromkeys(found.code for found in findings)) if status is not Status.PASS else [],
        ),
    )


def measured(rows: Sequence[ModuleSpectrum]) -> Measurements:
    """Everything that an inspection of these modules would measure."""
    return Measurements(
        integrity=integrity(len(rows)),
        spectrum=Spectrum(modules=list(rows)),
        scale=Scale(convention="alpha/r", modules=[scale(row) for row in rows]),
        coverage=Coverage(
            roles={"attention.q": 8},
            stacks=[StackCoverage(stack="", first_layer=0, last_layer=7, layers=8, roles={"attention.q": 8})],
            holes=[Hole(stack="", layer=3, roles=["mlp.up"])],
            targets=[Target(target="q_proj", kind="name", matched=8)],
            saved_modules=["classifier"],
            biases=2,
            layers_chosen=False,
        ),
        identity=identity(),
        deployability=Deployability(
            targets=[
                DeployTarget(target="vLLM", version="0.11", status="yes", reasons=[]),
                DeployTarget(target="SGLang", version="0.5", status="no", reasons=["modules_to_save are not served"]),
                DeployTarget(target="GGUF", version="2026", status="with-flag", reasons=["--base is needed"]),
                DeployTarget(target="PEFT merge", version="0.21", status="unknown", reasons=["not tried"]),
            ]
        ),
    )


def integrity(modules: int, unreadable: Unreadable | None = None) -> Integrity:
    """Structure without problems, or the reason why nothing could be read."""
    return Integrity(
        modules=modules,
        tensors=2 * modules,
        zero_modules=0,
        has_config=True,
        config_expected=True,
        problems=[],
        unreadable=unreadable,
    )


def identity() -> Identity:
    """A PEFT adapter of one safetensors file."""
    return Identity(
        base_name="someone/some-base",
        base_kind="hub-id",
        revision="0123456789abcdef",
        library_version="0.21.0",
        task_type="CAUSAL_LM",
        init=None,
        weight_format="safetensors",
        weight_files=["adapter_model.safetensors"],
        pickle_only=False,
        dtypes={"BF16": 250_000},
        fan_in_fan_out=False,
        conv1d_targets=False,
    )


def grid(layers: int = 8, size: float | None = 1.0) -> list[ModuleSpectrum]:
    """A decoder's modules: every role in every layer."""
    return [
        spectrum(f"model.layers.{layer}.{role}", role, layer, size=size and size * (1 + layer))
        for layer in range(layers)
        for role in ROLES
    ]
