"""What an inspection beside a base adds to a report, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.beside import BaseFacts, CopyEvidence, Fit, IntruderModule, Intruders, Relative, RelativeModule
from loradiag.core.identity import Provenance
from loradiag.core.measurements import Measurements
from loradiag.core.reach import Reach, ReachTarget, ShapeMismatch, Unreached, VocabularyPart
from loradiag.core.updates import ModuleSpectrum, VectorModule


def relative(name: str, role: str, layer: int | None, size: float | None) -> RelativeModule:
    """One module beside its weight; a size of None is one that could not be compared."""
    return RelativeModule(
        name=name,
        role=role,
        stack="",
        layer=layer,
        weight=f"{name}.weight",
        dtype="BF16",
        quantization=None,
        base_frobenius=None if size is None else 10.0,
        base_spectral=None if size is None else 2.0,
        update_frobenius=None if size is None else 10 * size,
        update_spectral=None if size is None else 4 * size,
        relative_frobenius=size,
        relative_spectral=None if size is None else 2 * size,
        swallowed_share=None if size is None else 0.02,
        reason="packed" if size is None else None,
    )


def intruder(name: str, role: str, layer: int | None, count: int, *, certified: bool = True) -> IntruderModule:
    """One module of ten directions, the first ``count`` of them new."""
    matches = [0.2 if index < count else 0.9 for index in range(10)]
    return IntruderModule(
        name=name, role=role, stack="", layer=layer, count=count, k=10, epsilon=0.5, certified=certified,
        matches=matches, leading=16, reason=None,
    )  # fmt: skip


def with_base(made: Measurements, text: str = "someone/base") -> Measurements:
    """Measurements with everything that a base adds; ``text`` stands wherever a file's own words do."""
    source = made.spectrum or made.vectors
    rows: Sequence[ModuleSpectrum | VectorModule] = source.modules if source else []
    sizes = [
        relative(row.name, row.role, row.layer, 0.1 * (1 + index % 5) if index != 2 else None)
        for index, row in enumerate(rows)
    ]
    counts = [
        intruder(row.name, row.role, row.layer, index % 4, certified=index % 3 > 0)
        for index, row in enumerate(rows[1:])
    ]
    return msgspec.structs.replace(
        made,
        base=BaseFacts(
            name=text, revision=text, model_type=text, files=3, tensors=74, parameters=1_000_000, bytes=2_000_000,
            dtype="BF16", scheme=text, obstacle=text, tied_embeddings=True, vocabulary=640, fingerprint="ab" * 32,
            fingerprint_full="cd" * 32,
        ),
        provenance=Provenance(
            file="loradiag-stamp.json", problem=None, created=text, owner=text, base_name=text, base_revision=text,
            base_fingerprint="ab" * 32, base_fingerprint_full=None, data_sha256="ef" * 32, hyperparameters={text: text},
            evaluation={text: 0.5}, notes=text, weights_match=True, base_match=False, compared="sampled",
            differing=[text], parts=7,
        ),
        reach=Reach(
            targets=[ReachTarget(target=text, kind="name", resolved=8, adapted=6)],
            linears=57,
            reached=49,
            unreached=[Unreached(pattern=f"{text}.*", role="mlp.gate", names=[f"{text}.{index}" for index in range(8)])],
            absent=[text],
            mismatched=[ShapeMismatch(name=text, adapter=[9, 9], base=[8, 8])],
            skipped=[text],
            experts=4,
            experts_reached=0,
            vocabulary=[VocabularyPart(name=text, rows=641, base_rows=640)],
            tied=[text],
            renamed=[text],
        ),
        relative=Relative(
            modules=[*sizes, relative(f"{text}.embed", "embedding", None, 0.3)], relative_frobenius=0.2, swallowed_share=0.02
        ),
        intruders=Intruders(modules=counts),
        fit=Fit(
            names_agree=False, modules=len(rows), found=len(rows), shapes_agree=len(rows), alignment=0.07,
            alignment_expected=0.03, alignment_z=51.0, alignment_p=0.005, alignment_modules=24, permutations=200,
            copies=[CopyEvidence(name=text, cosine=0.98)], magnitude_correlation=0.97,
        ),
    )  # fmt: skip
