"""Clients that read an answer whole and remember what it said, in both dialects.

Rules: an answer counts as whole only with its last event; tokens are what the answer itself reports,
counted once, in the words of its dialect.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import aiohttp
import msgspec

Wire: TypeAlias = Literal["openai_chat", "anthropic_messages"]

PATHS: Final[dict[Wire, str]] = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
}

ANSWER_SECONDS: Final = 60.0


class NotWhole(Exception):
    """An answer that is no 200, or that ends before its end.

    Attributes:
        status, request_id, body: the answer as it came.

    """

    status = 0
    request_id = ""
    body = b""


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes:
        session: names the run of the agent; requests with the same one are one session.
    """

    wire: Wire
    stream: bool
    session: str
    text: str = "Why is the sky blue?"
    model: str = "turnout/auto"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, object]:
        messages: list[dict[str, str]] = [
            {"role": "user", "content": f"Session {self.session}."},
            {"role": "assistant", "content": "Noted."},
            {"role": "user", "content": self.text},
        ]
        match self.wire, self.stream:
            case "anthropic_messages", _:
                more: dict[str, object] = {"max_tokens": 64}
            case _, True:
                more = {"max_completion_tokens": 64, "stream_options": {"include_usage": True}}
            case _:
                more = {"max_completion_tokens": 64}
        return {"model": self.model, "stream": self.stream, "messages": messages, **more}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of a whole answer."""

    request_id: str
    model: str
    attempts: int
    degraded: str
    input_total: int
    output: int
    text: str


class _ChatUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int


class _ChatText(msgspec.Struct, frozen=True):
    content: str | None = None


class _ChatChoice(msgspec.Struct, frozen=True):
    message: _ChatText = _ChatText()
    delta: _ChatText = _ChatText()
    finish_reason: str | None = None


class _ChatAnswer(msgspec.Struct, frozen=True):
    choices: list[_ChatChoice]
    usage: _ChatUsage | None = None


class _Usage(msgspec.Struct, frozen=True):
    """All optional: the end of a stream repeats only a part of it."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Text(msgspec.Struct, frozen=True):
    text: str = ""
    stop_reason: str | None = None


class _Message(msgspec.Struct, frozen=True):
    usage: _Usage
    content: list[_Text] = []
    stop_reason: str | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    message: _Message | None = None
    usage: _Usage | None = None
    delta: _Text | None = None


async def ask(client: aiohttp.ClientSession, url: str, question: Question) -> Seen:
    """Send a request and read its answer whole. Raises `NotWhole`, and what aiohttp raises."""
    async with client.post(
        url + PATHS[question.wire],
        json=question.body,
        headers={"content-type": "application/json", **question.headers},
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
    ) as answer:
        body = await answer.read()
        try:
            if answer.status != 200:
                raise NotWhole(f"{answer.status}: {body[:300].decode(errors='replace')}")
            input_total, output, text = _read(question, body)
        except NotWhole as reason:
            reason.status, reason.body = answer.status, body
            reason.request_id = answer.headers.get("turnout-request-id", "")
            raise
        return Seen(
            request_id=answer.headers["turnout-request-id"],
            model=answer.headers["turnout-model"],
            attempts=int(answer.headers["turnout-attempts"]),
            degraded=answer.headers.get("turnout-degraded", ""),
            input_total=input_total,
            output=output,
            text=text,
        )


def _read(question: Question, body: bytes) -> tuple[int, int, str]:
    """Prompt tokens, tokens of the answer and its text."""
    match question.wire, question.stream:
        case "openai_chat", False:
            whole = msgspec.json.decode(body, type=_ChatAnswer)
            return _of_chat(whole.choices, whole.usage, whole.choices[0].message.content or "")
        case "openai_chat", True:
            return _chat_stream(body)
        case _, False:
            message = msgspec.json.decode(body, type=_Message)
            text = "".join(part.text for part in message.content)
            return _of_message(message.usage, message.stop_reason, text)
        case _:
            return _message_stream(body)


def data_of(body: bytes) -> list[bytes]:
    """The data of every event of a stream that ends between two events."""
    if not body.endswith(b"\n\n"):
        raise NotWhole(f"the stream ends inside an event: {body[-80:]!r}")
    return [line[5:].strip() for line in body.split(b"\n") if line.startswith(b"data:")]


def _chat_stream(body: bytes) -> tuple[int, int, str]:
    *events, last = data_of(body)
    if last != b"[DONE]":
        raise NotWhole(f"the stream ends with {last[:80]!r}")
    chunks = [msgspec.json.decode(event, type=_ChatAnswer) for event in events]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage is not None), None)
    return _of_chat(choices, usage, "".join(choice.delta.content or "" for choice in choices))


def _of_chat(
    choices: list[_ChatChoice], usage: _ChatUsage | None, text: str
) -> tuple[int, int, str]:
    if usage is None or not text or not any(choice.finish_reason for choice in choices):
        raise NotWhole(f"no usage, text or finish reason: {usage} {text[:80]!r}")
    return usage.prompt_tokens, usage.completion_tokens, text


def _message_stream(body: bytes) -> tuple[int, int, str]:
    events = [msgspec.json.decode(data, type=_Event) for data in data_of(body)]
    if events[0].message is None or events[-1].type != "message_stop":
        raise NotWhole(f"the stream goes from {events[0].type} to {events[-1].type}")
    told = events[0].message.usage
    stop_reason: str | None = None
    for event in events:
        if event.usage is not None:
            told = _later(told, event.usage)
        if event.type == "message_delta" and event.delta is not None:
            stop_reason = event.delta.stop_reason
    text = "".join(event.delta.text for event in events if event.delta is not None)
    return _of_message(told, stop_reason, text)


def _later(first: _Usage, last: _Usage) -> _Usage:
    """What the end of a stream says, and of the start what the end leaves out."""
    pairs = zip(msgspec.structs.astuple(first), msgspec.structs.astuple(last), strict=True)
    return _Usage(*(old if new is None else new for old, new in pairs))


def _of_message(usage: _Usage, stop_reason: str | None, text: str) -> tuple[int, int, str]:
    if usage.output_tokens is None or not stop_reason or not text:
        raise NotWhole(f"no usage, text or stop reason: {usage} {text[:80]!r}")
    prompt = (
        usage.input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
    )
    return sum(count or 0 for count in prompt), usage.output_tokens, text


class ErrorSaid(msgspec.Struct, frozen=True):
    """What both dialects say of an error."""

    type: str
    message: str


class _ErrorAnswer(msgspec.Struct, frozen=True):
    """What both dialects have in common, and what tells them apart."""

    error: ErrorSaid | None = None
    type: str = ""


def error_of(wire: Wire, data: bytes) -> ErrorSaid:
    """What an error body or an error event says, checked for its dialect."""
    told = msgspec.json.decode(data, type=_ErrorAnswer)
    assert told.error is not None, data[:300]
    assert told.type == ("error" if wire == "anthropic_messages" else ""), data[:300]
    assert told.error.type
    return told.error
