"""A client that costs less than what it measures: bare HTTP/1.1 over kept connections, many in one process.

    python benchmarks/gateway_client.py PORT PATH --connections 250 --seconds 20 [--every-s 1]

Each connection asks for PATH again and again, or every so many seconds. Prints JSON: seconds that each answer took, and
what was no 200.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass
class Found:
    """What came of many requests."""

    took_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a status and a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return int(head[9:12]), await reader.readexactly(int(length[1]) if length else 0)


async def ask(found: Found, port: int, path: str, *, begins_in_s: float, every_s: float, until_s: float) -> None:
    """Ask over one connection until it is time to stop."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    await asyncio.sleep(begins_in_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began_s := time.perf_counter()) < until_s:
        try:
            writer.write(request)
            status, body = await answer(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            found.errors.append(repr(error))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        found.took_s.append(time.perf_counter() - began_s)
        if status != 200:
            found.errors.append(f"{status} {body[:200]!r}")
        if every_s:
            await asyncio.sleep(max(0.0, every_s - (time.perf_counter() - began_s)))
    writer.close()


async def ask_much(port: int, path: str, *, connections: int, seconds: float, every_s: float) -> Found:
    """Ask over many connections, which begin one after another within `every_s`."""
    found = Found()
    until_s = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            begins_in_s = every_s * number / connections
            group.create_task(ask(found, port, path, begins_in_s=begins_in_s, every_s=every_s, until_s=until_s))
    return found


def main() -> None:
    """Ask, and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("port", type=int)
    arguments.add_argument("path")
    arguments.add_argument("--connections", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--every-s", type=float, default=0)
    asked = arguments.parse_args()
    found = asyncio.run(
        ask_much(asked.port, asked.path, connections=asked.connections, seconds=asked.seconds, every_s=asked.every_s)
    )
    json.dump({"took_s": found.took_s, "errors": found.errors}, sys.stdout)


if __name__ == "__main__":
    main()
