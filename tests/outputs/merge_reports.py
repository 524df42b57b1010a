"""Reports on merge drift made by hand: every status, with outputs and without."""

from __future__ import annotations

import msgspec

from loradiag.core.findings import Severity
from loradiag.core.merge import Peak, Prior, PriorRoute, Refused, RouteRole
from loradiag.core.report import Report
from loradiag.core.verdict import Status
from tests.outputs.building import finding
from tests.outputs.merge_parts import about, absent, drifted, loss, merge, module, modules, outputs, route, untold


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


def excused() -> list[Report]:
    """A weak adapter: NF4 moves the outputs and keeps the gain, so that it passes, and is not what is recommended."""
    rows = [
        route("bf16", **loss(6.8e-6, 1.0, 2.4e-5)),
        route("nf4", 0.9956, **loss(0.57, 1.02)),
        route("int8", 0.99998, **loss(1.7e-4, 0.9998, 6e-4)),
    ]
    notes = [about("LD604", "nf4", Severity.INFO, "57% of the adapter's effect on the outputs is lost")]
    return [drifted(merge(rows, recommended="int8", outputs=outputs()), notes)]


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


CASES = {
    "by_weights": by_weights,
    "by_outputs": by_outputs,
    "gated": gated,
    "none": none,
    "undecided": undecided,
    "compared": compared,
    "refused": refused,
    "stored": stored,
    "extreme": extreme,
}
