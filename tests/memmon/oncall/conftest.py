"""The fixtures that on-call shares with incidents."""

from tests.memmon.incidents.conftest import endpoint

__all__ = ["endpoint"]
