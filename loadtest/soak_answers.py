"""Whether an answer is whole, a proper error of its dialect, or neither. Pure.

Rules: this is a client's view, written from what the providers document and not with our dialects. A stream
is judged by its last event; one that breaks off, or ends inside an event, is improper whatever came before.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from turnout.capabilities import Dialect

Verdict: TypeAlias = Literal["answered", "failed", "improper"]

OK = 200
FIRST_ERROR = 400
DONE = b"[DONE]"
SHOWN = 160
"""Characters of an improper answer that are shown."""


class _Error(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None
    status: str | None = None
    code: int | str | None = None


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    finish_reason: str | None = None


class _Response(msgspec.Struct, frozen=True):
    error: _Error | None = None


class _Said(msgspec.Struct, frozen=True):
    """What decides of an answer, or of an event, in any of the dialects."""

    type: str | None = None
    status: str | None = None
    stop_reason: str | None = None
    choices: list[_Choice] = []
    candidates: list[_Candidate] = []
    error: _Error | None = None
    response: _Response | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """`why` is what the error says, or what is wrong with an improper answer."""

    verdict: Verdict
    why: str = ""


def judge(dialect: Dialect, *, stream: bool, status: int, body: bytes) -> Judged:
    """The answer of one request, read to its end."""
    try:
        if status >= FIRST_ERROR:
            return _error(dialect, _said(body)) or _improper(f"{status} without an error", body)
        if status != OK:
            return _improper(f"status {status}", body)
        return _stream(dialect, body) if stream else _whole(dialect, body)
    except msgspec.MsgspecError as reason:
        return _improper(str(reason), body)


def _whole(dialect: Dialect, body: bytes) -> Judged:
    answer = _said(body)
    match dialect:
        case "anthropic_messages":
            is_whole = bool(answer.stop_reason)
        case "openai_chat":
            is_whole = _is_finished(answer)
        case "openai_responses":
            is_whole = answer.status in ("completed", "incomplete")
        case "gemini_generate":
            is_whole = _is_finished(answer)
    return Judged("answered") if is_whole else _improper("an answer without an end", body)


def _stream(dialect: Dialect, body: bytes) -> Judged:
    *events, rest = re.split(rb"\r?\n\r?\n", body)
    if rest and dialect == "gemini_generate":
        # Its errors stand in a stream as they stand in an answer, without `data:` and the empty line.
        return _error(dialect, _said(rest)) or _improper("a stream that ends in no error", body)
    if rest:
        return _improper("a stream that ends inside an event", body)
    data = [line for event in events if (line := _data_of(event))]
    if not data:
        return _improper("a stream without events", body)
    if data[-1] == DONE:
        is_whole = dialect == "openai_chat" and any(_is_finished(_said(one)) for one in data[:-1])
        return Judged("answered") if is_whole else _improper("[DONE] without an end", body)
    last = _said(data[-1])
    match dialect:
        case "anthropic_messages":
            is_whole = last.type == "message_stop"
        case "openai_chat":
            is_whole = False
        case "openai_responses":
            is_whole = last.type in ("response.completed", "response.incomplete")
        case "gemini_generate":
            is_whole = _is_finished(last)
    if is_whole:
        return Judged("answered")
    return _error_event(dialect, last) or _improper("a stream without its end", body)


def _data_of(event: bytes) -> bytes:
    """The data of an event, empty for a comment. What begins like an object is data as it is."""
    lines = [line.strip() for line in event.splitlines()]
    found = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
    return b"\n".join(found) or (event if event.startswith(b"{") else b"")


def _is_finished(said: _Said) -> bool:
    return any(one.finish_reason for one in said.choices) or any(
        one.finish_reason for one in said.candidates
    )


def _error_event(dialect: Dialect, last: _Said) -> Judged | None:
    if dialect != "openai_responses":
        return _error(dialect, last)
    if last.type != "response.failed" or last.response is None or last.response.error is None:
        return None
    return _failed(last.response.error.code, last.response.error.message)


def _error(dialect: Dialect, said: _Said) -> Judged | None:
    """What an error of the dialect says; None where it is none."""
    error = said.error
    if error is None:
        return None
    match dialect:
        case "anthropic_messages":
            return _failed(error.type, error.message) if said.type == "error" else None
        case "openai_chat" | "openai_responses":
            return _failed(error.type, error.message)
        case "gemini_generate":
            return _failed(error.status, error.message)


def _failed(kind: int | str | None, message: str | None) -> Judged | None:
    return Judged("failed", f"{kind}: {message}") if kind and message else None


def _improper(why: str, body: bytes) -> Judged:
    return Judged("improper", f"{why}: ...{body[-SHOWN:].decode(errors='replace')!r}")


def _said(data: bytes) -> _Said:
    return msgspec.json.decode(data, type=_Said)
