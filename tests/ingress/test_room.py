"""What an ingress takes in at once, and what it says to those that come beyond that."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingress.edge import LIMITS, WAIT_SECONDS, Client, edge, error_of
from turnout.errors import Overloaded
from turnout.ingress.proxy import Limits
from turnout.ingress.room import Place, Room

pytestmark = pytest.mark.anyio


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=40),
    requests=st.integers(1, 4),
    size=st.integers(1, 100),
)
def test_never_more_than_its_bounds_and_nothing_stays(
    steps: list[tuple[int, int]], requests: int, size: int
) -> None:
    room = Room(max_requests=requests, max_body_bytes=size)
    places: list[Place] = []
    for kind, count in steps:
        try:
            if kind == 0:
                places.append(room.enter())
            elif places and kind == 1:
                places.pop(count % len(places)).leave()
            elif places:
                places[count % len(places)].hold(count)
        except Overloaded:
            assert room.requests == requests or room.body_bytes + count > size
        assert room.requests == len(places) <= requests
        assert 0 <= room.body_bytes <= size
    for place in places:
        place.leave()
    assert (room.requests, room.body_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (replace(LIMITS, requests=1), "MAX_REQUESTS"),
        (replace(LIMITS, bodies_bytes=3_000), "MAX_BODIES_BYTES"),
    ],
)
@pytest.mark.parametrize(("path", "status"), [("/v1/messages", 529), ("/v1/chat/completions", 503)])
async def test_who_comes_beyond_a_bound_is_told_at_once_and_others_are_served(
    limits: Limits, named: str, path: str, status: int
) -> None:
    on, first = edge(limits=limits), Client()
    first.send_part(b" " * 2_000, more=True)
    asking = asyncio.ensure_future(first.ask(on, path=path, headers=[("content-length", "2500")]))
    async with asyncio.timeout(WAIT_SECONDS):
        while not on.proxy.room.body_bytes:
            await asyncio.sleep(0)
    refused = await Client().ask(on, path=path, headers=[("content-length", "600")])
    assert refused.status == status
    assert named in error_of(refused)[1]
    assert refused.headers["retry-after"] == "2"
    assert on.facts.completed.error == "overloaded"
    first.leave()
    await asking
    assert (on.proxy.room.requests, on.proxy.room.body_bytes) == (0, 0)
    assert not on.dispatcher.asked
