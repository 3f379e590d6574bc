"""Both dialects, within and across, against the simulated provider as a process of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from tests.simulator.provider import running
from tests.upstream_dispatcher.workbench import Bench, answer_of, bench, request
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.ports import DispatchRequest

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def simulated() -> Iterator[str]:
    with running("--simulate", "gap=0,ttft=0,tokens=30", "--keep-bodies") as url:
        yield url


@dataclass(frozen=True, slots=True)
class Way:
    client: Dialect
    target: str
    model: str


CHAT = "openai/gpt-5.4@simulated"
MESSAGES = "anthropic/claude-opus-5-5@simulated"
WAYS = [
    Way("openai_chat", CHAT, "gpt-5.4"),
    Way("anthropic_messages", MESSAGES, "claude-opus-5-5"),
    Way("openai_chat", MESSAGES, "gpt-5.4"),
    Way("anthropic_messages", CHAT, "claude-opus-5-5"),
]


def asked(way: Way, *, stream: bool, directive: str = "") -> DispatchRequest:
    body: dict[str, object] = {
        "model": way.model,
        "stream": stream,
        "messages": [{"role": "user", "content": "Say something."}],
    }
    if way.client == "anthropic_messages":
        body["max_tokens"] = 256
    elif stream:
        body["stream_options"] = {"include_usage": True}
    return request(
        way.target,
        dialect=way.client,
        model=way.model,
        stream=stream,
        body=msgspec.json.encode(body),
        headers=[("x-simulate", directive)] if directive else [],
    )


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("way", WAYS)
async def test_answers_whole_in_the_clients_dialect(
    simulated: str, way: Way, *, stream: bool
) -> None:
    async with bench({}, simulated_url=simulated) as on:
        answer = await answer_of(on, asked(way, stream=stream))
        assert answer.head.status == 200
        assert answer.head.target == way.target
        tap = DIALECTS[way.client].tap(stream=stream)
        tap.feed(answer.body)
        assert tap.reading.is_complete
        assert tap.reading.has_content
        completed = on.facts.completed
        assert (completed.outcome, completed.usage_source) == ("answered", "reported")
        assert completed.usage is not None
        assert tap.reading.usage is not None
        assert tap.reading.usage.output == completed.usage.output > 0
        assert tap.reading.usage.input_total == completed.usage.input_total
        assert completed.cost_usd is not None
        assert completed.cost_usd > 0


async def ends_in_an_error(on: Bench, way: Way, directive: str) -> None:
    answer = await answer_of(on, asked(way, stream=True, directive=directive))
    tap = DIALECTS[way.client].tap(stream=True)
    tap.feed(answer.body)
    assert tap.reading.error is not None
    assert tap.reading.at_boundary
    assert on.facts.completed.outcome == "failed"


@pytest.mark.parametrize("directive", ["half", "error-in-stream"])
@pytest.mark.parametrize("way", WAYS)
async def test_bug_13_a_stream_that_breaks_off_ends_in_the_clients_own_error_event(
    simulated: str, way: Way, directive: str
) -> None:
    async with bench({}, simulated_url=simulated) as on:
        await ends_in_an_error(on, way, directive)


@pytest.mark.parametrize("directive", ["status=529", "status=500", "cut=after-start", "garbage"])
@pytest.mark.parametrize("way", WAYS)
async def test_bug_42_a_fault_before_content_is_an_error_answer_and_no_200(
    simulated: str, way: Way, directive: str
) -> None:
    async with bench({}, simulated_url=simulated) as on:
        answer = await answer_of(on, asked(way, stream=True, directive=directive))
        assert answer.head.status >= 500
        told = DIALECTS[way.client].decode_error(
            answer.head.status, answer.head.headers, answer.body, now=0.0
        )
        assert told.message
        assert on.facts.completed.outcome == "failed"
