"""What the answer of a query is to be read with."""

from __future__ import annotations


class Notes:
    """Warnings (the answer may be wrong) and infos (the question may be), each text once, in the order in which they came."""

    def __init__(self) -> None:
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, text: str) -> None:
        """Add a warning."""
        self._warnings[text] = None

    def inform(self, text: str) -> None:
        """Add an info."""
        self._infos[text] = None

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""
        return list(self._warnings)

    @property
    def infos(self) -> list[str]:
        """The infos so far."""
        return list(self._infos)
