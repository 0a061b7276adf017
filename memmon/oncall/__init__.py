"""On-call: schedules, rotations, overrides and calendars."""
