"""The verbs of routing, from where others take them: place and flush, silences, maintenance
windows.
"""

from memmon.routing.alert_status import suppressed
from memmon.routing.dispatcher import place
from memmon.routing.group_flush import LogEntry, Outbox, flush, record
from memmon.routing.silences import expire_silence, silence, silences

__all__ = ["LogEntry", "Outbox", "expire_silence", "flush", "place", "record", "silence", "silences", "suppressed"]
