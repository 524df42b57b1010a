"""Baselines: making one, and measuring how often a check with it cries wolf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy
from loradiag.api.places import here, sent_back
from loradiag.core.errors import UsageError
from loradiag.core.policy import Policy

if TYPE_CHECKING:
    from loradiag.analyzers.drift.replay import Replay
    from loradiag.baselines.manifest import Manifest


def baseline(
    adapter: str | Path,
    data: str | Path,
    output: str | Path,
    *,
    encoder: str | None = None,
    name: str | None = None,
    field: str | None = None,
    novel_rate: float = 0.05,
    topics: int | None = None,
    seed: int = 0,
    keep_text: bool = False,
    device: str | None = None,
    force: bool = False,
    progress: Stages | None = None,
) -> Manifest:
    """Make a baseline: what the traffic of an adapter should look like.

    Args:
        adapter: The adapter; the baseline is bound to the hash of its weights, which are not opened.
        data: What it was trained on: JSONL, JSON, CSV, TSV, Parquet or plain text, of which prompts are taken.
        output: The directory to write.
        encoder: A sentence-transformers model, by directory or by name on the hub; a common small one if None.
        name: The adapter's name in the traffic; the last part of its path if None.
        field: Where in a record of the data the prompt is.
        novel_rate: The share of held-out requests that count as novel.
        topics: Clusters at most; 20 if None.
        seed: Of the split, the clusters and the samples.
        keep_text: Whether texts of references are kept in the baseline.
        device: Where the encoder runs; a GPU if there is one, where None.
        force: Whether a baseline that lies at ``output`` is replaced.
        progress: Told the stage, the parts of it that are done, and their number (0 if unknown).

    Raises:
        InputError: The adapter, the data or the encoder cannot be read, or there are too few distinct requests.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: The directory may not be written, or a number makes no sense.
    """
    from loradiag.adapters.opening import locate_one
    from loradiag.baselines.building import Recipe, build_baseline
    from loradiag.baselines.topics import MOST
    from loradiag.embeddings.encoder import DEFAULT, load_encoder
    from loradiag.storage.hashing import content_sha256

    if not 0 < novel_rate <= 0.5:
        raise UsageError("novel-rate: a share above 0 and up to 0.5, such as 0.05")
    if topics is not None and topics < 1:
        raise UsageError("topics: at least 1")
    weights = locate_one(adapter).weights
    recipe = Recipe(
        name=name or Path(adapter).resolve().name,
        adapter=str(adapter),
        adapter_sha256=content_sha256(weights),
        novel_rate=novel_rate,
        topics=topics or MOST,
        seed=seed,
        keep_text=keep_text,
    )
    loaded = load_encoder(encoder or DEFAULT, device=device)
    with sent_back(output, replaced=True) as (place, _):
        return build_baseline(data, place, loaded, recipe, field=field, force=force, progress=progress or silent)


def calibrate_check(
    path: str | Path,
    *,
    window: int = 200,
    trials: int = 200,
    tolerance: float | None = None,
    seed: int = 0,
    policy: Policy | None = None,
    progress: Stages | None = None,
) -> Replay:
    """Replay a baseline's own held-out requests as traffic, and count how often that is called drift.

    Args:
        path: The baseline.
        window: Requests of a window.
        trials: Windows.
        tolerance: As for :func:`drift_check`.
        seed: Of the draws.
        policy: What to judge by; the default policy if None.
        progress: Told the trials that are done, and their number.

    Raises:
        InputError: The baseline cannot be read, or has too few held-out requests for such a window.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: A number makes no sense.
    """
    from loradiag.analyzers.drift.replay import replay
    from loradiag.analyzers.drift.wanted import TOLERANCE, Wanted, Window
    from loradiag.baselines.reading import open_baseline

    if trials < 1 or window < 2:
        raise UsageError("trials: at least 1; window: at least 2 requests")
    wanted = Wanted(
        window=Window("count", window, str(window)),
        floor=min(50, window),
        tolerance=TOLERANCE if tolerance is None else tolerance,
        exemplars=0,
        seed=seed,
    )
    stages = progress or silent
    thresholds = (policy or default_policy()).thresholds
    return replay(open_baseline(here(path)), wanted, trials, thresholds, lambda done: stages("replay", done, trials))
