"""What passes through is what would pass without Turnout, and what Turnout says of itself stays in
headers: an agent reads bodies, sends them back and pays for them.
"""

import secrets
from typing import Final

import msgspec
import pytest

from tests.agents.bench import Bench, Sent
from tests.agents.claude import run_claude
from tests.agents.desk import Desk

pytestmark = pytest.mark.anyio

TASK: Final = ("tool=Bash,steps=1", "tool=Read,steps=2", "text")
PROMPT: Final = "Read the readme and tell me the password."

HOPS: Final = {"host", "connection", "content-length", "accept-encoding"}
"""Headers that belong to one connection."""

KEYS: Final = {"x-api-key", "authorization"}


def shape(value: object) -> object:
    """A JSON value without its texts: keys in their order, types, lengths of lists."""
    match value:
        case dict():
            return [(key, shape(inner)) for key, inner in value.items()]
        case list():
            return [shape(inner) for inner in value]
        case _:
            return type(value).__name__


def shapes(sent: list[Sent]) -> list[object]:
    return [shape(msgspec.json.decode(one.body or "null")) for one in sent]


def asked(sent: list[Sent]) -> list[Sent]:
    return [one for one in sent if one.method == "POST"]


async def test_the_provider_sees_what_it_would_see_without_us(observing: Bench, desk: Desk) -> None:
    # One number for both, because the answers, which the agent sends back, follow from the question.
    prompt = f"{PROMPT} ({secrets.token_hex(4)})"
    switches = {"CLAUDE_CODE_ATTRIBUTION_HEADER": "1"}
    await observing.script(*TASK)
    direct = await run_claude(
        observing.claude, desk, observing.provider_url, prompt, variables=switches
    )
    direct.check_success()
    without = asked(await observing.sent())
    await observing.script(*TASK)
    routed = await observing.run(desk, prompt, variables=switches)
    routed.check_success()
    through = asked(await observing.sent())

    assert [one.path for one in through] == [one.path for one in without]
    for mine, theirs in zip(through, without, strict=True):
        assert set(mine.headers) - HOPS - KEYS == set(theirs.headers) - HOPS - KEYS
        for name in ("anthropic-beta", "anthropic-version", "user-agent", "x-app", "accept"):
            assert mine.headers.get(name) == theirs.headers.get(name), name
    assert shapes(through) == shapes(without)
    rows = await observing.rows(routed.session, len(TASK))
    assert [row.body_bytes for row in rows] == [one.body_bytes for one in through]


@pytest.mark.parametrize("bench_name", ["observing", "translating"])
async def test_the_router_says_nothing_in_bodies(
    observing: Bench, translating: Bench, desk: Desk, bench_name: str
) -> None:
    bench = observing if bench_name == "observing" else translating
    await bench.script(*TASK)
    run = await bench.run(desk, PROMPT)
    run.check_success()
    target = (await bench.rows(run.session, len(TASK)))[0].target
    sent = "\n".join(one.body or "" for one in asked(await bench.sent()))
    for told in ("turnout-", "free_window", "warm_incumbent", "observe_mode", target):
        assert told not in run.output
        assert told not in sent
    if bench is translating:
        assert "gpt-5.4-mini" not in run.output
