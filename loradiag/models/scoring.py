"""Next-token distributions of a model beside those of a reference, token by token.

What llama.cpp's ``llama-perplexity --kl-divergence`` reports, with two differences: all tokens with at least one token of
context count, and reference logits are kept in the type that the model put them out in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.lazy import require
from loradiag.models.tokens import Batch

_BYTES = 1 << 22
"""Logits that are compared at once on a CPU, so that they stay in its cache."""

_DEVICE_BYTES = 1 << 29
"""The same on a GPU, where five times so much is needed beside the model."""

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


class Tokens(msgspec.Struct, frozen=True):
    """Numbers of every predicted token, in the order of the batches.

    Attributes:
        sequence: Which sequence it is of.
        nll: −ln p(token), nats.
        kld: KL(reference ‖ model), nats; empty for the reference itself.
        same: Whether the likeliest token is the reference's.
        delta_p: p(token) less the reference's.
        nonfinite: Logits that are NaN or infinite, in all.
    """

    sequence: npt.NDArray[np.int64]
    nll: Floats
    kld: Floats
    same: npt.NDArray[np.bool_]
    delta_p: Floats
    nonfinite: int


class Reference:
    """Logits of the reference for every predicted token, in a file that vanishes with the process."""

    def __init__(self, tokens: int, vocabulary: int, itemsize: int, folder: str | None = None) -> None:
        self._itemsize, self._vocabulary = itemsize, vocabulary
        with tempfile.TemporaryFile(dir=folder) as file:  # it lives as long as it is mapped
            file.truncate(max(tokens * vocabulary * itemsize, 1))
            self._bytes = np.memmap(file, dtype=np.uint8, mode="r+")
        self._dtype: Any = None
        # What every comparison needs of a token besides: ln Σ exp of its logits, and the likeliest token.
        self.norms, self.likeliest = np.zeros(tokens, np.float32), np.zeros(tokens, np.int64)

    @property
    def vocabulary(self) -> int:
        """Width of a row of logits."""
        return self._vocabulary

    def write(self, start: int, logits: Any) -> None:
        """Keep the logits of the tokens from ``start`` on: [n, vocabulary]."""
        torch = require("torch", "merge")
        self._dtype = logits.dtype
        row = self._vocabulary * self._itemsize
        data = logits.contiguous().cpu().view(torch.uint8).numpy().reshape(-1)
        self._bytes[start * row : start * row + data.size] = data
        for piece in _pieces(logits):
            wide, low = logits[piece].float(), start + piece.start
            self.norms[low : low + wide.shape[0]] = wide.logsumexp(1).cpu().numpy()
            self.likeliest[low : low + wide.shape[0]] = wide.argmax(1).cpu().numpy()

    def read(self, start: int, stop: int) -> Any:
        """Logits of tokens ``start`` to ``stop``: [stop - start, vocabulary], on the CPU."""
        torch = require("torch", "merge")
        row = self._vocabulary * self._itemsize
        data = torch.from_numpy(self._bytes[start * row : stop * row])
        return data.view(self._dtype).reshape(stop - start, self._vocabulary)


def run(
    model: Any, all_batches: Sequence[Batch], device: str, progress: Progress
) -> Iterator[tuple[int, Any, Any, npt.NDArray[np.int64]]]:
    """Run a model over batches.

    Yields:
        For each batch: the place of its first predicted token among all, logits [n, vocabulary] of the positions that
        predict one, the tokens to predict [n], and the sequences that they are of [n].
    """
    torch = require("torch", "merge")
    done = 0
    for index, batch in enumerate(all_batches):
        ids, mask = batch.ids.to(device), batch.mask.to(device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            keep = mask[:, 1:].bool()
            chosen, targets = logits[:, :-1][keep], ids[:, 1:][keep]
        lengths = batch.mask.sum(dim=1).numpy() - 1
        yield done, chosen, targets, np.repeat(np.asarray(batch.rows, dtype=np.int64), lengths)
        done += int(lengths.sum())
        progress(index + 1, len(all_batches))


def record(
    model: Any, all_batches: Sequence[Batch], device: str, progress: Progress, folder: str | None = None
) -> tuple[Reference, Tokens]:
    """Run the reference and keep its logits.

    Args:
        model: What to run.
        all_batches: See :func:`loradiag.models.tokens.batches`.
        device: Where the model is.
        progress: Told after each batch.
        folder: Where the logits are kept; the system's place for temporary files if None.

    Raises:
        OSError: They do not fit there.
    """
    total = sum(int(batch.mask.sum()) - len(batch.rows) for batch in all_batches)
    reference: Reference | None = None
    parts = []
    for start, logits, targets, rows in run(model, all_batches, device, progress):
        reference = reference or Reference(total, logits.shape[1], logits.element_size(), folder)
        reference.write(start, logits)
        parts.append(_alone(logits, targets, rows))
    assert reference is not None, "there is always a batch"
    return reference, _joined(parts)


def compare(model: Any, all_batches: Sequence[Batch], reference: Reference, device: str, progress: Progress) -> Tokens:
    """Run a model and compare its next-token distributions with those of the reference."""
    parts = [
        _beside(logits, reference, start, targets, rows)
        for start, logits, targets, rows in run(model, all_batches, device, progress)
    ]
    return _joined(parts)


def _alone(logits: Any, targets: Any, rows: npt.NDArray[np.int64]) -> Tokens:
    torch = require("torch", "merge")
    nll, nonfinite = [], 0
    for piece in _pieces(logits):
        wide = logits[piece].float()
        nonfinite += int((~torch.isfinite(wide)).sum())
        nll.append(torch.nn.functional.cross_entropy(wide, targets[piece], reduction="none").double())
    empty = np.zeros(0)
    return Tokens(rows, torch.cat(nll).cpu().numpy(), empty, empty.astype(np.bool_), empty, nonfinite)


def _beside(logits: Any, reference: Reference, start: int, targets: Any, rows: npt.NDArray[np.int64]) -> Tokens:
    torch = require("torch", "merge")
    stop, device = start + logits.shape[0], logits.device
    stored = reference.read(start, stop)
    norms, likeliest = (
        torch.from_numpy(kept[start:stop]).to(device) for kept in (reference.norms, reference.likeliest)
    )
    columns: list[list[Any]] = [[], [], [], []]
    nonfinite = 0
    for piece in _pieces(logits):
        ours, theirs = logits[piece].float(), stored[piece].to(device).float()
        target = targets[piece].view(-1, 1)
        norm, their_norm = ours.logsumexp(1, keepdim=True), norms[piece].view(-1, 1)
        shares = (theirs - their_norm).exp_()
        kld = _divergence(shares, theirs, ours) - (their_norm - norm).view(-1).double()
        log_p = ours.gather(1, target) - norm
        delta_p = log_p.exp() - shares.gather(1, target)
        found = (-log_p, kld.clamp_(min=0), ours.argmax(1) == likeliest[piece], delta_p)
        for column, part in zip(columns, found, strict=True):
            column.append(part.view(-1))
        nonfinite += 0 if bool(torch.isfinite(kld).all()) else int((~torch.isfinite(ours)).sum())
    nll, kld, same, delta = (torch.cat(column).cpu() for column in columns)
    return Tokens(rows, nll.double().numpy(), kld.numpy(), same.numpy(), delta.double().numpy(), nonfinite)


def _divergence(shares: Any, theirs: Any, ours: Any) -> Any:
    """Σ p(z′ − z), before norms are taken off: differences of logits are small where distributions are alike; norms are not.

    What the reference never says counts nothing: models may mask a part of their vocabulary with −∞.
    """
    found = (shares * (theirs - ours)).sum(1).double()
    if bool(found.isfinite().all()):
        return found
    return (shares * (theirs - ours).masked_fill(shares == 0, 0.0)).sum(1).double()


def _pieces(logits: Any) -> Iterator[slice]:
    rows, width = logits.shape
    step = max((_DEVICE_BYTES if logits.is_cuda else _BYTES) // (4 * width), 1)
    for start in range(0, rows, step):
        yield slice(start, start + step)


def _joined(parts: Sequence[Tokens]) -> Tokens:
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("sequence", "nll", "kld", "same", "delta_p")
    }
    return Tokens(**columns, nonfinite=sum(part.nonfinite for part in parts))
