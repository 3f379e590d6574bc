"""Providers that fail, against the running product: each case says what the client sees in both dialects,
what is recorded, whether another model answers, and that nothing is left open.
"""

import json
from collections.abc import AsyncIterator, Sequence
from typing import assert_never

import pytest

from tests.faults.clients import ErrorSaid, data_of, error_of
from tests.faults.product import Value
from tests.faults.provider_cases import (
    CASES,
    ENDLESS,
    ERROR_TYPES,
    After,
    Answered,
    Before,
    Case,
)
from tests.faults.provider_run import (
    BACKUP_TIMES,
    BOTH,
    INPUT_PRICE,
    OUTPUT_PRICE,
    Attempt,
    Heard,
    Ran,
    Recorded,
    Request,
    running,
)
from tests.faults.provider_words import BACKUP, BACKUP_TEXT, FIRST_WORD, INPUT, NO_JSON, OUTPUT
from turnout.errors import ErrorKind

pytestmark = pytest.mark.anyio

MOST_GROWN_BYTES = 100_000_000
"""Three times the longest answer that is read. Had each of the answers that never end left what was held of it,
it would be 350 MB.
"""

WARM_UP = [Request("warm-up", wire, stream) for wire in BOTH for stream in (False, True)]


def requests_of(case: Case) -> list[Request]:
    return [
        Request(case.script, wire, stream, backed=backed)
        for wire in BOTH
        for stream in case.forms
        for backed in (False, True)
    ]


@pytest.fixture(scope="module", params=[False, True], ids=["one-process", "split"])
async def ran(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Ran]:
    """After every case has been asked in every way; what waits is waited for once."""
    everything = [one for case in (*CASES, *ENDLESS) for one in requests_of(case)]
    split: bool = request.param
    async with running(
        tmp_path_factory.mktemp("provider"), [*WARM_UP, *everything], split=split
    ) as made:
        await made.ask(WARM_UP)
        made.before = await made.at_rest()
        await made.ask(requests(CASES, waits=False), beside=requests(CASES, waits=True))
        await made.endless(requests(ENDLESS, waits=False), beside=requests(ENDLESS, waits=True))
        yield made


def requests(cases: Sequence[Case], *, waits: bool) -> list[Request]:
    return [one for case in cases if case.waits == waits for one in requests_of(case)]


def case_name(case: Case) -> str:
    match case.forms:
        case (only,):
            return f"{case.script}-{'stream' if only else 'whole'}"
        case _:
            return case.script


@pytest.mark.parametrize("case", [*CASES, *ENDLESS], ids=case_name)
def test_a_provider_that(ran: Ran, case: Case) -> None:
    for request in requests_of(case):
        heard, recorded = ran.heard[request], ran.recorded.get(request)
        try:
            assert recorded is not None
            match case:
                case Before() if request.backed and case.is_backed:
                    another_answers(case, request, heard, recorded)
                case Before():
                    it_is_an_error(case, request, heard, recorded)
                case After():
                    it_breaks_off(case, request, heard, recorded)
                case Answered():
                    it_is_answered(request, heard, recorded)
                case _:
                    assert_never(case)
        except AssertionError as reason:
            reason.add_note(f"{request.id}: {heard.status} {heard.body!r:.600} {recorded}")
            raise


def failed_attempts(case: Before) -> tuple[Attempt, ...]:
    kinds = ("first", "retry")[: case.times]
    return tuple(Attempt(case.script, kind, "failed", case.upstream, case.kind) for kind in kinds)


def cost_is_right(case: Before, request: Request, cost: Value, *, beside: float = 0.0) -> None:
    """What the attempts without content cost, beside what another cost."""
    says_tokens = request.begins_with_tokens and request.stream
    told = pytest.approx(usd(INPUT, 1) + beside)
    match case.cost:
        case "nothing":
            assert cost == pytest.approx(beside)
        case "told" if says_tokens:
            assert cost == told
        case "perhaps told" if says_tokens:
            assert cost in (None, told)
        case "estimated":
            assert isinstance(cost, float)
            assert 0 < cost - beside < usd(INPUT, 0)
        case _:
            assert cost is None


def usd(tokens: int, output: int) -> float:
    return (tokens * INPUT_PRICE + output * OUTPUT_PRICE) / 1_000_000


def it_is_an_error(case: Before, request: Request, heard: Heard, recorded: Recorded) -> None:
    status = 200 if case.is_committed else case.status_for(request.wire)
    assert heard.status == status
    body = data_of(heard.body)[-1] if case.is_committed else heard.body
    it_says(error_of(request.wire, body), request, kind=case.kind, says=case.says)
    told = heard.headers.get("retry-after")
    if case.retry_after is None:
        assert told is None
    else:
        assert told is not None
        least, most = case.retry_after
        assert least <= int(told) <= most
    assert (recorded.outcome, recorded.status, recorded.error) == ("failed", status, case.kind)
    assert recorded.attempts == failed_attempts(case)
    assert (recorded.served_model, recorded.output) == ("", None)
    assert not any(word in heard.body for word in (FIRST_WORD, BACKUP_TEXT.encode()))
    cost_is_right(case, request, recorded.cost_usd)


def another_answers(case: Before, request: Request, heard: Heard, recorded: Recorded) -> None:
    assert heard.status == 200
    assert BACKUP_TEXT.encode() in heard.body
    assert FIRST_WORD not in heard.body
    it_ends_well(request, heard)
    if not case.is_committed:
        assert heard.headers["turnout-model"] == BACKUP
    assert (recorded.outcome, recorded.status, recorded.error) == ("answered", 200, "")
    assert recorded.served_model == BACKUP
    assert recorded.attempts == (
        *failed_attempts(case),
        Attempt(BACKUP, "fallback", "answered", 200, ""),
    )
    assert (recorded.fresh_input, recorded.output) == (INPUT, OUTPUT)
    cost_is_right(case, request, recorded.cost_usd, beside=BACKUP_TIMES * usd(INPUT, OUTPUT))


def it_breaks_off(case: After, request: Request, heard: Heard, recorded: Recorded) -> None:
    assert heard.status == 200
    assert FIRST_WORD in heard.body
    assert BACKUP_TEXT.encode() not in heard.body
    events = data_of(heard.body)
    it_says(error_of(request.wire, events[-1]), request, kind=case.kind, says=case.says)
    assert b"[DONE]" not in events
    assert b"message_stop" not in heard.body
    assert (recorded.outcome, recorded.status, recorded.error) == ("failed", 200, case.kind)
    assert recorded.attempts == (Attempt(case.script, "first", "failed", 200, case.kind),)
    tokens, output = recorded.fresh_input, recorded.output
    assert isinstance(tokens, int)
    assert isinstance(output, int)
    assert output > 1
    if request.begins_with_tokens:
        assert (tokens, recorded.usage_source) == (INPUT, "partial")
    else:
        assert (0 < tokens < INPUT, recorded.usage_source) == (True, "estimated")
    assert recorded.cost_usd == pytest.approx(usd(tokens, output))


def it_is_answered(request: Request, heard: Heard, recorded: Recorded) -> None:
    assert heard.status == 200
    it_ends_well(request, heard)
    if request.script.endswith("tool-arguments-no-json"):
        assert json.dumps(NO_JSON)[1:-1].encode() in heard.body
    else:
        assert heard.body.count(b" there") == 1
    assert (recorded.outcome, recorded.status, recorded.error) == ("answered", 200, "")
    assert recorded.attempts == (Attempt(request.script, "first", "answered", 200, ""),)
    assert (recorded.fresh_input, recorded.output) == (INPUT, OUTPUT)
    assert recorded.cost_usd == pytest.approx(usd(INPUT, OUTPUT))


def it_says(said: ErrorSaid, request: Request, *, kind: ErrorKind, says: str) -> None:
    assert said.type == ERROR_TYPES[request.wire][kind]
    assert says in said.message


def it_ends_well(request: Request, heard: Heard) -> None:
    if not request.stream:
        json.loads(heard.body)
        return
    *_, last = data_of(heard.body)
    if request.wire == "openai_chat":
        assert last == b"[DONE]"
    else:
        assert json.loads(last) == {"type": "message_stop"}


async def test_nothing_is_left(ran: Ran) -> None:
    after = await ran.at_rest()
    assert (after.sockets, after.others) == (ran.before.sockets, ran.before.others)
    assert ran.provider.answering == 0
    assert ran.provider.plain.open_connections == after.pooled
    assert await ran.product.metric("turnout_requests_in_flight") == 0
    assert not ran.provider.plain.faults


def test_what_never_ends_takes_no_memory(ran: Ran) -> None:
    for part, grown in ran.grown_bytes.items():
        assert grown < MOST_GROWN_BYTES, part
