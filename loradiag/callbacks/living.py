"""A live PEFT model as an :class:`~loradiag.adapters.model.Adapter`, under the names that its checkpoint would have."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.layouts.peft import PREFIX
from loradiag.adapters.locate import CONFIG_NAME, Located
from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import read_bundle
from loradiag.callbacks.gathering import Stored
from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.core.text import listed, printable
from loradiag.storage.arrays import ArrayContainer

_LIVE = Path("live model")
"""What messages name in the place of a file."""


class LiveAdapter:
    """One adapter of a model that trains. Nothing of the model is changed, and only the adapter's own tensors are read.

    Embeddings of the base that PEFT stores along (targeted ones, resized ones) are left out: they are large, and no update.

    Args:
        model: A PEFT model, bare or wrapped, or a transformers model to which ``add_adapter`` gave one.
        name: Which of its adapters; None for the active one.

    Raises:
        UsageError: It has no such adapter, or its parameters cannot be read.
    """

    def __init__(self, model: Any, name: str | None = None) -> None:
        self._model = _unwrapped(model)
        self.name = _adapter_name(self._model, name)
        _check_readable(model)
        self._places = _places(self._model, self.name)

    def parameters(self) -> dict[str, Any]:
        """The tensors of the adapter as they are now, by their names in a checkpoint."""
        return {saved: getattr(owner, attribute) for saved, (owner, attribute) in self._places.items()}

    def config(self) -> dict[str, Any]:
        """The configuration, as ``save_pretrained`` would write it and a reader would find it."""
        config = self._model.peft_config[self.name]
        settings = {key: list(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
        if settings.get("base_model_name_or_path") is None:
            base = self._model.get_base_model() if hasattr(self._model, "get_base_model") else self._model
            settings["base_model_name_or_path"] = getattr(base, "name_or_path", None) or None
        read: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        return read

    def adapter(self, values: Mapping[str, Stored]) -> Adapter:
        """Read copies of the parameters as PEFT's layout is read from files.

        Raises:
            InputError: The configuration says what cannot be.
        """
        ordered = sorted(values.items(), key=_file_order)
        container = ArrayContainer(_LIVE, "safetensors", ((name, *stored) for name, stored in ordered))
        located = Located(_LIVE, (), config=_LIVE / CONFIG_NAME)
        return read_bundle(Bundle(located, container.format, container.tensors, {"format": "pt"}, self.config()))

    def rescaled(self, adapter: Adapter) -> dict[str, tuple[float, float]]:
        """Modules that run at another scale than their configuration's, which is all that a checkpoint keeps.

        Returns:
            By module: the scale that is in force, and the one that the configuration gives.
        """
        if adapter.provenance.peft_type != "LORA":  # others keep other numbers under the name of scaling
            return {}
        live = {
            PREFIX.sub("", name): module.scaling[self.name]
            for name, module in self._model.named_modules()
            if self.name in getattr(module, "lora_A", ()) or self.name in getattr(module, "lora_embedding_A", ())
        }
        pairs = {module.name: (live.get(module.name), module.scale.value) for module in adapter.modules}
        return {
            name: (float(now), said)
            for name, (now, said) in pairs.items()
            if isinstance(now, (int, float)) and not math.isclose(now, said, rel_tol=1e-6)
        }


def _file_order(entry: tuple[str, Stored]) -> tuple[int, str]:
    """Where a safetensors file would have a tensor: wide formats first, then by name."""
    name, (dtype, _, _) = entry
    return -DTYPES[dtype].itemsize if dtype in DTYPES else 0, name


def _unwrapped(model: Any) -> Any:
    """The model below DistributedDataParallel, DeepSpeed's engine and torch.compile."""
    while True:
        inner = getattr(model, "_orig_mod", None)  # torch.compile's wrapper answers for what it wraps
        if inner is None and getattr(model, "peft_config", None):
            return model
        inner = getattr(model, "module", None) if inner is None else inner
        if inner is None:
            raise UsageError("the model has no PEFT adapter: give the Trainer a model from peft.get_peft_model")
        model = inner


def _adapter_name(model: Any, name: str | None) -> str:
    known = list(model.peft_config)
    if name is None:
        active = getattr(model, "active_adapters", None)
        active = active() if callable(active) else active
        name = next(iter([active] if isinstance(active, str) else active or known))
    if name not in known:
        raise UsageError(f"no adapter of the model is called {printable(name)!r}; it has {listed(sorted(known))}")
    return name


def _check_readable(model: Any) -> None:
    if any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules()):
        raise UsageError("FSDP1 flattens parameters, so that single ones cannot be read; use fsdp_version: 2")


def _places(model: Any, name: str) -> dict[str, tuple[Any, str]]:
    """For every tensor that a checkpoint would have: the module that holds it, and the attribute.

    PEFT is asked once, since asking means a list of all of the base's parameters. Parameters may be replaced by others while
    they train; the modules that hold them are not.
    """
    peft = require("peft", "merge")
    state = model.state_dict(keep_vars=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns at every save; that is enough
        saved = peft.get_peft_model_state_dict(model, state_dict=state, adapter_name=name, save_embedding_layers=False)
    origin = {id(tensor): key for key, tensor in state.items()}
    lost = [key for key, tensor in saved.items() if id(tensor) not in origin]
    if lost:
        raise UsageError(f"the checkpoint would hold tensors that are not the model's own: {listed(sorted(lost), 2)}")
    places = {}
    for key, tensor in saved.items():
        owner, _, attribute = origin[id(tensor)].rpartition(".")
        places[key] = (model.get_submodule(owner), attribute)
    return places
