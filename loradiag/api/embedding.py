"""Embedding what a lake keeps, by processes of this machine or a Ray cluster."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.api.beside import Stages, silent
from loradiag.api.places import folder_of, here
from loradiag.core.errors import LoradiagError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.embeddings.encoder import Encoder
    from loradiag.traffic.embedding import Embedded

_Item = tuple[str, str, str, str, "str | None"]
"""The lake, its URL if it lies behind one, the file's name below it, the encoder, and the device."""


def embed_traffic(
    lake: str | Path,
    encoder: str,
    *,
    device: str | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    progress: Stages | None = None,
) -> Embedded:
    """Give every request of a lake that keeps texts a vector by an encoder, where it has none.

    What was embedded is in the lake at once, file by file; called again, it goes on.

    Args:
        lake: A folder, or the URL of one, written by ``traffic ingest --keep-text``.
        encoder: A sentence-transformers model; on a cluster every worker must find it.
        device: Where it runs; a GPU if there is one, where None.
        engine: ``local`` or ``ray``; the vectors are the same, up to rounding on other hardware.
        ray_address: Of a cluster, ``auto`` or ``ray://host:10001``; a local one is begun if None.
        workers: Processes, or files under way on the cluster; one process where ``local``, if None.
        progress: Told what is done, the files that are done, and their number.

    Raises:
        InputError: The lake or the encoder cannot be read.
        MissingExtraError: A package of the drift extra, or Ray, is not installed.
        UsageError: An option makes no sense, or the lake cannot be written.
    """
    from loradiag.fleet.engines import DIED, engine_of
    from loradiag.traffic.embedding import Embedded, files_to_embed

    stages, place = progress or silent, here(lake, progress)
    _encoder(encoder, device)  # a name that means nothing should not cost a cluster
    url = folder_of(lake)
    names = [str(path.relative_to(place)) for path in files_to_embed(place)]
    items: list[_Item] = [(str(place.resolve()), url.url if url else "", name, encoder, device) for name in names]
    total = Embedded()
    with engine_of(engine, address=ray_address, workers=workers or (1 if engine == "local" else None)) as running:
        for number, (at, one) in enumerate(running.run(_worker, items), 1):
            if one is None:
                one = Embedded(problems={names[at]: DIED})
            for field in ("files", "embedded", "known", "without_text"):
                setattr(total, field, getattr(total, field) + getattr(one, field))
            total.problems.update(one.problems)
            stages("files", number, len(items))
    return total


def _worker(item: _Item) -> Embedded:
    """Embed one file, in whatever process."""
    from loradiag.storage.cache import folder
    from loradiag.storage.remote import RemoteFolder
    from loradiag.traffic.embedding import Embedded, embed_file

    lake, url, name, encoder, device = item
    try:
        if not url:
            return embed_file(Path(lake), Path(lake) / name, _encoder(encoder, device))
        there = RemoteFolder(url, folder())
        there.bring(str(Path(name).parent))  # what else lies in the partition says what is known
        done = embed_file(there.local, there.local / name, _encoder(encoder, device))
        there.send()
        return done
    except LoradiagError as error:
        return Embedded(problems={printable(name): str(error)})


@lru_cache(maxsize=1)
def _encoder(name: str, device: str | None) -> Encoder:
    """The encoder, loaded once in a process."""
    from loradiag.embeddings.encoder import load_encoder

    return load_encoder(name, device=device)
