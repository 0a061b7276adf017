"""kombu's Redis channel, mended for a broker that goes away while tasks run.

A lost connection is taken apart at once, but the tasks that came through it go on, and each
acknowledges its message through the channel that it came from. kombu 5.7 then asks the lost
connection for its address, and the AttributeError ends the whole worker. A message in Redis is not
bound to a connection: a channel that remembers the address acknowledges it through a new one.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class ReconnectingChannel(redis.Channel):  # type: ignore[misc]
    """Remembers how Redis is reached when its connection is no more."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is not None and self.connection.client is not None:
            self._address = {kind: super(ReconnectingChannel, self)._connparams(kind) for kind in (True, False)}
        return dict(self._address[asynchronous])


def patch_kombu() -> None:
    """Put the mended channel in the place of kombu's."""
    redis.Transport.Channel = ReconnectingChannel
