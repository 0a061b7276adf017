"""Prometheus pages over HTTP: many at a time, each within its time limit and a size cap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp

from memmon.collect.base import Collected
from memmon.errors import BadInput
from memmon.metrics import exposition

MAX_PAGE_BYTES = 16 << 20
ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


class Wanted(NamedTuple):
    """A page and how long it may take, in seconds."""

    url: str
    timeout: float


def fetch(pages: Sequence[Wanted]) -> list[tuple[Collected, float]]:
    """Return what each page says, or why it says nothing, and how many seconds it took."""
    return asyncio.run(_fetch(pages))


async def _fetch(pages: Sequence[Wanted]) -> list[tuple[Collected, float]]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, headers={"Accept": ACCEPT}) as session:
        return list(await asyncio.gather(*(_one(session, page) for page in pages)))


async def _one(session: aiohttp.ClientSession, page: Wanted) -> tuple[Collected, float]:
    began = time.perf_counter()
    try:
        text = await _text(session, page)
        parsed = exposition.parse(text)
        collected = Collected(parsed.samples, parsed.metadata)
    except TimeoutError:
        collected = Collected([], {}, f"no answer within {page.timeout:g} s")
    except BadInput as error:
        collected = Collected([], {}, error.message)
    except (aiohttp.ClientError, OSError) as error:
        collected = Collected([], {}, str(error) or type(error).__name__)
    return collected, time.perf_counter() - began


async def _text(session: aiohttp.ClientSession, page: Wanted) -> str:
    limit = aiohttp.ClientTimeout(total=page.timeout)
    async with session.get(page.url, timeout=limit, allow_redirects=False) as answer:
        if answer.status != 200:
            raise BadInput("page", f"answered with status {answer.status}")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise BadInput("page", f"larger than {MAX_PAGE_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadInput("page", f"not Prometheus text format: {error}") from None
