"""The verbs of routing, from where others take them: place and flush, silences, maintenance windows."""

from memmon.routing.flushing import Note, Outbox, flush, record
from memmon.routing.placing import place
from memmon.routing.silences import expire_silence, silence, silences
from memmon.routing.standing import suppressed

__all__ = ["Note", "Outbox", "expire_silence", "flush", "place", "record", "silence", "silences", "suppressed"]
