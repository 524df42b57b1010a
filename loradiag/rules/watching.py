"""LD813 and LD814: alarms of the watch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.findings import Severity
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import printable, shorten
from loradiag.core.watching import AlarmStatus, WatchAlarm

_SOURCE = (
    "e-processes (Ville 1939; Ramdas, Grünwald, Vovk and Shafer 2023), e-BH over adapters (Wang and Ramdas 2022): the chance "
    "that a watch ever alarms without drift is at most its alpha"
)


def _alarms(evidence: Evidence, status: AlarmStatus) -> Iterator[WatchAlarm]:
    watch = evidence.measurements.watch
    for alarm in watch.alarms if watch else ():
        if alarm.status == status:
            yield alarm


def _told(alarm: WatchAlarm) -> str:
    return f"alarm {alarm.id} of {alarm.raised}, {alarm.signal}: {printable(alarm.message)}"


@rule(
    "LD813",
    "drift-alarm",
    Severity.ERROR,
    source=_SOURCE,
    advice="Look at the exemplars of 'loradiag drift check'; acknowledge it: loradiag drift alarms --acknowledge ID.",
)
def drift_alarm(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The watch has raised an alarm that nobody has acknowledged: traffic or answers have drifted.

    ## Why it matters
    A check that is repeated every day alarms sooner or later, drift or not; so its alarms are soon ignored. This one has a
    budget for all time: without drift, the chance that the watch ever alarms, for any adapter, is at most its alpha.

    ## How sure
    Evidence is an e-value: what a gambler has won who bets that requests are not what they should be. It alarms where it has
    reached its line, which is the inverse of the adapter's share of the budget. Novel requests up to 8%, and a change of the
    mix up to Cohen's w of 0.2, each with room for the sampling error of the baseline, win nothing.

    ## What to do
    ``loradiag drift check`` shows what kind of drift it is, with exemplars, and where these requests belong. An alarm resolves
    by itself once the last 200 requests are within what is tolerated, or where the baseline is made again; ``loradiag drift
    alarms`` acknowledges and resolves by hand.
    """
    for alarm in _alarms(evidence, "open"):
        yield Match(
            f"{_told(alarm)}; e-value {alarm.e_value:.3g}, line {alarm.line:.3g}",
            modules=[alarm.signal],
            observed=alarm.e_value,
            threshold=alarm.line,
            about=f"alarm {alarm.id}",
        )


@rule(
    "LD814",
    "acknowledged-alarm",
    Severity.INFO,
    source=_SOURCE,
    advice="Resolve it when it has been dealt with: loradiag drift alarms --resolve ID.",
)
def acknowledged_alarm(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An alarm is known and being dealt with.

    ## Why it matters
    While it is not resolved its adapter cannot alarm again: further drift would go unnoticed.

    ## What to do
    Resolve it, or make the baseline anew from what users ask now.
    """
    for alarm in _alarms(evidence, "acknowledged"):
        by = f" by {shorten(printable(alarm.by), 60)}" if alarm.by else ""
        why = f": {shorten(printable(alarm.why), 120)}" if alarm.why else ""
        yield Match(f"{_told(alarm)}; acknowledged{by}{why}", modules=[alarm.signal], about=f"alarm {alarm.id}")
