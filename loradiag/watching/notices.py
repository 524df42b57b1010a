"""What a notice of an alarm says, in Alertmanager's formats, with a fingerprint by which it is known again.

An address whose path ends in ``/api/v2/alerts`` is an Alertmanager, which takes a list of alerts; any other gets what an
Alertmanager would send it (webhook payload, version 4), so that whatever takes those takes these. No text of a request is sent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loradiag.core.text import printable, shorten
from loradiag.core.times import own_moment, written
from loradiag.core.watching import WatchAlarm

ALERTMANAGER = "/api/v2/alerts"
_NEVER = "0001-01-01T00:00:00Z"
"""The end of what has not ended, as Alertmanager writes it. To itself it would mean: in five minutes, unless sent again."""

_OPEN_DAYS = 365
"""Days for which an Alertmanager is told that an alarm goes on; that it is over is sent when it is."""


class Notice(msgspec.Struct, frozen=True):
    """An alarm that was raised, or is over, and how often it was tried to say so."""

    id: int
    alarm: WatchAlarm
    resolved: bool
    tries: int


def payload(notice: Notice, url: str) -> Any:
    """Return what is sent to an address: a list for an Alertmanager, a webhook payload for others."""
    alert = _alert(notice)
    if urlsplit(url).path.rstrip("/").endswith(ALERTMANAGER):
        if not notice.resolved:
            alert["endsAt"] = _later(notice.alarm.raised)
        return [{key: value for key, value in alert.items() if key not in ("status", "fingerprint")}]
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="LoradiagDrift", adapter={msgspec.json.encode(alert["labels"]["adapter"]).decode()}}}',
        "truncatedAlerts": 0,
        "status": alert["status"],
        "receiver": "loradiag",
        "groupLabels": {"alertname": "LoradiagDrift", "adapter": alert["labels"]["adapter"]},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "",
        "alerts": [alert],
    }


def _later(moment: str) -> str:
    return written(own_moment(moment) + timedelta(days=_OPEN_DAYS))


def _alert(notice: Notice) -> dict[str, Any]:
    alarm = notice.alarm
    name = shorten(printable(alarm.adapter), 120)
    labels = {
        "alertname": "LoradiagDrift",
        "adapter": name,
        "signal": printable(alarm.signal),
        "severity": "critical",
        "alarm": str(alarm.id),
    }
    annotations = {
        "summary": f"The traffic of {name} has drifted" if not notice.resolved else f"The drift of {name} is over",
        "description": printable(alarm.message),
        "e_value": f"{alarm.e_value:.3g}",
        "line": f"{alarm.line:.3g}",
    }
    if alarm.why:
        annotations["why"] = printable(alarm.why)
    alert: dict[str, Any] = {
        "status": "resolved" if notice.resolved else "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": alarm.raised,
        "generatorURL": "",
        "fingerprint": f"{alarm.id:016x}",
    }
    if notice.resolved:
        alert["endsAt"] = alarm.changed or alarm.raised
    else:
        alert["endsAt"] = _NEVER
    return alert
