"""The fixtures' base, loaded once and wrapped for lm-eval; no test reaches a hub or the user's cache of datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FIXTURES


@pytest.fixture(scope="package", autouse=True)
def _datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data files are converted in a directory of the tests'."""
    datasets: Any = pytest.importorskip("datasets", reason="lm-eval reads data with it")
    pytest.importorskip("lm_eval", reason="it is what is wrapped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        yield


@pytest.fixture(scope="package")
def model() -> Any:
    """The base, in FP32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(FIXTURES / "base", dtype=torch.float32).eval().requires_grad_(False)


@pytest.fixture(scope="package")
def tokenizer() -> Any:
    """Of the base."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FIXTURES / "base")


@pytest.fixture(scope="package")
def wrapped(model: Any, tokenizer: Any) -> Any:
    """The base, for lm-eval."""
    from loradiag.models.harness.wrapping import wrap

    return wrap(model, tokenizer, batch=16)
