"""Sending answers over ASGI: whole ones, errors in the client's dialect, and the head of a stream.

Header values are cleaned here and nowhere else: a model name is the client's words, and the HTTP
server writes what it is given.
"""

import re
from collections.abc import Sequence

from starlette.types import Send

from turnout.dialects.dialect import ErrorAnswer
from turnout.policy.decision import Decision
from turnout.policy.request import Mode
from turnout.ports import Head

RawHeaders = list[tuple[bytes, bytes]]

_NOT_IN_A_VALUE = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")
"""All but field-vchar, space and tab (RFC 9110, 5.5): line ends would make headers of their own."""


async def send_whole(
    send: Send, *, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> None:
    """A complete answer with its length."""
    raw = encode_headers(headers)
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, answer: ErrorAnswer, *, request_id: str) -> None:
    headers = (*answer.headers, ("turnout-request-id", request_id))
    await send_whole(send, status=answer.status, headers=headers, body=answer.body)


def encode_headers(headers: Sequence[tuple[str, str]]) -> RawHeaders:
    return [(name.encode("latin-1"), _clean(value)) for name, value in headers]


def _clean(value: str) -> bytes:
    # Nearly every value is; asking is a quarter of the work of looking for what is not.
    if value.isascii() and value.isprintable():
        return value.encode("latin-1")
    return _NOT_IN_A_VALUE.sub("?", value).encode("latin-1")


def router_headers(
    *, request_id: str, head: Head, decision: Decision, mode: Mode
) -> list[tuple[str, str]]:
    """What the router says of itself: in headers, never in bodies or streams.

    `turnout-proposal` appears where something else would have been chosen.
    """
    headers = [
        ("turnout-request-id", request_id),
        *((("turnout-model", head.model),) if head.model else ()),
        *((("turnout-provider", head.provider),) if head.provider else ()),
        ("turnout-decision", decision.action),
        ("turnout-reason", decision.reason),
        ("turnout-mode", mode),
        ("turnout-attempts", str(head.attempts)),
    ]
    if decision.targets and decision.proposal != decision.targets[0]:
        headers.append(("turnout-proposal", decision.proposal))
    if decision.degraded:
        headers.append(("turnout-degraded", ",".join(decision.degraded)))
    answers = head.target or next(iter(decision.targets), "")
    if answers.endswith("@simulated"):
        headers.append(("turnout-simulated", "true"))
    return headers
