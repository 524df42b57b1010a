"""What pages about servers and registries are shown: made by loradiag's own commands, on lakes, a server and adapters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

import loradiag
from loradiag.core.report import Report, encode
from loradiag.registry.lifecycle import Change, Result
from tests.analyzers.served.server import Manners
from tests.analyzers.served.server import serving as server
from tests.analyzers.served.speaking import speak
from tests.watching.making import write

URL = "http://gpu-3.example:8000"
"""What servers are called: each listens on a port of its own."""


@contextmanager
def on(moment: str) -> Iterator[None]:
    """Let what is made within be of that moment, in seconds since 1970."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = moment
    try:
        yield
    finally:
        os.environ.pop("SOURCE_DATE_EPOCH")
        if before is not None:
            os.environ["SOURCE_DATE_EPOCH"] = before


def canaries(
    folder: Path, lake: Path, *, days: int = 3, old: str = "old", new: str = "next", harm: float = 0.3
) -> list[Report]:
    """A canary that becomes slower day by day, by a share of its latency, looked at after each; its reports in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for day in range(days):
        for name, seed, slower in ((old, 1, 1.0), (new, 2, 1.0 + harm * day)):
            draw = np.random.default_rng(100 * seed + day)
            write(
                lake,
                150,
                adapter=name,
                seed=100 * seed + day,
                day=day,
                latency_ms=(slower * draw.lognormal(5, 0.2, 150)).tolist(),
                truncated=(draw.random(150) < 0.02).tolist(),
                nll=draw.normal(1.0, 0.1, 150).tolist(),
                prompt_chars=np.maximum(1, draw.normal(40, 5, 150)).astype(int).tolist(),
            )
        with on(str(1_790_000_000 + 86_400 * day)):
            found.append(loradiag.canary(old, new, lake))
        (folder / f"canary-{day}.json").write_bytes(encode(found[-1]))
    return found


def checks(
    folder: Path, *, adapters: tuple[str, ...] = ("a", "b", "c"), silent: str = "b", mended: bool = False
) -> list[Report]:
    """A server that is sound, then serves its base under one name, then mixes answers up; its reports.

    ``mended``: the other way round.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ways = (
        Manners(speak, adapters=adapters),
        Manners(speak, adapters=adapters, silent=[silent]),
        Manners(speak, adapters=adapters, mixed=0.2),
    )
    found = []
    for day, manners in enumerate(reversed(ways) if mended else ways):
        with server(manners) as url, on(str(1_790_000_000 + 86_400 * day)):
            made = loradiag.serve_check(url, limit=8, switches=8, show_text=True)
        assert made.measurements.served is not None
        served = msgspec.structs.replace(made.measurements.served, url=URL)
        subject = msgspec.structs.replace(made.subject, path=URL)
        measured = msgspec.structs.replace(made.measurements, served=served)
        found.append(msgspec.structs.replace(made, subject=subject, measurements=measured))
        (folder / f"served-{day}.json").write_bytes(encode(found[-1]))
    return found


def recorded(where: str | Path, paths: list[Path], name: str) -> str:
    """A registry of some adapters, one of which has an owner, went live and was asked three times; return that one's hash."""
    with loradiag.open_registry(where) as registry:
        registry.add(paths)
        sha256 = registry.show(name).adapter.sha256
        for day, stage in enumerate(("staging", "canary", "live")):
            result = Result("toy_sums", 0.6 + 0.02 * day, "acc", n=400, standard_error=0.02)
            change = Change(stage=stage, owner="mira", tags=("gold",), results=(result,))
            with on(str(1_790_000_000 + 86_400 * day)):
                registry.set([sha256], change, who="mira", why="it passed")
    return sha256
