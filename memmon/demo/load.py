"""A light load: real HTTP requests to the demo, as from a few hundred users of the internet."""

from __future__ import annotations

import http.client
import json
import random
import threading
from typing import Any
from urllib.parse import quote

DRIVERS = 3
"""Side by side, so that requests go on while some wait for a slow database."""
PAUSE = 0.7
"""Mean seconds between two requests of a driver: about four a second in all."""
FIRST = 0.5
TIMEOUT = 10.0

SUBJECTS = (
    *("tea", "coffee", "bread", "soup", "pasta", "garden", "bicycle", "train"),
    *("meeting", "release", "invoice", "backup", "keyboard", "window", "museum", "river"),
)
VERBS = ("prefers", "likes", "needs", "plans", "checks", "reviews", "remembers", "compares", "measures", "orders")
PLACES = ("Berlin", "Lisbon", "Oslo", "Kyoto", "Quito", "Turin", "Ghent", "Porto", "Lagos", "Perth")
QUERIES = [*SUBJECTS[:10], *(f"{subject} {place.lower()}" for subject in SUBJECTS[:4] for place in PLACES[:3])]
"""Few enough that most searches were made before; a new memory about one of them makes that one new
again.
"""


class LoadGenerator:
    """Drives the demo at `host`:`port` until it is stopped."""

    def __init__(self, host: str, port: int):
        self._host, self._port = host, port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._drive, args=(random.Random(),), name=f"load-{index}", daemon=True)
            for index in range(DRIVERS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def _drive(self, dice: random.Random) -> None:
        pause = FIRST * dice.random()
        while not self._stop.wait(pause):
            self._request(dice)
            pause = dice.uniform(0.5, 1.5) * PAUSE

    def _request(self, dice: random.Random) -> None:
        method, path, body = choose(dice)
        headers = {"X-Forwarded-For": f"198.51.100.{dice.randint(1, 254)}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return  # The demo is stopping, or a user gave up waiting; the next one comes.
        finally:
            connection.close()


def choose(dice: random.Random) -> tuple[str, str, Any]:
    """Return the next request: eight in ten search, one stores, one classifies; a few log in."""
    throw = dice.random()
    if throw < 0.02:
        return "POST", "/login", {"user": "demo", "password": "demo"}
    if throw < 0.10:
        return "POST", "/classify", {"text": sentence(dice)}
    if throw < 0.20:
        return "POST", "/memories", {"content": sentence(dice)}
    return "GET", f"/memories/search?q={quote(dice.choice(QUERIES))}", None


def sentence(dice: random.Random) -> str:
    """Return a text to remember."""
    subject, verb, place = dice.choice(SUBJECTS), dice.choice(VERBS), dice.choice(PLACES)
    return f"The user {verb} {subject} in {place}, {dice.randint(1, 500)} minutes since the last meeting"
