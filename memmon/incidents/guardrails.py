"""Pure: decides from past runs whether an action may run now, must wait, or is refused.

The limits are those of the action's kind (`limits` in playbooks.yml): cooldown by subject, rate
limit, a circuit breaker over failures (Nygard, *Release It!*), and a blast radius: at most a share
of the instances of a kind at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memmon.config.guardrails import Limit, Never
from memmon.incidents.actions.base import Subject

AGAIN = 5.0
"""Seconds until a waiting action is checked again."""

AFTERMATH = 30.0
"""Seconds after an action for which its subject is not yet counted on: it may still be coming up.
"""


class PastAction(NamedTuple):
    """An action of the same kind that was begun: done, failed or running; times are Unix
    seconds.
    """

    subject: str
    kin: str
    state: str
    started_at: float
    finished_at: float | None


class Hold(NamedTuple):
    """It waits until `at`."""

    at: float
    why: str


class Refusal(NamedTuple):
    """It is not done."""

    why: str


def reach(limit: Limit) -> float:
    """Return how many seconds back the past of an action matters."""
    return max(limit.cooldown, limit.window, limit.rest, AFTERMATH)


def forbidden(never: Iterable[Never], action: str, subject: Subject) -> Refusal | None:
    """Return why an action is never done to a subject, or None."""
    for deny_entry in never:
        if deny_entry.forbids(action, subject.target, subject.name):
            subject_name = subject.name or subject.target
            return Refusal(
                f"{subject_name} is on the deny list" + (f": {deny_entry.reason}" if deny_entry.reason else "")
            )
    return None


def judge(
    limit: Limit, subject: Subject, past: Sequence[PastAction], now: float, held_since: float | None
) -> Hold | Refusal | None:
    """Return why an action waits or is refused, None when it may be done now; `held_since` says
    since when it waits.
    """
    # Runs without a subject, such as pages, are never repeats of each other.
    same = [past_action for past_action in past if past_action.subject == subject.name] if subject.name else []
    return (
        _too_often(limit, past, now)
        or _broken(limit, past, now)
        or _cooling(limit, same, now)
        or _patient(limit, _busy(same, now) or _too_wide(limit, subject, past, now), now, held_since)
    )


def _cooling(limit: Limit, same: Iterable[PastAction], now: float) -> Hold | Refusal | None:
    """A cooldown that is over soon is waited for."""
    last = max((past_action.finished_at for past_action in same if past_action.finished_at is not None), default=None)
    if last is None or not last > now - limit.cooldown:
        return None
    why = f"it was done {max(0, now - last):.0f} s ago, and is done every {limit.cooldown:g} s at most"
    again = last + limit.cooldown
    return Hold(again, why) if again - now <= limit.patience else Refusal(why)


def _too_often(limit: Limit, past: Iterable[PastAction], now: float) -> Refusal | None:
    begun = sum(past_action.started_at > now - limit.window for past_action in past)
    if limit.most is None or begun < limit.most:
        return None
    return Refusal(f"it was done {begun} times within {limit.window:g} s, and is done {limit.most} times at most")


def _broken(limit: Limit, past: Iterable[PastAction], now: float) -> Refusal | Hold | None:
    if limit.failures is None:
        return None
    ended = sorted(
        (past_action for past_action in past if past_action.finished_at is not None),
        key=lambda past_action: past_action.finished_at or 0.0,
    )
    streak = 0
    for past_action in reversed(ended):
        if past_action.state != "failed":
            break
        streak += 1
    if streak < limit.failures:
        return None
    last = ended[-1].finished_at or 0.0
    if last > now - limit.rest:
        return Refusal(f"it failed {streak} times on end, and is left alone for {limit.rest:g} s")
    trial = any(past_action.finished_at is None for past_action in past)
    return Hold(now + AGAIN, "another one tries whether it works again") if trial else None


def _busy(same: Iterable[PastAction], now: float) -> Hold | None:
    running = any(past_action.finished_at is None for past_action in same)
    return Hold(now + AGAIN, "it is being done by another incident") if running else None


def _too_wide(limit: Limit, subject: Subject, past: Iterable[PastAction], now: float) -> Hold | None:
    if limit.share is None or not subject.kin:
        return None
    busy_targets = {
        past_action.subject
        for past_action in past
        if past_action.kin == subject.kin
        and past_action.subject != subject.name
        and (past_action.finished_at is None or past_action.finished_at > now - AFTERMATH)
    }
    most = max(1, int(limit.share * subject.size))
    if len(busy_targets) < most:
        return None
    return Hold(
        now + AGAIN, f"{len(busy_targets)} of {subject.size} {subject.kin} are acted on already, and {most} may be"
    )


def _patient(limit: Limit, hold: Hold | None, now: float, held_since: float | None) -> Hold | Refusal | None:
    if hold is None or held_since is None or now - held_since < limit.patience:
        return hold
    return Refusal(f"{hold.why}, for {now - held_since:.0f} s by now")
