"""Prometheus pages over HTTP: many at a time, each within its time limit and a size cap, over
connections that stay open.

A process has one event loop for all its scrapes, in its own thread; worker threads submit requests
to it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp

from memmon.collect import page_parser as pages
from memmon.collect.base import Collected
from memmon.collect.page_parser import PageLayout
from memmon.errors import BadInput

MAX_PAGE_BYTES = 16 << 20
MAX_KNOWN = 20_000
ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
# Packing costs the target and memmon more than a network of today does.
HEADERS = {"Accept": ACCEPT, "Accept-Encoding": "identity", "User-Agent": "memmon"}
OPEN_METRICS = "application/openmetrics-text"

_known: dict[str, PageLayout | None] = {}
"""How the last page at each address looked."""


class PageRequest(NamedTuple):
    """A page and how long it may take, in seconds."""

    url: str
    timeout: float


class ScrapeAnswer(NamedTuple):
    """What came of a page, or why nothing came, and after how many seconds."""

    body: bytes
    seconds: float
    error: str | None = None


def fetch(pages_: Sequence[PageRequest]) -> list[tuple[Collected, float]]:
    """Return what each page says, or why it says nothing, and how many seconds it took."""
    answers = _fetcher().fetch(pages_)
    return [(_read(page.url, answer), answer.seconds) for page, answer in zip(pages_, answers, strict=True)]


def _read(url: str, answer: ScrapeAnswer) -> Collected:
    if answer.error is not None:
        return Collected(error=answer.error)
    try:
        collected, parsed_page = pages.read(answer.body.decode(), _known.get(url))
    except UnicodeDecodeError as error:
        return Collected(error=f"page: not Prometheus text format: {error}")
    except BadInput as error:
        return Collected(error=error.message)
    if url not in _known:
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)), None)
    _known[url] = parsed_page
    return collected


class Fetcher:
    """The event loop of a process, and its connections."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="scrape", daemon=True)
        self._thread.start()

    def fetch(self, pages_: Sequence[PageRequest]) -> list[ScrapeAnswer]:
        """Return what came of each page, in their order."""
        return asyncio.run_coroutine_threadsafe(self._all(pages_), self._loop).result()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self.pid != os.getpid():
            return  # It belongs to the process that this one was forked from.
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _all(self, pages_: Sequence[PageRequest]) -> list[ScrapeAnswer]:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=HEADERS)
        return list(await asyncio.gather(*(_one(self._session, page) for page in pages_)))


async def _one(session: aiohttp.ClientSession, page: PageRequest) -> ScrapeAnswer:
    began, body, error = time.perf_counter(), b"", None
    try:
        body = await _body(session, page)
    except TimeoutError:
        error = f"no answer within {page.timeout:g} s"
    except BadInput as refused:
        error = refused.message
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        error = str(failure) or type(failure).__name__
    return ScrapeAnswer(body, time.perf_counter() - began, error)


async def _body(session: aiohttp.ClientSession, page: PageRequest) -> bytes:
    limit = aiohttp.ClientTimeout(total=page.timeout)
    async with session.get(page.url, timeout=limit, allow_redirects=False) as answer:
        if answer.status != 200:
            raise BadInput("page", f"answered with status {answer.status}")
        if answer.content_type == OPEN_METRICS:
            raise BadInput("page", f"is {OPEN_METRICS}, though text format 0.0.4 was asked for")
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise BadInput("page", f"larger than {MAX_PAGE_BYTES} bytes")
    return bytes(body)


_current: Fetcher | None = None
_lock = threading.Lock()


def _fetcher() -> Fetcher:
    """Return the process' own; a child that was forked makes one for itself."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = Fetcher()
            atexit.register(_current.close)
        return _current
