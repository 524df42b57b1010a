"""From stored bytes to torch tensors and back, bit for bit. torch is imported when it is first needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from loradiag.core.lazy import require
from loradiag.linalg.widen import Raw, widen

TORCH = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
"""Names of torch's types by those of safetensors."""


def tensor_of(raw: Raw, dtype: str, device: str = "cpu") -> Any:
    """Return a torch tensor of the numbers in ``raw``, which is in the carrier type of ``dtype``.

    BF16, FP16, FP32 and FP64 keep their type, all others become FP32. The memory is the tensor's own.
    """
    torch = require("torch", "merge")
    if dtype == "BF16":
        found = torch.from_numpy(np.array(raw.view(np.int16))).view(torch.bfloat16)
    elif dtype in TORCH:
        found = torch.from_numpy(np.array(raw))
    else:
        found = torch.from_numpy(widen(raw, dtype).astype(np.float32))
    return found.to(device)
