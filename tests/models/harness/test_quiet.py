"""Silence while it lasts, and everything as it was afterwards."""

from __future__ import annotations

import logging
import os
import sys
import warnings

import pytest

from loradiag.models.harness.quiet import quietly

pytestmark = pytest.mark.filterwarnings("default")


def noise() -> None:
    """All that libraries do."""
    print("a story")
    print("another", file=sys.stderr)
    logging.getLogger("lm_eval").error("trouble")
    logging.getLogger("datasets.builder").warning("trouble")
    warnings.warn("beware", UserWarning, stacklevel=1)


def test_nothing_is_heard(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    """Neither on standard output, nor on standard error, nor as a warning."""
    with quietly():
        noise()
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize("before", [None, "0", "1"])
def test_the_environment_is_what_it_was(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    """Bars are off inside."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if before is not None:
        monkeypatch.setenv("TQDM_DISABLE", before)
    with quietly():
        assert os.environ["TQDM_DISABLE"] == "1"
    assert os.environ.get("TQDM_DISABLE") == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_errors_go_through(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """And leave streams, levels of loggers and filters of warnings as they were."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    logger = logging.getLogger("lm_eval")
    monkeypatch.setattr(logger, "level", logging.INFO)
    streams, filters = (sys.stdout, sys.stderr), list(warnings.filters)
    with pytest.raises(error), quietly():
        raise error
    assert (sys.stdout, sys.stderr) == streams
    assert warnings.filters == filters
    assert logger.level == logging.INFO
    assert "TQDM_DISABLE" not in os.environ


def test_silences_within_silences(capfd: pytest.CaptureFixture[str]) -> None:
    """The inner one does not end the outer one."""
    with quietly():
        with quietly():
            noise()
        noise()
    print("heard")
    assert capfd.readouterr() == ("heard\n", "")
