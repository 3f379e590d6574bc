"""Numbered requests at a fixed rate, whatever the answers do: seconds to the first content of each.

A request is due at its time and counts from then. One that finds no free connection opens one. Nothing is sent
again, and one that fails ends the run.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from loadtest import wire
from loadtest.answers import PATHS, STREAM_END, LoadDialect
from loadtest.gateways import KEY
from loadtest.load import AnswerLost, Connection, clock

ANSWER_SECONDS = 60.0


class NotAnswered(Exception):
    """A request got no whole stream; the message says which."""


def post(url: str, dialect: LoadDialect, body: bytes, *, ticket: str = "") -> bytes:
    """A request with the client's key, tagged where a ticket is told."""
    headers = [
        ("host", urlsplit(url).netloc),
        ("content-type", "application/json"),
        ("authorization", f"Bearer {KEY}"),
    ]
    if ticket:
        headers.append(("x-turnout-ticket", ticket))
    return wire.request("POST", PATHS[dialect], tuple(headers), body)


async def connect(url: str) -> Connection:
    to = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, to.hostname or "", to.port or 80)
    return connection


async def first_seconds(
    url: str,
    dialect: LoadDialect,
    request: Callable[[int], bytes],
    *,
    count: int,
    rate: float,
    begun: float,
) -> list[float]:
    """Of the streams that `request` makes, by number. Raises `NotAnswered`."""
    found = [0.0] * count
    free: deque[Connection] = deque()

    async def send(number: int, due: float) -> None:
        connection = free.pop() if free else None
        if connection is None or not connection.is_open:
            connection = await connect(url)
        keeps = False
        try:
            found[number] = await answered(connection, dialect, request(number), number) - due
            keeps = connection.head is not None and not connection.head.closes
        finally:
            if keeps:
                free.append(connection)
            else:
                connection.close()

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                due = begun + number / rate
                pause = due - clock()
                if pause > 0:
                    await asyncio.sleep(pause)
                group.create_task(send(number, due))
    except ExceptionGroup as failed:
        # What is raised in an `except*` leaves it in a group of its own before Python 3.11.4.
        lost, others = failed.split(NotAnswered)
        if lost is None or others is not None:
            raise
        raise lost.exceptions[0] from None
    finally:
        for connection in free:
            connection.close()
    return found


async def answered(
    connection: Connection, dialect: LoadDialect, request: bytes, number: int
) -> float:
    """When its first content came. Raises `NotAnswered`."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.exchange(request)
    except (AnswerLost, OSError, TimeoutError) as reason:
        raise NotAnswered(f"request {number}: {reason!r}") from None
    body = connection.body
    if connection.head is None or connection.head.status != 200:
        raise NotAnswered(f"request {number}: {body[:300]!r}")
    if STREAM_END[dialect] not in body[-200:]:
        raise NotAnswered(f"request {number}: a stream without its end: {body[-200:]!r}")
    return connection.first_at
