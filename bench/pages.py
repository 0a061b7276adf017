"""The pages of many targets, out of one process: `python -m bench.pages SERIES` prints its port and
serves until it ends.

Every page has other numbers each time it is asked for, as in life.
"""

from __future__ import annotations

import asyncio
import random
import sys

PAGE_FAMILIES = 10


def heads(series: int) -> list[str]:
    """Return what stands before the numbers of a page: ten families, a histogram among them."""
    lines = []
    for index in range(series):
        family, at = index % PAGE_FAMILIES, index // PAGE_FAMILIES
        if family == 0:
            lines.append(f'bench_request_duration_seconds_bucket{{handler="/api/memories",le="{2**at / 1000:g}"}}')
        else:
            lines.append(
                f'bench_events_{family}_total{{handler="/api/memories/search",method="GET",code="{200 + at}"}}'
            )
    return sorted(lines)


class Server(asyncio.Protocol):
    """One connection, which stays open."""

    lines: list[str] = []
    turn = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        Server.turn += 1
        base = Server.turn * 1000 + random.randrange(1000)
        body = "".join(f"{head} {base + index}\n" for index, head in enumerate(Server.lines)).encode()
        begin = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(begin % len(body) + body)


async def serve(series: int) -> None:
    """Serve until the process ends."""
    Server.lines = heads(series)
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
