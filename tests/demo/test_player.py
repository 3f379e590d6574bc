"""The player where something that it calls is not there."""

from collections.abc import AsyncIterator

import httpx
import pytest

from turnout.demo.player import Pace, Played, Player
from turnout.demo.prompts import Run
from turnout.demo.sessions import Session, Step, Thread

SIMULATOR = "http://simulator"
STEPS = (
    Step("user", pause_seconds=0.0, new_tokens=5, output_tokens=5, is_faulted=True),
    Step("user", pause_seconds=0.0, new_tokens=5, output_tokens=5),
)
SESSION = Session(
    number=0,
    dialect="openai_chat",
    model="gpt-5.5",
    main=Thread(head_tokens=10, steps=STEPS),
    subagents=(),
    compacted_share=0.5,
    is_cut=False,
)


async def stream() -> AsyncIterator[bytes]:
    yield b"data: [DONE]\n\n"


def answered(request: httpx.Request) -> httpx.Response:
    if request.url.host == "simulator":
        raise httpx.ReadError("cut off")
    return httpx.Response(200, content=stream())


@pytest.mark.anyio
async def test_a_simulator_that_cannot_be_scripted_is_a_failure_and_no_end() -> None:
    seen: list[int] = []

    def on_progress(played: Played) -> None:
        seen.append(played.requests)

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answered), base_url="http://turnout"
    ) as client:
        player = Player(
            client=client,
            run=Run(tag="t"),
            pace=Pace(compression=1.0, at_once=1),
            simulator=SIMULATOR,
            on_progress=on_progress,
        )
        played = await player.play((SESSION,))
    assert played.failures == {"ReadError": 1}
    assert (played.requests, played.finished) == (1, 1)
    assert seen == [0, 1]
