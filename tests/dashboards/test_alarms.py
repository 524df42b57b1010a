"""The page of alarms: who may settle them, and that what is settled here stands in the watch's own file."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from loradiag_dashboard.parts.plain import md
from streamlit.testing.v1 import AppTest

from loradiag import alarms, settle_alarm, watched
from loradiag.cli.drift.alarms import alarms as command_line
from loradiag.core.errors import InputError
from loradiag.core.watching import WatchAlarm
from tests.dashboards.conftest import Show
from tests.dashboards.putting import put, said
from tests.outputs import traffic_reports
from tests.outputs.samples import HOSTILE, RAW
from tests.watching.making import watcher, write, write_baseline

NAMES = ("support", "billing")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A lake, a watch, and an open alarm of two adapters each."""
    return alarmed(tmp_path, *NAMES)


def alarmed(folder: Path, *names: str) -> Path:
    """Adapters whose requests are of another domain than what they were made for."""
    for place, name in enumerate(names):
        write_baseline(folder / "baselines" / str(place), name)
        write(folder / "lake", 80, adapter=name, domain=3, seed=place)
    run = watcher(folder)
    assert len(run.poll().raised) == len(names)
    run.state.close()
    return folder


def state(place: Path) -> Path:
    """Of the watch."""
    return place / "watch.sqlite"


def of(place: Path, number: int) -> WatchAlarm:
    """An alarm as everybody else reads it."""
    return next(one for one in alarms(state=state(place), every=True) if one.id == number)


def page_of(show: Show, place: Path, *, writes: bool = True, **parameters: str) -> AppTest:
    """The page over a watch."""
    return show("alarms", traffic=place / "lake", watch=state(place), allow_writes=writes, **parameters)


def settle(page: AppTest, number: int, word: str, by: str = "ann", why: str = "retraining on Friday") -> AppTest:
    """Fill a form and press one of its buttons."""
    page.text_input(f"by-{number}").input(by)
    page.text_input(f"why-{number}").input(why)
    page.button(f"{word}-{number}").click().run()
    assert not page.exception
    return page


def test_a_dashboard_is_read_only(show: Show, place: Path) -> None:
    """Unless it was started with --allow-writes: no form, no button, but the command, which works as it stands."""
    page = page_of(show, place, writes=False)
    assert not page.text_input
    assert not page.button
    assert "read-only" in said(page)
    commands = [code.value for code in page.code]
    assert [command.split(" --why ")[0] for command in commands] == [
        f"loradiag drift alarms --lake {place / 'lake'} --state {state(place)} --acknowledge {number}"
        for number in (2, 1)
    ]
    done = CliRunner().invoke(command_line, shlex.split(commands[0])[3:])
    assert done.exit_code == 0, done.output
    assert of(place, 2).status == "acknowledged"
    again = page_of(show, place, writes=False)
    assert any("--resolve 2" in code.value for code in again.code)


def test_an_alarm_is_acknowledged(show: Show, place: Path) -> None:
    """By whom and why stands in the file of the watch, and on the page at once; the other alarm is as it was."""
    page = settle(page_of(show, place), 1, "acknowledged")
    found = of(place, 1)
    assert (found.status, found.by, found.why) == ("acknowledged", "ann", "retraining on Friday")
    assert found.changed is not None
    assert of(place, 2).status == "open"
    assert page.success[0].value == "Alarm 1 of support is acknowledged\\."
    assert "by **ann**: retraining on Friday" in said(page)
    assert [metric.value for metric in page.metric[:3]] == ["1", "1", "0"]
    assert [element.value for element in page.subheader] == ["Open", "Acknowledged"]


def test_an_alarm_is_resolved(show: Show, place: Path) -> None:
    """It stands in the table with its reason, and the adapter is watched anew, with what is left of the budget."""
    before = watched(state=state(place)).totals.budget_left
    page = settle(page_of(show, place), 2, "resolved", why="routes were mended")
    assert of(place, 2).status == "resolved"
    table = page.dataframe[0].value
    assert list(table["why resolved"]) == ["routes were mended"]
    assert list(table["adapter"]) == ["billing"]
    assert not any(button.key == "resolved-2" for button in page.button)
    run = watcher(place)
    run.poll()
    after = watched(state=state(place)).totals.budget_left
    assert after < before
    shown = page_of(show, place)
    assert shown.metric[3].value == f"{after:.0%}"


@pytest.mark.parametrize(
    ("by", "why", "missing"), [("ann", "  ", "why"), ("", "x", "who you are"), (" ", "", "who you are and why")]
)
def test_nothing_is_settled_without_a_reason(show: Show, place: Path, by: str, why: str, missing: str) -> None:
    """Nor without a name: one line says what is missing, and nothing has changed."""
    page = settle(page_of(show, place), 1, "acknowledged", by=by, why=why)
    assert page.error[0].value == f"Alarm 1 is as it was\\: say {missing}\\."
    assert of(place, 1).status == "open"


def test_the_name_is_remembered(show: Show, place: Path) -> None:
    """In all forms of the session, also after somebody else took over; the reason is asked for anew."""
    page = settle(page_of(show, place), 1, "acknowledged", by="ann")
    assert page.text_input("by-2").value == page.text_input("by-1").value == "ann"
    assert page.text_input("why-1").value == ""
    settle(page, 1, "resolved", by="jon", why="")
    assert page.text_input("by-2").value == "jon"


@pytest.mark.parametrize("word", ["acknowledged", "resolved"])
def test_what_somebody_has_resolved_stays_so(show: Show, place: Path, word: str) -> None:
    """Whoever comes second is told who was first and why, whatever they wanted."""
    page = page_of(show, place)
    settle_alarm(1, "resolved", by="jon", why="a campaign", state=state(place))
    settle(page, 1, word)
    refusal = f"{state(place)}: alarm 1 is resolved already, by jon: a campaign; it needs no more attention"
    assert page.error[0].value == md(f"Nothing was changed: {refusal}.")
    assert (of(place, 1).by, of(place, 1).why) == ("jon", "a campaign")


def test_what_somebody_deals_with_is_not_taken_over(show: Show, place: Path) -> None:
    """Not by an acknowledgement that came second, which is refused as everywhere else; but it can be resolved."""
    page = page_of(show, place)
    settle_alarm(1, "acknowledged", by="eve", why="on it", state=state(place))
    settle(page, 1, "acknowledged")
    with pytest.raises(InputError) as refused:
        settle_alarm(1, "acknowledged", by="jon", why="me too", state=state(place))
    assert "alarm 1 is acknowledged already, by eve: on it" in str(refused.value)
    assert page.error[0].value == md(f"Nothing was changed: {refused.value}.")
    assert (of(place, 1).by, of(place, 1).why) == ("eve", "on it")
    settle(page, 1, "resolved")
    assert (of(place, 1).status, of(place, 1).by) == ("resolved", "ann")


def test_texts_of_strangers_are_shown_as_they_are(show: Show, tmp_path: Path) -> None:
    """Names of adapters, of people, and reasons: no Markdown, no HTML, no control characters, no formula in the table."""
    place = alarmed(tmp_path, HOSTILE, "=cmd()")
    page = settle(page_of(show, place), 1, "acknowledged", by=HOSTILE[:79], why=HOSTILE)
    settle(page, 2, "resolved", by="=1+1", why="=2+2")
    for element in (*page.markdown, *page.caption, *page.success, *page.error):
        assert "<script>" not in element.value
        assert "[a](" not in element.value
        assert RAW.search(element.value.replace("\n", "")) is None
    row = page.dataframe[0].value.iloc[0]
    assert (row["adapter"], row["by"], row["why resolved"]) == ("'=cmd()", "'=1+1", "'=2+2")
    known = of(place, 1)
    assert known.why is not None
    assert RAW.search(known.why) is None
    assert "\\<script\\>alert\\(1\\)" in said(page)


def test_filters_are_in_the_address(show: Show, place: Path) -> None:
    """By adapter and by state; where none is left, the page says so."""
    settle_alarm(1, "resolved", by="jon", why="a campaign", state=state(place))
    billing = page_of(show, place, of="billing")
    assert [element.value for element in billing.subheader] == ["Open"]
    assert "**billing**" in said(billing)
    over = page_of(show, place, **{"alarm-state": "resolved"})
    assert [element.value for element in over.subheader] == ["Resolved"]
    assert list(over.dataframe[0].value["alarm"]) == [1]
    none = page_of(show, place, of="billing", **{"alarm-state": "resolved"})
    assert "No alarm is left" in said(none)
    assert [metric.value for metric in none.metric[:3]] == ["1", "0", "1"]


def test_numbers_are_those_of_the_watch(show: Show, place: Path) -> None:
    """The evidence of each alarm beside its line, and the totals."""
    page = page_of(show, place)
    told = watched(state=state(place)).totals
    assert page.metric[5].value == f"{told.requests:,}" == "160"
    text = said(page)
    for number in (1, 2):
        alarm = of(place, number)
        assert f"by {alarm.requests:,} requests that count" in text
        assert f"where {alarm.line:.0f} alarms".replace(".", "\\.") in text


def test_no_watch(show: Show, tmp_path: Path) -> None:
    """What to run, with the lake as it is; also where there is no lake at all."""
    write(tmp_path / "lake", 5)
    page = show("alarms", traffic=tmp_path / "lake")
    assert "No watch" in said(page)
    assert page.code[0].value == f"loradiag drift watch --baseline baselines/ --lake {tmp_path / 'lake'}"
    put(tmp_path / "reports", traffic_reports.steady()[0])
    assert "--lake lake/" in show("alarms", reports=tmp_path / "reports").code[0].value


def test_nothing_is_open(show: Show, tmp_path: Path) -> None:
    """A watch that is calm says so."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 80)
    run = watcher(tmp_path)
    assert not run.poll().raised
    page = page_of(show, tmp_path)
    assert page.success[0].value == "No alarm is open."
    assert not page.text_input


@pytest.mark.models
def test_the_demonstration_has_all_three(show: Show, made: Path) -> None:
    """Open, acknowledged and resolved, each with a way to its traffic."""
    page = show("alarms", traffic=made / "lake", reports=made / "reports")
    assert [element.value for element in page.subheader] == ["Open", "Acknowledged", "Resolved"]
    assert [metric.value for metric in page.metric[:3]] == ["1", "1", "1"]
    assert len([link for link in page.get("page_link") if link.proto.label == "Traffic"]) == 2


def test_a_watch_that_sleeps_is_told(show: Show, place: Path) -> None:
    """One that looked every second and then no more; not one that was started once."""
    assert not page_of(show, place).warning
    run = watcher(place)
    run.poll()
    run.totals.started, run.totals.polled = "2026-11-01T00:00:00Z", "2026-11-01T00:00:10Z"
    with run.state.change():
        run.state.keep_totals(run.totals)
    assert "is it still at work?" in page_of(show, place).warning[0].value


@pytest.mark.parametrize("page", ["alarms", "traffic"])
def test_addresses_of_others_do_no_harm(show: Show, place: Path, page: str) -> None:
    """What an address names that is not there is as if it named nothing."""
    odd = {
        "of": "nobody",
        "alarm-state": "gone",
        "range": "1 year",
        "signals": HOSTILE,
        "measures": "x",
        "adapter": HOSTILE,
    }
    found = show(page, traffic=place / "lake", watch=state(place), **odd)
    assert "No alarm is left" not in said(found)
    assert found.subheader
