"""Merge drift: what folding an adapter into its base, route by route, leaves of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from loradiag.api.beside import Stages, inspected, silent, soundness
from loradiag.api.inspecting import accounting_of
from loradiag.api.judging import default_policy, judged, read_reports
from loradiag.core.errors import InputError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge, Outputs, Prior, PriorRoute
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.core.text import printable

BLOCK_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_LEAST_LENGTH = 2


def merge_drift(
    base: str | Path,
    adapter: str | Path,
    *,
    routes: Sequence[str] = (),
    prompts: str | Path | None = None,
    field: str | None = None,
    limit: int | None = None,
    trained_on: str | None = None,
    block_size: int = 64,
    double_quantization: bool = True,
    device: str = "cpu",
    compute: str | None = None,
    max_length: int = 1024,
    batch_tokens: int = 4096,
    baseline: str | Path | None = None,
    fit: bool = True,
    revision: str | None = None,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    progress: Stages | None = None,
) -> Report:
    """Measure what survives of an adapter on every way to fold it into its base, and judge it.

    Finished parts of a run that was interrupted are kept, and the same call goes on from there.

    Args:
        base: A directory, a safetensors file, or ``owner/name`` on the hub.
        adapter: A directory or a weight file.
        routes: Names of :data:`loradiag.analyzers.merge.routes.ROUTES` that must keep the adapter; empty: all that apply
            are measured, and one must.
        prompts: A file of texts (JSONL, JSON, plain text, CSV, Parquet) to measure the model's outputs on; None measures
            weights only.
        field: Where in each record of ``prompts`` the text is; None: told from common names.
        limit: Samples of ``prompts`` at most.
        trained_on: The precision of the base during training: bf16, fp16, fp32, nf4, fp4, int8. None: guessed.
        block_size: Values that share a scale in 4 bits: a power of two from 32 to 4096.
        double_quantization: Whether these scales are quantized too.
        device: Where weights are folded and the model runs: ``cpu``, or what torch calls it.
        compute: The type that the model computes in: fp32, bf16 or fp16. None: FP32 on a CPU, else the base's own.
        max_length: Tokens of a sequence at most; the rest of a longer one is left out.
        batch_tokens: Tokens of a batch at most.
        baseline: The JSON report of an earlier release, to compare with.
        fit: Whether to look if the adapter was trained on this base, which computes singular vectors of some weights.
        revision: Commit, branch or tag, on the hub.
        policy: What to judge by; the default policy if None.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        trust_remote_code: Whether code that lies beside the base may run.
        progress: Called with the stage, the parts of it that are done, and their number.

    Raises:
        InputError: The base, the adapter, the prompts or the earlier report cannot be read or run.
        MissingExtraError: torch, a quantizer or transformers is not installed.
        UsageError: There is no such route or device, an option makes no sense, or there is too little memory.
    """
    from loradiag.analyzers.merge.drift import Wanted
    from loradiag.analyzers.merge.drift import merge_drift as measure
    from loradiag.analyzers.merge.keep import Kept, identity
    from loradiag.analyzers.merge.routes import Settings, plan_routes
    from loradiag.analyzers.subject import subject_of
    from loradiag.bases.opening import open_base
    from loradiag.linalg.products import usable_device
    from loradiag.storage.hashing import content_sha256
    from loradiag.texts.reading import read_texts

    _check_options(trained_on, compute, block_size, max_length, batch_tokens)
    earlier = _earlier(baseline) if baseline is not None else None
    opened = open_base(base, revision=revision)
    wanted = Wanted(
        plan=plan_routes(opened, routes, Settings(block_size, double_quantization)),
        gate=tuple(dict.fromkeys(routes)),
        trained_on=trained_on,
        prompts=read_texts(prompts, field=field, limit=limit) if prompts is not None else None,
        device=usable_device(device),
        compute=compute,
        most_tokens=max_length,
        batch_tokens=batch_tokens,
        trust_remote_code=trust_remote_code,
    )
    stages = progress or silent
    inspection = inspected(adapter, opened, stages, allow_pickle=allow_pickle, device=wanted.device, fit=fit)
    measured = soundness(inspection, fit=fit)
    digest = content_sha256(inspection.adapter.weights)
    subject = subject_of(inspection.adapter, digest, inspection.fingerprint)
    kept = Kept(identity(inspection, digest, wanted))
    merge = measure(inspection, wanted, kept, stages)
    if earlier is not None:
        merge = msgspec.structs.replace(merge, prior=_prior_of(earlier, str(baseline), merge))
    report = judged(
        subject,
        Measurements(**measured, merge=merge),
        accounting_of(inspection.adapter),
        policy or default_policy(),
    )
    kept.forget()
    return report


def _check_options(
    trained_on: str | None, compute: str | None, block_size: int, max_length: int, batch_tokens: int
) -> None:
    from loradiag.analyzers.merge.training import PRECISIONS
    from loradiag.models.loading import COMPUTE

    for name, value, known in (("trained-on", trained_on, PRECISIONS), ("compute", compute, tuple(COMPUTE))):
        if value is not None and value not in known:
            raise UsageError(f"--{name} {printable(value)}: there are {', '.join(known)}")
    if block_size not in BLOCK_SIZES:
        raise UsageError(f"--block-size {block_size}: bitsandbytes has {', '.join(map(str, BLOCK_SIZES))}")
    if max_length < _LEAST_LENGTH or batch_tokens < 1:
        raise UsageError(f"--max-length must be {_LEAST_LENGTH} or more, --batch-tokens 1 or more")


def _earlier(path: str | Path) -> Report:
    """The report of an earlier release.

    Raises:
        InputError: It cannot be read, or is not one report on merge drift.
    """
    found = read_reports(path)
    if len(found) != 1 or found[0].measurements.merge is None:
        raise InputError(
            path, "is not one report on merge drift", "give what loradiag merge-drift --output wrote as JSON"
        )
    return found[0]


def _prior_of(report: Report, path: str, now: Merge) -> Prior:
    """What an earlier report says, for rules about regressions.

    Args:
        report: The earlier one.
        path: Where it was read.
        now: The present measurements, to tell whether outputs may be compared.
    """
    merge = report.measurements.merge
    assert merge is not None, "_earlier has seen to it"
    return Prior(
        path=printable(path),
        created=report.created,
        subject=report.subject.sha256 or "",
        same_prompts=_same_text(merge.outputs, now.outputs) and merge.trained_on == now.trained_on,
        routes=[
            PriorRoute(
                route=row.route,
                gain=row.gain,
                kld_mean=row.kld_mean,
                effect_loss=row.effect_loss,
                nll_gain_retained=row.nll_gain_retained,
                status=row.status,
            )
            for row in merge.routes
            if row.status != "not-applicable"
        ],
    )


def _same_text(before: Outputs | None, now: Outputs | None) -> bool:
    return before is not None and now is not None and (before.sha256, before.tokens) == (now.sha256, now.tokens)
