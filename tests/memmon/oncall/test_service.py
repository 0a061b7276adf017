"""Who is on call: as configured, as overridden by hand, as paged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon.context import Context
from memmon.errors import BadConfig, BadInput, NotFound
from memmon.incidents import service
from memmon.oncall import service as oncall
from tests.conftest import Clock
from tests.memmon.incidents.story import a_playbook, fire, only, paged, run, texts

ROUTES = """
route: {receiver: default}
receivers: [{name: default, log_configs: [{}]}, {name: ann-phone, log_configs: [{}]}, {name: bob-phone, log_configs: [{}]}]
time_intervals: [{name: nights, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]
"""
ESCALATION = """
contacts:
  - {name: ann, receivers: [ann-phone], phone: '+1 555 0100'}
  - {name: bob, receivers: [bob-phone]}
schedules:
  - name: primary
    timezone: Europe/Berlin
    rotations: [{members: [ann, bob], start: 2025-12-01, turn: daily, handover: '09:00'}]
chains:
  - name: operations
    levels:
      - {name: On call, after: 0s, on_call: [primary]}
      - {name: Bob, after: 30s, contacts: [bob], hours: [%s]}
      - {name: Everybody, after: 60s, severities: [critical]}
time_intervals: [{name: days, time_intervals: [{times: [{start_time: '06:00', end_time: '24:00'}]}]}]
"""


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Callable[..., Context]) -> Context:
    return configure(playbooks=a_playbook("{action: page}"), routes=ROUTES, escalation=ESCALATION % "nights")


def test_who_is_on_call_is_paged_and_named(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    assert paged(ready) == ["ann-phone"]  # Since 2025-12-31T09:00, the thirtieth day.
    assert "on call: ann" in texts(only(ready), "page")[0]
    levels = only(ready)["escalation"]["levels"]
    assert [(level["people"], level["receivers"]) for level in levels] == [
        (["ann"], ["ann-phone"]), (["bob"], ["bob-phone"]), ([], ["default"])
    ]  # fmt: skip


def test_an_override_by_hand_goes_before_the_rotation_and_can_be_withdrawn(ready: Context, clock: Clock) -> None:
    now = ready.now()
    override = oncall.override(ready, "primary", "bob", now, now + 3600, "dana")
    assert oncall.overview(ready)[0]["now"]["contact"] == "bob"
    fire(ready)
    run(ready, service.correlate(ready))
    assert paged(ready) == ["bob-phone"]
    oncall.withdraw(ready, override["id"], "dana")
    assert oncall.overview(ready)[0]["now"] | {"start": 0, "end": 0} == {
        "contact": "ann", "why": "rotation", "start": 0, "end": 0, "phone": "+1 555 0100", "receivers": ["ann-phone"]
    }  # fmt: skip
    with pytest.raises(NotFound):
        oncall.withdraw(ready, override["id"], "dana")


@pytest.mark.parametrize(
    ("contact", "start", "end", "wrong"),
    [("eve", 0, 60, "contact"), ("bob", 60, 60, "end"), ("bob", -7200, -3600, "end"), ("bob", 0, 400 * 86400, "end")],
)
def test_an_override_that_cannot_be_is_refused(
    ready: Context, contact: str, start: float, end: float, wrong: str
) -> None:
    with pytest.raises(BadInput) as error:
        oncall.override(ready, "primary", contact, ready.now() + start, ready.now() + end, "dana")
    assert error.value.field == wrong
    with pytest.raises(NotFound, match="there are: primary"):
        oncall.override(ready, "nothing", "bob", ready.now(), ready.now() + 60, "dana")


def test_a_level_is_one_for_its_severities_and_in_its_hours(configure: Callable[..., Context], clock: Clock) -> None:
    ctx = configure(playbooks=a_playbook("{action: page}"), routes=ROUTES, escalation=ESCALATION % "days")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    clock.move(31)
    run(ctx, service.due(ctx))
    # It is midnight: Bob's level does not apply, and the last one is for critical incidents.
    assert paged(ctx) == ["ann-phone", "ann-phone"]
    clock.move(7 * 3600)
    run(ctx, service.due(ctx))
    assert paged(ctx)[-1] == "bob-phone"


def test_shifts_and_their_calendar(ready: Context) -> None:
    schedule = oncall.schedule(ready, "primary", 3)
    assert [entry["contact"] for entry in schedule["shifts"]] == ["ann", "bob", "ann", "bob"]
    assert schedule["gaps"] == []
    text = oncall.calendar(ready, "primary", 3)
    assert text.count("BEGIN:VEVENT") == 4
    assert "SUMMARY:ann" in text


def test_a_calendar_file_says_who_is_on_call(configure: Callable[..., Context], ctx: Context) -> None:
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    event = "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:bob\r\nDTSTART:20251231T000000Z\r\nDTEND:20260102T000000Z\r\nEND:VEVENT"
    (folder / "team.ics").write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}\r\nEND:VCALENDAR\r\n")
    ready = configure(
        routes=ROUTES, escalation=(ESCALATION % "nights").replace("    rotations", "    ical: team.ics\n    rotations")
    )
    assert oncall.overview(ready)[0]["now"]["why"] == "calendar"
    assert oncall.overview(ready)[0]["now"]["contact"] == "bob"


@pytest.mark.parametrize(
    ("old", "new", "output"),
    [
        ("members: [ann, bob]", "members: [ann, eve]", "eve is no contact"),
        ("on_call: [primary]", "on_call: [nothing]", "no schedule nothing in escalation.yml"),
        ("contacts: [bob]", "contacts: [eve]", "no contact eve in escalation.yml"),
        ("hours: [nights]", "hours: [noon]", "no time interval noon in escalation.yml"),
        ("[ann-phone]", "[nothing]", "no receiver nothing in routes.yml"),
    ],
)
def test_what_is_named_and_not_there_is_said(
    configure: Callable[..., Context], old: str, new: str, output: str
) -> None:
    ctx = configure(routes=ROUTES, escalation=(ESCALATION % "nights").replace(old, new))
    with pytest.raises(BadConfig, match=output):
        service.check(ctx.config)


def test_a_calendar_that_is_not_there_or_none_is_said(configure: Callable[..., Context], ctx: Context) -> None:
    text = (ESCALATION % "nights").replace("    rotations", "    ical: team.ics\n    rotations")
    with pytest.raises(BadConfig, match=r"there is no file team.ics"):
        configure(routes=ROUTES, escalation=text)
    (ctx.settings.config_folder / "team.ics").write_text("hello")
    ready = configure(routes=ROUTES, escalation=text)
    with pytest.raises(BadConfig, match=r"team.ics: ical: is no calendar"):
        service.check(ready.config)
    event = "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:bob\r\nDTEND:20260102T000000Z\r\nEND:VEVENT"
    (ctx.settings.config_folder / "team.ics").write_text(f"BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n")
    ready.reload_config()
    with pytest.raises(BadConfig, match=r"team.ics: bob: .*No DTSTART"):
        service.check(ready.config)
