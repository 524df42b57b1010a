"""Reports made by hand, one for each condition that an output must cope with."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from loradiag.core.coverage import Coverage, Hole, StackCoverage, Target
from loradiag.core.findings import Severity
from loradiag.core.identity import Deployability, DeployTarget
from loradiag.core.integrity import Unreadable
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Unsupported
from loradiag.core.updates import VectorModule, Vectors
from loradiag.core.verdict import Status
from tests.outputs import forgetting_reports, merge_reports, traffic_reports
from tests.outputs.building import finding, grid, identity, integrity, measured, report, spectrum
from tests.outputs.near import with_base

HOSTILE = "\x1b[31m<script>alert(1)</script>\n::error::x|[a](javascript:x) \u202e@someone ##[add-mask]y `$x$` \r\x00"
"""A name that tries every format at once."""


def healthy() -> list[Report]:
    """A sound adapter with one note."""
    note = finding("LD503", "revision-unpinned", Severity.INFO, message="base without a revision")
    return [report(measured(grid()), [note])]


def empty() -> list[Report]:
    """A sound adapter of which no rule has anything to say."""
    return [report(measured(grid(2)))]


def broken() -> list[Report]:
    """Dead and non-finite modules, a warning, an ignored finding, and tensors that were not analysed."""
    rows = grid(6)
    rows[3] = spectrum(rows[3].name, rows[3].role, rows[3].layer, size=0.0)
    rows[9] = spectrum(rows[9].name, rows[9].role, rows[9].layer, size=None)
    rows.append(spectrum("lm_head", "head", None, rank=1))
    findings = [
        finding(modules=[rows[3].name]),
        finding("LD105", "non-finite-values", modules=[rows[9].name], message="1 NaN in 1 tensor"),
        finding("LD405", "block-missing", Severity.WARNING, message="a hole in the middle"),
        finding("LD304", "norm-outlier", Severity.INFO, [rows[0].name], message="far from its peers", ignored="known"),
    ]
    account = Accounting(
        total=92,
        analysed=88,
        unsupported=[Unsupported(tensor="base.lora_magnitude", reason="shape does not fit")],
        unexpected=["a.stray", "another.stray", "third"],
    )
    return [report(measured(rows), findings, status=Status.FAIL, accounting=account)]


def dead() -> list[Report]:
    """An adapter in which every update is zero."""
    rows = grid(4, size=0.0)
    found = finding("LD106", "untrained-adapter", modules=[row.name for row in rows], message="all updates are zero")
    return [report(measured(rows), [found], status=Status.FAIL)]


def unreadable() -> list[Report]:
    """A file that is cut short."""
    reason = Unreadable(
        kind="truncated", file="runs/bad/adapter_model.safetensors", detail="is cut short", remedy="Fetch it again."
    )
    found = finding("LD101", "unreadable-adapter", message="runs/bad/adapter_model.safetensors: is cut short")
    bare = report(Measurements(integrity=integrity(0, reason)), [found], status=Status.FAIL, path="runs/bad")
    return [bare]


def inconclusive() -> list[Report]:
    """A question that could not be answered."""
    found = finding("LD306", "scale-unknown", Severity.WARNING, message="the scale cannot be known")
    return [report(measured(grid(2)), [found], status=Status.INCONCLUSIVE)]


def series() -> list[Report]:
    """Three checkpoints of one run, the first not trained yet."""
    made = []
    for step, size in ((100, 0.0), (200, 0.5), (400, 2.0)):
        findings = [] if size else [finding("LD106", "untrained-adapter", message="all updates are zero")]
        status = Status.PASS if size else Status.FAIL
        path = f"runs/r1/checkpoint-{step}"
        made.append(report(measured(grid(4, size=size)), findings, status=status, path=path, step=step))
    return made


def several() -> list[Report]:
    """Adapters that have nothing to do with each other, one of them unreadable."""
    return [*healthy(), *broken(), *unreadable(), *vectors()]


def vectors() -> list[Report]:
    """IA³ vectors and a prompt, one of them not finite; no spectra."""
    rows = [
        VectorModule(
            name=f"model.layers.{layer}.mlp.down_proj",
            role="mlp.down",
            layer=layer,
            method="ia3",
            shape=[1, 64],
            mean=1.01,
            minimum=0.5,
            maximum=1.5,
            deviation=0.055 * layer + 0.03,
        )
        for layer in range(12)
    ]
    prompt = VectorModule(
        name="prompt", role="other", layer=None, method="prompt", shape=[20, 64], mean=None, minimum=None, maximum=None,
        deviation=None,
    )  # fmt: skip
    return [
        report(Measurements(integrity=integrity(13), vectors=Vectors(modules=[*rows, prompt]), identity=identity()))
    ]


def hostile(name: str = HOSTILE) -> list[Report]:
    """Every text that comes from a file is hostile."""
    rows = [spectrum(f"{name}.{index}", name, index) for index in range(3)]
    measurements = measured(rows)
    coverage = Coverage(
        roles={name: 3},
        stacks=[StackCoverage(stack=name, first_layer=0, last_layer=2, layers=3, roles={name: 3})],
        holes=[Hole(stack=name, layer=1, roles=[name])],
        targets=[Target(target=name, kind="name", matched=3)],
        saved_modules=[name],
        biases=0,
        layers_chosen=False,
    )
    deployability = Deployability(targets=[DeployTarget(target="vLLM", version="1", status="no", reasons=[name])])
    findings = [
        finding(modules=[row.name for row in rows], message=f"dead: {name}"),
        finding("LD501", "base-missing", Severity.WARNING, message=name),
        finding("LD304", "norm-outlier", Severity.INFO, [name], message=name, ignored=name),
    ]
    account = Accounting(total=8, analysed=6, unsupported=[Unsupported(tensor=name, reason=name)], unexpected=[name])
    whole = with_base(
        Measurements(
            integrity=measurements.integrity,
            spectrum=measurements.spectrum,
            scale=measurements.scale,
            identity=measurements.identity,
            coverage=coverage,
            deployability=deployability,
        ),
        name,
    )
    made = report(whole, findings, status=Status.FAIL, path=f"runs/{name}", accounting=account, source=name)
    return [replace_subject(made, name)]


def replace_subject(made: Report, name: str) -> Report:
    """The report with every fact about its subject replaced by ``name``."""
    subject = msgspec.structs.replace(
        made.subject, base=name, revision=name, layout=name, layout_reason=name, method=name, dtype=name, peft_type=name
    )
    return msgspec.structs.replace(made, subject=subject)


def beside() -> list[Report]:
    """A sound adapter beside its base, some of it not compared."""
    return [report(with_base(measured(grid(4))))]


def beside_series() -> list[Report]:
    """Checkpoints beside a base, one of which could not be compared with it."""
    whole, *others = (report(with_base(measured(grid(3))), path=f"runs/r/checkpoint-{n}", step=n) for n in (1, 2))
    return [whole, *others, report(measured(grid(3)), path="runs/r/checkpoint-3", step=3)]


def beside_vectors() -> list[Report]:
    """IA³ vectors beside a base: sizes without spectra."""
    (made,) = vectors()
    return [msgspec.structs.replace(made, measurements=with_base(made.measurements))]


def experts(layers: int = 40, count: int = 256) -> list[Report]:
    """A mixture of experts: ``layers`` × ``count`` modules in one role."""
    rows = [
        spectrum(f"model.layers.{layer}.mlp.experts.{expert}.down_proj", "expert", layer, rank=16)
        for layer in range(layers)
        for expert in range(count)
    ]
    found = finding(
        "LD203", "over-provisioned-rank", Severity.INFO, [row.name for row in rows[1:]], message="much rank"
    )
    return [report(measured(rows), [found])]


def extreme() -> list[Report]:
    """Numbers at the ends of what a float can be."""
    rows = [spectrum(f"m.{index}", "head", index, size=size) for index, size in enumerate((1e-300, 1e-30, 1.0, 1e300))]
    made = report(measured(rows))
    return [made, report(made.measurements, path="runs/again")]


CASES: dict[str, Callable[[], list[Report]]] = {
    "healthy": healthy,
    "empty": empty,
    "broken": broken,
    "dead": dead,
    "unreadable": unreadable,
    "inconclusive": inconclusive,
    "series": series,
    "several": several,
    "vectors": vectors,
    "extreme": extreme,
    "hostile": hostile,
    "beside": beside,
    "beside_series": beside_series,
    "beside_vectors": beside_vectors,
    **{f"merge_{name}": make for name, make in merge_reports.CASES.items()},
    "merge_hostile": lambda: merge_reports.hostile(HOSTILE),
    **{f"forgetting_{name}": make for name, make in forgetting_reports.CASES.items()},
    "forgetting_hostile": lambda: forgetting_reports.hostile(HOSTILE),
    **{f"traffic_{name}": make for name, make in traffic_reports.CASES.items()},
    "traffic_hostile": lambda: traffic_reports.hostile(HOSTILE),
}


RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""All that `printable` promises to keep out, but for the line feed that outputs end their lines with."""

MARKUP = ("html", "markdown", "junit", "sarif", "gitlab")
"""Formats that something may take for HTML. The others are obeyed by no browser."""


def assert_harmless(name: str, text: str) -> None:
    """Fail if a hostile name got through into an output: as a control character, as markup, or as a command of a CI system."""
    assert RAW.search(text) is None
    if name in MARKUP:
        assert "<script>alert" not in text
    if name == "github":
        assert not re.search(r"(?m)^::error::(x|$)", text)
