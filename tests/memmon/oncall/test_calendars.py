"""Calendars by address: fetched now and then, kept while they are away, and never a reason to page
nobody.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon.config.escalation import Schedule
from memmon.context import Context
from memmon.incidents import service
from memmon.oncall import calendars
from memmon.oncall import service as oncall
from memmon.state import counters
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import a_playbook, fire, paged, run
from tests.memmon.oncall.test_service import ESCALATION, ROUTES

EVENT = "BEGIN:VEVENT\r\nUID:%s\r\nSUMMARY:%s\r\nDTSTART:20251231T000000Z\r\nDTEND:20260102T000000Z\r\nEND:VEVENT\r\n"


def calendar(*events: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n".encode()


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    """Ann is on call by rotation, Bob by the calendar."""
    endpoint.body = calendar(EVENT % (1, "Bob"))
    escalation = (ESCALATION % "nights").replace(
        "    rotations", f"    ical: '{endpoint.url}/private-secret/basic.ics'\n    rotations"
    )
    return configure(playbooks=a_playbook("{action: page}"), routes=ROUTES, escalation=escalation)


def fetch(ctx: Context) -> None:
    """Fetch the due calendars, as workers would."""
    for job in service.due(ctx):
        if job.name == "incidents.calendar":
            calendars.fetch(ctx, *job.args)


def about(ctx: Context) -> tuple[str, str | None, list[str]]:
    """Return the on-call person and the calendar's status."""
    [actual] = oncall.overview(ctx)
    return actual["now"]["contact"], actual["calendar"]["error"], actual["calendar"]["left_out"]


def test_an_address_says_who_is_on_call_also_while_it_is_away(ready: Context, endpoint: Endpoint, clock: Clock) -> None:
    assert about(ready) == ("ann", "it was not fetched yet", [])
    fetch(ready)
    assert about(ready) == ("bob", None, [])
    endpoint.status = 503
    clock.move(900)
    fetch(ready)
    assert about(ready) == ("bob", "127.0.0.1 answered with 503", [])
    fire(ready)
    run(ready, service.correlate(ready))
    assert paged(ready) == ["bob-phone"]
    assert any(
        dict(entry.labels)["__name__"] == "memmon_calendars_failed_total" for entry in counters.read(ready.redis)
    )


def test_it_is_asked_every_quarter_of_an_hour_and_each_minute_after_a_failure(
    ready: Context, endpoint: Endpoint, clock: Clock
) -> None:
    def asked(minutes: int) -> int:
        before = len(endpoint.calls)
        for _ in range(minutes):
            clock.move(60)
            fetch(ready)
            fetch(ready)
        return len(endpoint.calls) - before

    assert asked(30) == 2
    endpoint.status = 404
    assert asked(30) == 30
    endpoint.status = 200
    assert asked(15) == 1


@pytest.mark.parametrize(
    ("status", "body", "output"),
    [
        (200, b"<html>Sign in</html>", "127.0.0.1: its answer is no calendar"),
        (200, b"", "127.0.0.1: its answer is no calendar"),
        (302, b"", "127.0.0.1 answered with 302, and redirects are not followed"),
        (200, calendar("X" * (1 << 20)), "larger than 1048576 bytes"),
        (200, b"BEGIN:VEVENT\r\nEND:VEVENT", "but a VEVENT"),
    ],
)
def test_what_is_no_calendar_leaves_the_one_that_was_there(
    ready: Context, endpoint: Endpoint, clock: Clock, status: int, body: bytes, output: str
) -> None:
    fetch(ready)
    endpoint.status, endpoint.body = status, body
    clock.move(900)
    fetch(ready)
    caller, error, _ = about(ready)
    assert caller == "bob"
    assert output in str(error)
    assert "secret" not in str(error)


def test_what_names_no_contact_is_left_out_and_said(ready: Context, endpoint: Endpoint) -> None:
    broken = "BEGIN:VEVENT\r\nUID:9\r\nSUMMARY:bob\r\nDTEND:20260102T000000Z\r\nEND:VEVENT\r\n"
    endpoint.body = calendar(EVENT % (1, "Team lunch"), broken)
    fetch(ready)
    caller, error, left_out = about(ready)
    assert (caller, error) == ("ann", None)
    assert left_out == ["bob: IncompleteComponent: No DTSTART given.", "Team lunch: is no contact"]


def test_another_address_is_another_calendar(
    ready: Context, endpoint: Endpoint, configure: Callable[..., Context]
) -> None:
    fetch(ready)
    escalation = (ESCALATION % "nights").replace("    rotations", f"    ical: {endpoint.url}/other.ics\n    rotations")
    moved = configure(playbooks=a_playbook("{action: page}"), routes=ROUTES, escalation=escalation)
    assert about(moved) == ("ann", "it was not fetched yet", [])
    calendars.fetch(moved, "primary")
    assert about(moved) == ("bob", None, [])
    assert endpoint.paths() == ["GET /private-secret/basic.ics", "GET /other.ics"]
    calendars.fetch(moved, "gone")  # A schedule that was taken out of the configuration meanwhile.


@pytest.mark.parametrize(
    ("ical", "url"),
    [
        ("webcal://example.org/a.ics", "https://example.org/a.ics"),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:1/a"),
        ("team.ics", None),
        ("file:///etc/passwd", None),
        (None, None),
    ],
)
def test_what_is_an_address(ical: str | None, url: str | None) -> None:
    assert Schedule(name="a", ical=ical).calendar_url == url
