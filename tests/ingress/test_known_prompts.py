"""Threads that grow, surveyed by what is new of them."""

import json
from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.survey import Survey
from turnout.errors import InvalidRequest
from turnout.ingress.known_prompts import MAX_PROMPTS_EACH, MIN_KEPT_BYTES, KnownPrompts

Message = dict[str, object]
Spelling = Literal["compact", "spaced"]

SPELLINGS: dict[Spelling, tuple[str, str]] = {"compact": (",", ":"), "spaced": (", ", ": ")}
FILL = "x = 'a \"quoted\" word'\n" * 300
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SPOKEN: tuple[Dialect, ...] = ("anthropic_messages", "openai_chat")


class Counted:
    """A dialect that tells how many bytes it was given to survey."""

    def __init__(self, name: Dialect) -> None:
        self._dialect = DIALECTS[name]
        self.name: Dialect = name
        self.surveyed = 0

    def survey_request(self, body: bytes, *, path: str = "") -> Survey:
        self.surveyed += len(body)
        return self._dialect.survey_request(body, path=path)


def said(text: str) -> Message:
    return {"role": "user", "content": text}


def step(dialect: Dialect, number: int, result: str) -> list[Message]:
    """A tool call and what came of it; each fourth one changes a task list."""
    call = f"call_{number}"
    name = "read" if number % 4 else "TaskCreate"
    if dialect == "anthropic_messages":
        use = {"type": "tool_use", "id": call, "name": name, "input": {"n": number}}
        block = {"type": "tool_result", "tool_use_id": call, "content": result}
        return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [block]}]
    function = {"name": name, "arguments": "{}"}
    made = {"id": call, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": call, "content": result},
    ]


def body(dialect: Dialect, messages: Sequence[Message], *, spelling: Spelling = "compact") -> bytes:
    """A request as a harness sends it: a marker on the newest message, if that has blocks."""
    sent = [dict(message) for message in messages]
    last = sent[-1]["content"]
    if isinstance(last, list) and dialect == "anthropic_messages":
        sent[-1]["content"] = [*last[:-1], last[-1] | MARK]
    fields: dict[str, object] = {"model": "m", "max_tokens": 9, "messages": sent, "stream": True}
    if dialect == "anthropic_messages":
        fields |= {"system": "you are", "tools": [{"name": "read", "input_schema": {}}]}
    else:
        fields["messages"] = [{"role": "system", "content": "you are"}, *sent]
        fields["tools"] = [{"type": "function", "function": {"name": "read"}}]
    return json.dumps(fields, separators=SPELLINGS[spelling]).encode()


def same(found: Survey, whole: Survey) -> bool:
    """Equal, but that estimates are rounded part by part."""
    apart = found.needs.prompt_tokens_estimate - whole.needs.prompt_tokens_estimate
    assert abs(apart) <= 12
    needs = structs.replace(found.needs, prompt_tokens_estimate=whole.needs.prompt_tokens_estimate)
    return structs.replace(found, needs=needs) == whole


TURNS = st.lists(
    st.one_of(
        st.sampled_from(["go on", "<system-reminder>x</system-reminder>", ""]).map(
            lambda text: ("said", text)
        ),
        st.integers(0, 3).map(lambda size: ("step", FILL[: 3_000 * size])),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("dialect", SPOKEN)
@given(turns=TURNS, spelling=st.sampled_from(list(SPELLINGS)))
def test_what_is_told_of_a_growing_thread_is_told_of_the_whole(
    dialect: Dialect, turns: list[tuple[str, str]], spelling: Spelling
) -> None:
    prompts, speaking = KnownPrompts(), DIALECTS[dialect]
    messages = [said("fix " + FILL)]
    for number, (kind, text) in enumerate(turns):
        messages += step(dialect, number, text) if kind == "step" else [said(text)]
        sent = body(dialect, messages, spelling=spelling)
        found = prompts.survey(sent, dialect=speaking, principal="p")
        assert same(found, speaking.survey_request(sent))


@pytest.mark.parametrize("dialect", SPOKEN)
def test_only_the_newest_steps_are_parsed(dialect: Dialect) -> None:
    prompts, speaking = KnownPrompts(), Counted(dialect)
    messages = [said("fix it")]
    for number in range(20):
        messages += step(dialect, number, FILL)
        speaking.surveyed = 0
        prompts.survey(body(dialect, messages), dialect=speaking, principal="p")
        if number > 4:
            assert speaking.surveyed < 8 * len(FILL)


@pytest.mark.parametrize("dialect", SPOKEN)
def test_a_changed_beginning_is_seen(dialect: Dialect) -> None:
    prompts, speaking = KnownPrompts(), DIALECTS[dialect]
    steps = [message for n in range(6) for message in step(dialect, n, FILL)]
    for first in ("one", "two", "one"):
        sent = body(dialect, [said(first), *steps])
        found = prompts.survey(sent, dialect=speaking, principal="p")
        assert same(found, speaking.survey_request(sent))


def test_what_one_principal_sent_serves_no_other() -> None:
    prompts, speaking = KnownPrompts(), Counted("openai_chat")
    sent = body(
        "openai_chat", [said("a"), *(m for n in range(9) for m in step("openai_chat", n, FILL))]
    )
    costs: list[int] = []
    for principal in ("p", "p", "q"):
        speaking.surveyed = 0
        prompts.survey(sent, dialect=speaking, principal=principal)
        costs.append(speaking.surveyed)
    assert costs[1] < costs[0] / 2
    assert costs[2] == costs[0]


@pytest.mark.parametrize("dialect", SPOKEN)
def test_errors_name_the_clients_own_places(dialect: Dialect) -> None:
    prompts, speaking = KnownPrompts(), DIALECTS[dialect]
    messages = [said("fix it"), *(m for n in range(9) for m in step(dialect, n, FILL))]
    prompts.survey(body(dialect, messages), dialect=speaking, principal="p")
    wrong: list[Message] = [*messages, {"role": "nobody", "content": ""}]
    place = len(wrong) - 1 + (dialect == "openai_chat")
    with pytest.raises(InvalidRequest, match=rf"^messages\.{place}\.role"):
        prompts.survey(body(dialect, wrong), dialect=speaking, principal="p")


@pytest.mark.parametrize(
    "sent",
    [
        b'{"messages":[{"role":"assistant","content":"' + b"x" * 3 * MIN_KEPT_BYTES,
        b'{"a":"' + b"x" * 3 * MIN_KEPT_BYTES + b'"}',
        b'{"messages":7,"a":["' + b"x" * 3 * MIN_KEPT_BYTES + b'"]}',
    ],
)
def test_what_is_no_request_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        KnownPrompts().survey(sent, dialect=DIALECTS["openai_chat"], principal="p")


def test_a_thread_quoted_inside_a_call_is_no_thread() -> None:
    """Bytes that look like the beginning of a message, inside an argument of a call."""
    prompts, speaking = KnownPrompts(), DIALECTS["anthropic_messages"]
    quoted = {"messages": [said(FILL), {"role": "assistant", "content": FILL}] * 3}
    use = {"type": "tool_use", "id": "c", "name": "ask", "input": quoted}
    block = {"type": "tool_result", "tool_use_id": "c", "content": "ok"}
    messages: list[Message] = [
        said("go"),
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [block]},
    ]
    for _ in range(2):
        sent = body("anthropic_messages", messages)
        found = prompts.survey(sent, dialect=speaking, principal="p")
        assert same(found, speaking.survey_request(sent))


@pytest.mark.parametrize("hidden", [b'"messages":[', b'"model":"dear","messages":['])
def test_messages_cannot_bring_fields_of_their_own(hidden: bytes) -> None:
    """What closes the list early is read whole, duplicates included, as it always was."""
    prompts, speaking = KnownPrompts(), DIALECTS["openai_chat"]
    steps = [m for n in range(6) for m in step("openai_chat", n, FILL)]
    sent = body("openai_chat", [said("go"), *steps])
    prompts.survey(sent, dialect=speaking, principal="p")
    newest = json.dumps(steps[-1], separators=(",", ":")).encode()
    assert sent.count(newest) == 1
    forged = sent.replace(newest, b"%b],%b%b" % (newest, hidden, newest))
    found = prompts.survey(forged, dialect=speaking, principal="p")
    assert found == speaking.survey_request(forged)


@pytest.mark.parametrize("principals", [1, 40])
def test_what_is_kept_is_bounded(principals: int) -> None:
    prompts, speaking = KnownPrompts(max_bytes=200_000), Counted("openai_chat")
    steps = [m for n in range(3) for m in step("openai_chat", n, FILL)]
    for number in range(2 * MAX_PROMPTS_EACH):
        sent = body("openai_chat", [said(f"{number}{FILL}"), *steps])
        for _ in range(2):
            speaking.surveyed = 0
            principal = f"p{number % principals}"
            prompts.survey(sent, dialect=speaking, principal=principal)
        assert speaking.surveyed < len(sent), "the newest is known"
        assert 0 < prompts.size_bytes <= 200_000


def test_a_prompt_larger_than_all_that_may_be_kept_is_not_kept() -> None:
    prompts, speaking = KnownPrompts(max_bytes=20_000), DIALECTS["openai_chat"]
    steps = [m for n in range(9) for m in step("openai_chat", n, FILL)]
    sent = body("openai_chat", [said("a"), *steps])
    assert same(
        prompts.survey(sent, dialect=speaking, principal="p"), speaking.survey_request(sent)
    )
    assert prompts.size_bytes == 0


@pytest.mark.parametrize("field", ["model", "user", "prompt_cache_key", "stop"])
def test_a_prompt_with_long_words_of_the_client_is_not_kept(field: str) -> None:
    """A survey holds them whole, and they may be as long as a body."""
    prompts, speaking = KnownPrompts(), DIALECTS["openai_chat"]
    steps = [m for n in range(9) for m in step("openai_chat", n, FILL)]
    told = {"model": "gpt-5.5", "messages": [said("a"), *steps]}
    for length, is_kept in ((10, True), (100_000, False)):
        sent = json.dumps({**told, field: "x" * length}, separators=(",", ":")).encode()
        before = prompts.size_bytes
        prompts.survey(sent, dialect=speaking, principal="p")
        assert (prompts.size_bytes > before) is is_kept
