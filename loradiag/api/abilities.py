"""Forgetting: what an adapter made its base forget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.api.beside import Stages, inspected, silent, soundness
from loradiag.api.inspecting import accounting_of
from loradiag.api.judging import default_policy, judged
from loradiag.api.weakening import sweeping
from loradiag.core.abilities import RULE
from loradiag.core.errors import UsageError
from loradiag.core.forgetting import Forgetting
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Report
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.analyzers.forgetting.session import Asked
    from loradiag.analyzers.forgetting.wanted import Wanted
    from loradiag.bases.model import Base
    from loradiag.texts.reading import Texts


class InterruptedRunError(KeyboardInterrupt):
    """The run was interrupted. ``reports`` hold what was finished; the last one has ``forgetting.unfinished``."""

    def __init__(self, reports: Sequence[Report]) -> None:
        super().__init__()
        self.reports = list(reports)


def forgetting(base: str | Path, adapter: str | Path, **options: Any) -> Report:
    """Measure what one adapter made its base forget. See :func:`forgetting_all` for the options."""
    return forgetting_all(base, [adapter], **options)[0]


def forgetting_all(
    base: str | Path,
    adapters: Sequence[str | Path],
    *,
    tasks: Sequence[str] = (),
    texts: Sequence[str | Path] = (),
    domain_text: str | Path | None = None,
    training_data: str | Path | None = None,
    control_text: str | Path | None = None,
    include_path: Sequence[str | Path] = (),
    metrics: Mapping[str, str] | None = None,
    field: str | None = None,
    cluster: str | None = None,
    limit: int | None = None,
    num_fewshot: int | None = None,
    apply_chat_template: bool = False,
    routes: Sequence[str] = (),
    sweep: bool = False,
    candidates: Sequence[str] = (),
    write: str | Path | None = None,
    force: bool = False,
    trained_on: str | None = None,
    tokenizer: str | Path | None = None,
    device: str = "cpu",
    device_map: str | None = None,
    compute: str | None = None,
    batch: int = 16,
    max_length: int | None = None,
    examples: int = 5,
    backend: str = "transformers",
    cache: bool = True,
    fit: bool = True,
    revision: str | None = None,
    policy: Policy | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    confirm_run_unsafe_code: bool = False,
    progress: Stages | None = None,
) -> list[Report]:
    """Ask base and adapters the same questions, compare them document by document, and judge.

    Answers of the base are remembered, and those of an interrupted run: the same call goes on from there.

    Args:
        base: A directory, a safetensors file, or ``owner/name`` on the hub.
        adapters: Directories or weight files. The base is asked once for all of them.
        tasks: Names of lm-evaluation-harness: tasks, groups, tags, patterns with ``*``, or YAML files.
        texts: Files of text (JSONL, JSON, plain text, CSV, Parquet) whose perplexity is compared.
        domain_text: A file of text of what the adapter was trained for: shown beside what was lost, and not judged.
        training_data: A file of what the adapter was trained on: is it recited, or told from text that was not trained on?
        control_text: Text drawn as the training data was, and not trained on; None: ``domain_text``.
        include_path: Folders of task definitions.
        metrics: By task the metric that it is judged by; else the first that it has.
        field: Where in each record of the text files the text is; None: told from common names.
        cluster: The field of documents that names their source; None: told from common names.
        limit: Documents of each task and file at most.
        num_fewshot: Examples before each document; None: what each task says.
        apply_chat_template: Whether prompts go through the tokenizer's chat template.
        routes: Routes of :data:`loradiag.analyzers.merge.routes.ROUTES` to evaluate as they are served; they are judged then.
        sweep: Whether to look for a weaker form of the adapter that keeps more of the base; needs ``domain_text``.
        candidates: Which forms: ``scale:0.5`` (base + 0.5·Δ), ``rank:8``, ``intruders:0.75``; empty: a grid.
        write: A directory for the form that the sweep chose, a PEFT adapter.
        force: Whether an adapter that lies there is replaced.
        trained_on: The precision of the base during training: bf16, fp16, fp32, nf4, fp4, int8. None: as stored, or as the
            base's name says.
        tokenizer: A directory whose tokenizer is used for base and adapter, in place of the base's.
        device: Where the model runs: ``cpu``, or what torch calls it.
        device_map: ``auto``: accelerate spreads the model over all devices, then memory, then the disk.
        compute: The type that the model computes in: fp32, bf16 or fp16. None: FP32 on a CPU, else the base's own.
        batch: Requests at once. Results depend on it in their last digits, so it is fixed.
        max_length: Tokens of a request at most; None: what the model takes.
        examples: Documents that are shown for each task and direction of change.
        backend: ``transformers``, or ``vllm`` where it is installed.
        cache: Whether the base's answers may come from the cache, and go there.
        fit: Whether to look if the adapter was trained on this base, which computes singular vectors of some weights.
        revision: Commit, branch or tag, on the hub.
        policy: What to judge by; the default policy if None. Margins are thresholds of LD701.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        trust_remote_code: Whether code that lies beside the base may run.
        confirm_run_unsafe_code: Whether tasks that run code which the model writes may do so.
        progress: Called with what is being done, the parts of all work that are done, and their number.

    Returns:
        A report for each adapter.

    Raises:
        InputError: Base, an adapter, a text or a task's data cannot be read or run, or they do not belong together.
        InterruptedRunError: By the user, after something was finished.
        MissingExtraError: lm-eval, torch, transformers or PEFT is not installed.
        UsageError: There is no such task, route or device, or options do not go together.
    """
    from loradiag.analyzers.forgetting.wanted import Wanted
    from loradiag.bases.opening import open_base
    from loradiag.linalg.products import usable_device
    from loradiag.models.harness.asking import Options

    _check_options([*tasks, *texts, *([] if training_data is None else [training_data])], trained_on, compute, backend)
    control = _control(training_data, control_text or domain_text)
    policy = policy or default_policy()
    weaker = None
    if sweep or candidates or write is not None:
        if domain_text is None:
            raise UsageError(
                "--sweep weighs what is lost against what is kept: give text of the domain, --domain-text FILE"
            )
        limits = policy.thresholds.get(RULE) or default_policy().thresholds[RULE]
        weaker = sweeping(candidates, limits, adapters, write, allow_pickle=allow_pickle, force=force)
    opened = open_base(base, revision=revision)
    named = _texts(texts, field, limit)
    wanted = Wanted(
        tasks=list(tasks),
        include=[str(folder) for folder in include_path],
        texts=named,
        domain=_text(domain_text, field, limit),
        training=_text(training_data, field, limit),
        control=_text(control, field, limit),
        metrics=dict(metrics or {}),
        options=Options(
            limit=limit,
            shots=num_fewshot,
            chat=apply_chat_template,
            unsafe=confirm_run_unsafe_code,
            cluster=cluster,
        ),
        routes=list(dict.fromkeys(routes)),
        trained_on=trained_on,
        device=device if device_map else usable_device(device),
        device_map=device_map,
        compute=compute,
        batch=batch,
        most_tokens=max_length,
        examples=examples,
        tokenizer=str(tokenizer) if tokenizer is not None else None,
        backend=backend,
        trust_remote_code=trust_remote_code,
        sweep=weaker,
        remember=cache,
    )
    stages = progress or silent
    asked = [
        _asked(path, opened, allow_pickle=allow_pickle, fit=fit, device=wanted.device, stages=stages)
        for path in adapters
    ]
    return _reports(opened, asked, wanted, policy, stages, fit=fit)


def _reports(
    base: Base, adapters: Sequence[Asked], wanted: Wanted, policy: Policy, stages: Stages, *, fit: bool
) -> list[Report]:
    from loradiag.analyzers.forgetting.run import forgetting as run

    beside = [soundness(one.inspection, fit=fit) for one in adapters]
    reports: list[Report] = []
    try:
        for found in run(
            base, adapters, wanted, stages
        ):  # to its very end: there it clears what only interrupted runs need
            reports.append(_report(adapters[len(reports)], beside[len(reports)], found, policy))
    except KeyboardInterrupt as stopped:
        if not reports:
            raise
        raise InterruptedRunError(reports) from stopped
    if len(reports) < len(adapters) or (reports and _unfinished(reports[-1])):
        raise InterruptedRunError(reports)
    return reports


def _unfinished(report: Report) -> bool:
    found = report.measurements.forgetting
    return found is not None and bool(found.unfinished)


def _report(one: Asked, measured: Mapping[str, Any], found: Forgetting, policy: Policy) -> Report:
    from loradiag.analyzers.subject import subject_of

    subject = subject_of(one.inspection.adapter, one.sha256, one.inspection.fingerprint)
    return judged(subject, Measurements(**measured, forgetting=found), accounting_of(one.inspection.adapter), policy)


def _asked(path: str | Path, base: Base, *, allow_pickle: bool, fit: bool, device: str, stages: Stages) -> Asked:
    from loradiag.analyzers.forgetting.session import Asked
    from loradiag.storage.hashing import content_sha256

    inspection = inspected(path, base, stages, allow_pickle=allow_pickle, device=device, fit=fit)
    return Asked(inspection, content_sha256(inspection.adapter.weights))


def _texts(paths: Sequence[str | Path], field: str | None, limit: int | None) -> dict[str, Any]:
    """Texts by the names of their files, less the endings."""
    from loradiag.texts.reading import read_texts

    found: dict[str, Any] = {}
    for path in paths:
        name = Path(path).stem
        if name in found:
            raise UsageError(f"--text {printable(str(path))}: another file is called {printable(name)}; rename one")
        found[name] = read_texts(path, field=field, limit=limit)
    return found


def _text(path: str | Path | None, field: str | None, limit: int | None) -> Texts | None:
    from loradiag.texts.reading import read_texts

    return read_texts(path, field=field, limit=limit) if path is not None else None


def _control(training: str | Path | None, control: str | Path | None) -> str | Path | None:
    """Text to compare training data with, if there is any."""
    if training is None:
        return None
    if control is None:
        raise UsageError("--training-data: give text of the same kind that was not trained on, --control-text FILE")
    return control


def _check_options(
    asked: Sequence[str | Path],
    trained_on: str | None,
    compute: str | None,
    backend: str,
) -> None:
    from loradiag.analyzers.merge.training import PRECISIONS
    from loradiag.models.loading import COMPUTE

    if not asked:
        raise UsageError("name what to ask: --tasks hellaswag,… or --text FILE")
    known: Mapping[str, tuple[str | None, Sequence[str]]] = {
        "trained-on": (trained_on, PRECISIONS),
        "compute": (compute, tuple(COMPUTE)),
        "backend": (backend, ("transformers", "vllm")),
    }
    for name, (value, words) in known.items():
        if value is not None and value not in words:
            raise UsageError(f"--{name} {printable(value)}: there are {', '.join(words)}")
