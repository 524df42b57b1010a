"""Failures of libraries that are written in Rust, as tokenizers are: their panics pass by ``except Exception``."""

from __future__ import annotations


def is_failure(error: BaseException) -> bool:
    """Whether an error is a library's: Python's own, or a panic; not an interrupt, nor the end of the program."""
    return isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime"
