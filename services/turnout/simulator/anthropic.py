"""The Anthropic Messages wire format, provider side: usage, answers, events and errors.

Rules of this module: pure; events come in Anthropic's order and with its fields, so that a strict
client accepts them; it shares nothing with `turnout.dialects`, so that each tests the other.
"""

import base64
from collections.abc import Sequence

import msgspec

from turnout.catalog import Catalog
from turnout.simulator.answers import Answer, Stop
from turnout.simulator.anthropic_request import FRAMING_TOKENS, LIFETIMES, read_request
from turnout.simulator.cache import Charge, PromptCache, account_of
from turnout.simulator.exchange import Call, Frame, Headers, Refused, split_text
from turnout.simulator.json_types import JsonObject
from turnout.simulator.preserved_thinking import sign

TEXT_PIECE = 24
"""Characters in one text delta: about what Anthropic puts into one."""

STOP_REASONS: dict[Stop, str] = {
    "end": "end_turn",
    "tool": "tool_use",
    "length": "max_tokens",
    "refusal": "refusal",
    "sequence": "stop_sequence",
    "blocked": "refusal",
}

ERROR_KINDS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}


class AnthropicWire:
    """`turnout.simulator.exchange.Wire` for Anthropic Messages."""

    def read(self, body: bytes, headers: Headers, catalog: Catalog) -> Call:
        return read_request(body, headers, catalog)

    def count(self, body: bytes, headers: Headers, catalog: Catalog) -> bytes:
        call = read_request(body, headers, catalog, counting=True)
        return msgspec.json.encode({"input_tokens": call.prompt_tokens})

    def charge(
        self, call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
    ) -> Charge:
        terms = catalog.caches[call.model.id]
        return cache.charge_explicit(
            call.blocks,
            account=account_of(credential=credential, model=call.model.id),
            minimum_tokens=terms.minimum_prefix_tokens,
            now=now,
        )

    def whole(self, call: Call, answer: Answer, charge: Charge, *, created_at: int) -> bytes:
        del created_at  # Anthropic's answers carry no time
        message = _message(call, answer)
        message["content"] = _content(call, answer)
        message["stop_reason"] = STOP_REASONS[answer.stop]
        message["stop_sequence"] = answer.stop_sequence
        message["usage"] = _usage(charge, output=answer.output_tokens) | _details(answer)
        return msgspec.json.encode(message)

    def frames(
        self, call: Call, answer: Answer, charge: Charge, *, created_at: int
    ) -> Sequence[Frame]:
        del created_at
        start = _message(call, answer)
        start["usage"] = _usage(charge, output=1)
        frames = [Frame("start", _event("message_start", message=start))]
        for index, block in enumerate(_content(call, answer)):
            frames.extend(_block_frames(index, block))
        usage = _usage(charge, output=answer.output_tokens) | _details(answer)
        del usage["cache_creation"], usage["service_tier"]
        delta = {
            "stop_reason": STOP_REASONS[answer.stop],
            "stop_sequence": answer.stop_sequence,
        }
        frames.append(
            Frame("end", _event("message_delta", delta=delta, usage=usage) + _event("message_stop"))
        )
        return frames

    def refusal(self, refused: Refused, *, request_id: str) -> bytes:
        return msgspec.json.encode(
            {
                "type": "error",
                "error": {"type": refused.kind, "message": refused.message},
                "request_id": request_id,
            }
        )

    def scripted_refusal(self, status: int, *, retry_after: float | None = None) -> Refused:
        del retry_after  # a header says it
        kind, message = ERROR_KINDS.get(status, ERROR_KINDS[400 if status < 500 else 500])
        return Refused(message, status=status, kind=kind)

    def stream_error(
        self, call: Call, answer: Answer, *, sent: Sequence[bytes], created_at: int
    ) -> bytes:
        del call, answer, sent, created_at
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def stream_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    def ping(self) -> bytes:
        return _event("ping")

    def request_id_header(self) -> str:
        return "request-id"


def list_models(catalog: Catalog) -> bytes:
    """The answer of `/v1/models` to a client that sends `anthropic-version`."""
    rows = [
        {
            "type": "model",
            "id": model.id,
            "display_name": model.id,
            "created_at": f"{model.release_date or '1970-01-01'}T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": model.capabilities.context_tokens,
            "max_tokens": model.capabilities.max_output_tokens,
        }
        for model in catalog.models.values()
        if model.provider == "anthropic"
    ]
    return msgspec.json.encode(
        {"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]}
    )


def _event(kind: str, **fields: object) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _message(call: Call, answer: Answer) -> JsonObject:
    dropped = [
        {"type": "thinking_dropped", "path": place, "reason": "prefix_binding_mismatch"}
        for place in call.dropped_thinking
    ]
    message: JsonObject = {
        "id": f"msg_01{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": call.model.upstream_name,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {},
    }
    if dropped:
        message["input_transformations"] = dropped
    return message


def _content(call: Call, answer: Answer) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if answer.thinking:
        sealed = sign(answer.thinking, call.prefix, vendor=call.model.provider)
        shown = "" if call.omit_thinking else answer.thinking
        blocks.append(
            {"type": "thinking", "thinking": shown, "signature": base64.b64encode(sealed).decode()}
        )
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    blocks.extend(
        {
            "type": "tool_use",
            "id": f"toolu_01{tool.id}",
            "name": tool.name,
            "input": msgspec.Raw(tool.arguments.encode()),
        }
        for tool in answer.calls
    )
    return blocks


def _block_frames(index: int, block: JsonObject) -> list[Frame]:
    """Start, deltas and stop of one block; the start travels with the first delta."""
    kind = block["type"]
    deltas: list[JsonObject]
    opened: JsonObject
    if kind == "thinking":
        opened = {"type": "thinking", "thinking": "", "signature": ""}
        pieces = split_text(str(block["thinking"]), TEXT_PIECE)
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "text":
        opened = {"type": "text", "text": ""}
        pieces = split_text(str(block["text"]), TEXT_PIECE)
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    else:
        no_input: JsonObject = {}
        opened = {**block, "input": no_input}
        arguments = msgspec.json.encode(block["input"]).decode()
        # The first fragment is empty, and a call without arguments has no other.
        pieces = ["", *(split_text(arguments, TEXT_PIECE) if arguments != "{}" else ())]
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    head = _event("content_block_start", index=index, content_block=opened)
    if index == 0:
        head += _event("ping")
    frames: list[Frame] = []
    for delta in deltas:
        frames.append(
            Frame("content", head + _event("content_block_delta", index=index, delta=delta))
        )
        head = b""
    frames.append(Frame("content", _event("content_block_stop", index=index)))
    return frames


def _usage(charge: Charge, *, output: int) -> JsonObject:
    short = charge.written.get(LIFETIMES["5m"], 0)
    long = charge.written.get(LIFETIMES["1h"], 0)
    return {
        "input_tokens": charge.fresh + FRAMING_TOKENS,
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": charge.read,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _details(answer: Answer) -> JsonObject:
    return {"output_tokens_details": {"thinking_tokens": answer.thinking_tokens}}
