from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from memmon.errors import BadInput
from memmon.oncall import ical
from memmon.oncall.schedule import Shift

RECURRING = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//team//EN
BEGIN:VEVENT
UID:1
SUMMARY:dana
DTSTART;TZID=Europe/Berlin:20260105T090000
DTEND;TZID=Europe/Berlin:20260106T090000
RRULE:FREQ=WEEKLY;COUNT=10
EXDATE;TZID=Europe/Berlin:20260112T090000
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:lee
DTSTART;VALUE=DATE:20260107
DTEND;VALUE=DATE:20260108
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_events_that_come_again_are_read_as_they_come() -> None:
    actual = ical.read(RECURRING, "Europe/Berlin", at("2026-01-01T00:00:00"), at("2026-01-21T00:00:00"))
    assert [entry.contact for entry in actual] == ["dana", "lee", "dana"]
    assert actual[0].start == at("2026-01-05T08:00:00")
    assert actual[2].start == at("2026-01-19T08:00:00")


def test_a_whole_day_is_one_of_the_schedules_zone() -> None:
    actual = ical.read(RECURRING, "Europe/Berlin", at("2026-01-07T00:00:00"), at("2026-01-08T00:00:00"))
    assert [(entry.start, entry.end) for entry in actual if entry.contact == "lee"] == [
        (at("2026-01-06T23:00:00"), at("2026-01-07T23:00:00"))
    ]


def test_what_is_written_is_read_again_and_keeps_its_identity() -> None:
    shifts = [
        Shift(1000.0, 4600.0, "dana", "rotation"),
        Shift(4600.0, 8200.0, None),
        Shift(8200.0, 9000.0, "lee", "override"),
    ]
    text = ical.write("primary", shifts, 500.0)
    actual = ical.read(text, "UTC", 0.0, 10_000.0)
    assert [(entry.start, entry.end, entry.contact) for entry in actual] == [
        (1000.0, 4600.0, "dana"),
        (8200.0, 9000.0, "lee"),
    ]
    assert ical.write("primary", shifts, 500.0) == text
    assert str(Calendar.from_ical(text).walk("VEVENT")[0]["UID"]) == "primary-1000@memmon"


def test_what_is_no_calendar_is_said() -> None:
    with pytest.raises(BadInput, match="is no calendar"):
        ical.left_out("hello")
    with pytest.raises(BadInput, match="but a VEVENT"):
        ical.left_out("BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n")
    amount = "".join(event(f"DTSTART:20260105T000000Z\nRRULE:FREQ=DAILY\nUID:{n}") for n in range(101))
    with pytest.raises(BadInput, match="more than 100 recurring events"):
        ical.left_out(RECURRING.replace("END:VCALENDAR", f"{amount}END:VCALENDAR"))


def event(lines: str) -> str:
    return f"BEGIN:VEVENT\nSUMMARY:eve\n{lines}\nEND:VEVENT\n".replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("DTEND:20260107T000000Z", "No DTSTART given"),
        ("DTSTART:nonsense\nDTEND:20260107T000000Z", "Wrong date format nonsense"),
        ("DTSTART;VALUE=DATE:20260106\nDTEND:20260107T000000Z", "must be of the same type"),
        ("DTSTART:20260106T000000Z\nRRULE:FREQ=WEEKLY;UNTIL=garbage", "garbage"),
        ("DTSTART:20260106T000000Z\nRRULE:FREQ=NEVER", "NEVER"),
        ("DTSTART:20260106T000000Z\nRRULE:FREQ=SECONDLY", "4 times a day at most"),
        ("DTSTART:20260106T000000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30", "4 times a day at most"),
        ("DTSTART:20260106T000000Z\nRRULE:FREQ=DAILY;INTERVAL=0", "4 times a day at most"),
        ("DTSTART:19000101T000000Z\nRRULE:FREQ=DAILY", "begins before 1970"),
        ("DTSTART:20260106T000000Z\nDTEND:20260107T000000Z\nEXDATE:xx", "xx"),
    ],
)
def test_an_event_that_cannot_be_read_is_left_out_and_named_and_the_others_hold(lines: str, why: str) -> None:
    text = RECURRING.replace("UID:2\r\n", "").replace("END:VCALENDAR", event(lines) + "END:VCALENDAR")
    [output] = ical.left_out(text)
    assert output.startswith("eve: ")
    assert why in output
    actual = ical.read(text, "Europe/Berlin", at("2026-01-01T00:00:00"), at("2026-01-21T00:00:00"))
    assert [entry.contact for entry in actual] == ["dana", "lee", "dana"]


def test_only_what_touches_the_time_is_read() -> None:
    actual = ical.read(RECURRING, "Europe/Berlin", at("2026-01-06T07:59:59"), at("2026-01-06T08:00:00"))
    assert [entry.contact for entry in actual] == ["dana"]
    assert ical.read(RECURRING, "Europe/Berlin", at("2026-01-06T08:00:00"), at("2026-01-06T08:00:01")) == []
