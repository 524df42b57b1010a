"""Reports in a word or two each, for overviews: how to deploy, what was forgotten, what became of the traffic."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.outputs.canary import in_short as canary
from loradiag.outputs.comparing import in_short as compared
from loradiag.outputs.deploying import deploys
from loradiag.outputs.fleet import in_short as fleet
from loradiag.outputs.forgetting import in_short as forgot
from loradiag.outputs.learning import in_short as learned
from loradiag.outputs.registered import in_short as registered
from loradiag.outputs.served import in_short as served
from loradiag.outputs.traffic import in_short as traffic
from loradiag.outputs.watch import in_short as watch


def in_words(reports: Sequence[Report]) -> list[tuple[str, list[str]]]:
    """Titles, each with words on every report, safe to show; what no report was asked about is left out."""
    every = (
        ("deploy as", deploys(reports)),
        ("forgot", forgot(reports)),
        ("traffic", traffic(reports)),
        ("watch", watch(reports)),
        ("canary", canary(reports)),
        ("trajectory", learned(reports)),
        ("compared", compared(reports)),
        ("stage", registered(reports)),
        ("served", served(reports)),
        ("fleet", fleet(reports)),
    )
    return [(title, said) for title, said in every if said]
