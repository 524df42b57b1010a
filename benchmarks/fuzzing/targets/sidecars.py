"""What lies beside adapters and is read: stamps, trainers' states, and baselines with their manifests."""

from __future__ import annotations

import functools
import hashlib
import io
import json
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.fuzzing.mutating import as_json, blindly, joined, parted
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.seeds import lay
from loradiag.adapters.stamps import read_stamp
from loradiag.adapters.trainer_state import read_state
from loradiag.baselines import manifest as parts
from loradiag.baselines.reading import expired, open_baseline, open_baselines
from loradiag.baselines.topics import assign
from loradiag.watching.references import reference_of


def _stamp(data: bytes, folder: Path) -> None:
    path = folder / "loradiag-stamp.json"
    path.write_bytes(data)
    read_stamp(path)


def _trainer_state(data: bytes, folder: Path) -> None:
    path = folder / "trainer_state.json"
    path.write_bytes(data)
    read_state(path)


def _baseline(data: bytes, folder: Path) -> None:
    for name, stored in _arrays().items():
        if not (folder / name).exists():
            (folder / name).write_bytes(stored)
    (folder / "baseline.json").write_bytes(data)
    for baseline in open_baselines(folder):
        assert baseline.age_days >= 0
        expired(baseline)


def stamps() -> list[bytes]:
    """A stamp with everything in it."""
    told = {
        "stamp_version": "1.0",
        "created": "2026-11-01T12:00:00Z",
        "updated": None,
        "tool": {"name": "loradiag", "version": "1"},
        "adapter": {"sha256": "a" * 64, "files": ["adapter_model.safetensors"]},
        "base": {
            "name": "b",
            "revision": None,
            "fingerprint": "b" * 64,
            "fingerprint_full": None,
            "parts": {"x": "y"},
            "tensors": 3,
        },
        "data": {"sha256": "c" * 64, "file": "train.jsonl"},
        "hyperparameters": {"lr": "1e-4"},
        "evaluation": {"acc": 0.5},
        "owner": "me",
        "notes": "n",
    }
    return [json.dumps(told).encode()]


def states() -> list[bytes]:
    """A trainer's state with losses, evaluations and a step that was logged twice."""
    log = [
        {"step": step, "loss": 2.0 - step / 9, "grad_norm": 1.0, "learning_rate": 1e-4, "epoch": step / 9}
        for step in range(1, 6)
    ]
    log += [{"step": 5, "eval_loss": 1.5, "eval_books_loss": 2.5}, {"step": 3, "loss": 1.0}]
    told = {"global_step": 5, "max_steps": 9, "epoch": 0.5, "save_steps": 2, "log_history": log}
    return [
        json.dumps(
            {**told, "best_metric": 1.5, "best_global_step": 5, "best_model_checkpoint": "out/checkpoint-5"}
        ).encode()
    ]


@functools.cache
def _arrays() -> dict[str, bytes]:
    """The files of a baseline of three references and two held-out requests."""
    units = np.eye(3, 8)
    arrays = {
        parts.INDEX: units.astype(np.float16),
        parts.INDEX_RECORDS: np.arange(3),
        parts.CALIBRATION: units[:2].astype(np.float16),
        parts.SCORES: np.ones(2, np.float32),
        parts.TOPICS: np.zeros(2, np.int16),
        parts.CENTRES: units[:1].astype(np.float32),
        parts.EXAMPLES: np.zeros(1, np.int64),
    }
    files = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array)
        files[name] = file.getvalue()
    return files


def _manifests() -> list[bytes]:
    told = {
        "version": 1,
        "tool": "loradiag 1",
        "created": "2026-11-01T12:00:00Z",
        "adapter": {"name": "support", "path": "adapter_config.json", "sha256": "a" * 64},
        "encoder": {"name": "e", "sha256": "e" * 64, "dimension": 8},
        "data": {
            "path": "baseline.json",
            "sha256": "d" * 64,
            "field": "text",
            "records": 9,
            "requests": 9,
            "repeated": 0,
            "unencodable": 0,
        },
        "calibrated": {
            "references": 3,
            "calibration": 2,
            "conversations": 2,
            "topics": 1,
            "rank": 1,
            "novel_rate": 0.05,
            "threshold": 0.5,
            "mean_nn_cosine": 0.9,
            "gamma": 1.0,
            "closeness": {"first": 0.1, "second": 0.1},
            "seed": 0,
        },
        "files": {
            name: {"bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest()}
            for name, stored in _arrays().items()
        },
    }
    return [json.dumps(told).encode()]


def strange_baseline(data: bytes, folder: Path) -> Path:
    """Lay down a baseline whose numbers and arrays are strange, with a manifest that says that its files are as written."""
    names = [*_arrays()]
    told, *contents = parted(data, 1 + len(names))
    files = dict(zip(names, contents, strict=True))
    try:
        document = json.loads(told)
        document["files"] = {
            name: {"bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest()} for name, stored in files.items()
        }
        told = json.dumps(document).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    return lay(folder / "baseline", {**files, parts.NAME: told})


def baselines() -> list[bytes]:
    """Inputs of :func:`strange_baseline`."""
    return [joined(_manifests()[0], *_arrays().values())]


def as_baseline(data: bytes, random: Random) -> bytes:
    """Change the manifest, or one array: its bytes, or all of its numbers to one that means something."""
    content = parted(data, 1 + len(_arrays()))
    place = random.randrange(len(content))
    if place == 0:
        content[0] = as_json(content[0], random)
    elif random.random() < 0.5:
        content[place] = blindly(content[place], random)
    else:
        array = [np.load(io.BytesIO(stored)) for stored in _arrays().values()][place - 1]
        told = np.array(random.choice((-1, 0, 1, 7, 32767, -32768, np.nan, np.inf, 65504.0, 1e-8)))
        with np.errstate(all="ignore"):
            array[random.randrange(len(array)) :] = told.astype(array.dtype)
        file = io.BytesIO()
        np.save(file, array)
        content[place] = file.getvalue()
    return joined(*content)


def _asked_baseline(data: bytes, folder: Path) -> None:
    """A strange baseline, opened and asked everything that a check or a watch asks it."""
    baseline = open_baseline(strange_baseline(data, folder))
    told = baseline.manifest
    vectors = np.eye(2, told.encoder.dimension, dtype=np.float16)
    cosines, neighbours = baseline.search.nearest(vectors)
    assert cosines.shape == neighbours.shape == (2,)
    assign(vectors, baseline.centres)
    baseline.texts(baseline.examples)
    expired(baseline)
    scores, topics = np.asarray(baseline.scores), np.asarray(baseline.topics)
    reference_of(told.calibrated, scores, topics, least_share=0.08, tolerance=0.2, chance=0.001)


TARGETS = {
    "stamp": Target(_stamp, stamps, as_json, 1 << 13),
    "trainer-state": Target(_trainer_state, states, as_json, 1 << 13),
    "baseline": Target(_baseline, _manifests, as_json, 1 << 13),
    "baseline-arrays": Target(_asked_baseline, baselines, as_baseline, 1 << 13, framed=True),
}
