"""Bases by their name on the Hugging Face hub: from the local cache if they are there, else fetched."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from loradiag.bases.locate import locate_base
from loradiag.core.errors import InputError, reason_of
from loradiag.core.lazy import require

_WANTED = ("*.safetensors", "*.safetensors.index.json", "config.json")
_UNWANTED = ("consolidated*", "original/*", "*/*")


def fetch(name: str, revision: str | None) -> tuple[Path, str]:
    """Return the directory of a snapshot with the weights of ``owner/name``, and its commit.

    Args:
        name: The repository.
        revision: Commit, branch or tag; the main branch if None.

    Raises:
        InputError: It is neither in the cache nor to be had.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    hub = require("huggingface_hub", "hub")
    options: dict[str, object] = {
        "revision": revision,
        "allow_patterns": list(_WANTED),
        "ignore_patterns": list(_UNWANTED),
    }
    try:
        folder = Path(hub.snapshot_download(name, local_files_only=True, **options))
        lacking = locate_base(folder).config is None
    except Exception:  # whatever the cache lacks, a shard or all, the hub may have
        folder = _download(hub, name, options)
    else:
        if lacking:  # there is none, or a download was interrupted before it came
            with suppress(InputError):
                folder = _download(hub, name, options)
    return folder, folder.name


def _download(hub: object, name: str, options: dict[str, object]) -> Path:
    try:
        return Path(hub.snapshot_download(name, **options))  # type: ignore[attr-defined]
    except Exception as error:  # the library raises its own errors, those of its HTTP client, and OSError
        raise InputError(
            name,
            f"is no directory here, and the hub did not give it ({reason_of(error)})",
            "check the name, log in where the model is gated, or name a local directory",
            kind="missing",
        ) from error
