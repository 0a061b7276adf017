"""escalation.yml: escalation chains, contacts and on-call schedules."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from memmon.config.intervals import Minute, TimeInterval, Weekdays
from memmon.config.model import Seconds, Section, distinct
from memmon.config.playbooks import Severity


class Contact(Section):
    """A person: the receivers of routes.yml that reach them."""

    name: str = Field(min_length=1, max_length=64)
    receivers: tuple[str, ...] = Field(min_length=1)
    phone: str = ""


class Level(Section):
    """One level of an escalation chain, paged `after` the opening: `receivers` of routes.yml,
    `contacts`, and the `on_call` person of a schedule. Without any, the environment's e-mail and
    webhook and the root route's receiver are paged. With `repeat` the level is paged again until
    the next level is due. `severities` and `hours` (names of time intervals) restrict the incidents
    and times of the level.
    """

    name: str
    after: Seconds = Field(ge=0)
    receivers: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    hours: tuple[str, ...] = ()
    repeat: Seconds | None = Field(None, ge=30)
    contact: str = ""


class Chain(Section):
    """Levels in rising order of `after`; the last one repeats every `repeat` until someone
    acknowledges. The acknowledging person is reminded every `remind`; without activity for
    `unacknowledge`, escalation resumes.
    """

    name: str
    levels: tuple[Level, ...] = Field(min_length=1)
    repeat: Seconds = Field(1800.0, gt=0)
    remind: Seconds = Field(1800.0, gt=0)
    unacknowledge: Seconds = Field(7200.0, gt=0)

    @model_validator(mode="after")
    def _levels_rise(self) -> Chain:
        times = [level.after for level in self.levels]
        if times != sorted(times):
            raise ValueError(f"the levels of {self.name} must come in the order of their times")
        return self


def _turn(value: Any) -> Any:
    return {"daily": 1, "weekly": 7}.get(value, value) if isinstance(value, str) else value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone like Europe/Berlin") from None
    return value


class Hours(Section):
    """A part of the week, in the schedule's zone. Where `to` is not after `from` it ends on the
    next day.
    """

    weekdays: Weekdays = (0, 6)
    start: Minute = Field(0, alias="from")
    end: Minute = Field(1440, alias="to")


class Rotation(Section):
    """Members who rotate `daily`, `weekly` or after a number of days from the date `start`, at the
    local time `handover`; optionally only within `hours`.
    """

    members: tuple[str, ...] = Field(min_length=1)
    start: date
    turn: Annotated[int, BeforeValidator(_turn), Field(ge=1, le=366)] = 7
    handover: Minute = 540
    hours: tuple[Hours, ...] = ()


class Override(Section):
    """One person instead of who would be, [from, to). Times without an offset are local ones."""

    contact: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")

    @model_validator(mode="after")
    def _ends_later(self) -> Override:
        if self.end.replace(tzinfo=None) <= self.start.replace(tzinfo=None):
            raise ValueError("to must be after from")
        return self


CALENDAR_SCHEMES = {"http": "http", "https": "https", "webcal": "https"}


class Schedule(Section):
    """Who is on call: rotations, of which a later one goes before an earlier one where it has
    hours; the events of the iCalendar `ical`, a file or an address, whose summaries are contacts,
    before them; and overrides before all.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Override, ...] = ()
    ical: str | None = None
    _calendar: str | None = PrivateAttr(None)

    @property
    def calendar(self) -> str | None:
        """The text of the file `ical`, once it was read."""
        return self._calendar

    @property
    def calendar_url(self) -> str | None:
        """The address that `ical` is, if it is one."""
        scheme, mark, address = (self.ical or "").partition("://")
        return f"{CALENDAR_SCHEMES[scheme]}://{address}" if mark and scheme in CALENDAR_SCHEMES else None

    def with_calendar(self, text: str) -> Schedule:
        """Return this schedule with the text of its file."""
        copy = self.model_copy()
        copy._calendar = text
        return copy


class Escalation(Section):
    """Every chain, and who is on call."""

    chains: tuple[Chain, ...] = ()
    contacts: tuple[Contact, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    time_intervals: tuple[TimeInterval, ...] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Escalation:
        distinct("chains", self.chains)
        distinct("contacts", self.contacts)
        distinct("schedules", self.schedules)
        distinct("time_intervals", self.time_intervals)
        return self

    def contact(self, name: str) -> Contact | None:
        """Return the contact called `name`."""
        return next((contact for contact in self.contacts if contact.name == name), None)

    def schedule(self, name: str) -> Schedule | None:
        """Return the schedule called `name`."""
        return next((schedule for schedule in self.schedules if schedule.name == name), None)
