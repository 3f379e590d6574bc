"""The OpenAI Chat Completions wire format, provider side: usage, answers, chunks and errors.

Rules of this module: pure; `prompt_tokens` includes what was read from and written to the cache,
as OpenAI reports it; reasoning is counted and hidden at OpenAI, and sent as `reasoning_content`
by the other providers of this dialect.
"""

from collections.abc import Sequence

import msgspec

from turnout.catalog import Catalog
from turnout.simulator.answers import Answer, Stop, ToolCall
from turnout.simulator.cache import Charge, PromptCache
from turnout.simulator.exchange import Call, Frame, Headers, Refused, split_text
from turnout.simulator.json_types import JsonObject
from turnout.simulator.openai_request import read_request
from turnout.simulator.prefix_charge import charge_prefix

TEXT_PIECE = 16
"""Characters in one delta: OpenAI sends about one token, a few at a time when busy."""

FINISH_REASONS: dict[Stop, str] = {
    "end": "stop",
    "tool": "tool_calls",
    "length": "length",
    "refusal": "stop",
    "sequence": "stop",
    "blocked": "content_filter",
}

ERROR_KINDS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Not supported."),
    404: ("invalid_request_error", None, "Not found."),
    413: ("invalid_request_error", None, "Maximum content size limit exceeded."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


class OpenAIWire:
    """`turnout.simulator.exchange.Wire` for OpenAI Chat Completions."""

    def read(self, body: bytes, headers: Headers, catalog: Catalog) -> Call:
        return read_request(body, headers, catalog)

    def count(self, body: bytes, headers: Headers, catalog: Catalog) -> bytes:
        del body, headers, catalog
        raise self.scripted_refusal(404)  # Chat Completions counts nothing

    def charge(
        self, call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
    ) -> Charge:
        return charge_prefix(call, cache, catalog=catalog, credential=credential, now=now)

    def whole(self, call: Call, answer: Answer, charge: Charge, *, created_at: int) -> bytes:
        message: JsonObject = {
            "role": "assistant",
            "content": answer.text or None,
            "refusal": None,
            "annotations": [],
        }
        if answer.stop == "refusal":
            message |= {"content": None, "refusal": answer.text}
        if answer.thinking and _shows_reasoning(call):
            message["reasoning_content"] = answer.thinking
        if answer.calls:
            message["tool_calls"] = [_call(tool, tool.arguments) for tool in answer.calls]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": FINISH_REASONS[answer.stop],
        }
        head = _head(call, answer, created_at=created_at, kind="chat.completion")
        return msgspec.json.encode(
            head | {"choices": [choice], "usage": _usage(call, answer, charge)}
        )

    def frames(
        self, call: Call, answer: Answer, charge: Charge, *, created_at: int
    ) -> Sequence[Frame]:
        head = _head(call, answer, created_at=created_at, kind="chat.completion.chunk")
        if call.include_usage:
            head["usage"] = None

        def chunk(delta: JsonObject, finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return _event(head | {"choices": [choice]})

        frames = [Frame("start", chunk({"role": "assistant", "content": "", "refusal": None}))]
        frames.extend(Frame("content", chunk(delta)) for delta in _deltas(call, answer))
        end = chunk({}, FINISH_REASONS[answer.stop])
        if call.include_usage:
            no_choices: list[object] = []
            end += _event(head | {"choices": no_choices, "usage": _usage(call, answer, charge)})
        frames.append(Frame("end", end + b"data: [DONE]\n\n"))
        return frames

    def refusal(self, refused: Refused, *, request_id: str) -> bytes:
        del request_id  # OpenAI says it in a header only
        return msgspec.json.encode({"error": error_object(refused)})

    def scripted_refusal(self, status: int, *, retry_after: float | None = None) -> Refused:
        del retry_after  # a header says it
        kind, code, message = ERROR_KINDS.get(status, ERROR_KINDS[400 if status < 500 else 500])
        return Refused(message, status=status, kind=kind, code=code)

    def stream_error(
        self, call: Call, answer: Answer, *, sent: Sequence[bytes], created_at: int
    ) -> bytes:
        del call, answer, sent, created_at
        return _event({"error": error_object(self.scripted_refusal(500))})

    def stream_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    def ping(self) -> bytes:
        return b""

    def request_id_header(self) -> str:
        return "x-request-id"


def list_models(catalog: Catalog) -> bytes:
    """The answer of `/v1/models` to a client of this dialect."""
    rows = [
        {"id": model.id, "object": "model", "created": 0, "owned_by": model.provider}
        for model in catalog.models.values()
        if catalog.speaks(model, "openai_chat", "openai_responses")
    ]
    return msgspec.json.encode({"object": "list", "data": rows})


def _event(data: JsonObject) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def error_object(refused: Refused) -> JsonObject:
    """OpenAI's words about a refusal."""
    return {
        "message": refused.message,
        "type": refused.kind,
        "param": refused.param,
        "code": refused.code,
    }


def _head(call: Call, answer: Answer, *, created_at: int, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": created_at,
        "model": call.model.upstream_name,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _deltas(call: Call, answer: Answer) -> list[JsonObject]:
    deltas: list[JsonObject] = []
    if answer.thinking and _shows_reasoning(call):
        pieces = split_text(answer.thinking, TEXT_PIECE)
        deltas.extend({"reasoning_content": piece} for piece in pieces)
    field = "refusal" if answer.stop == "refusal" else "content"
    deltas.extend({field: piece} for piece in split_text(answer.text, TEXT_PIECE))
    for index, tool in enumerate(answer.calls):
        kind, field = _spelling(tool)
        deltas.append({"tool_calls": [{"index": index, **_call(tool, "")}]})
        deltas.extend(
            {"tool_calls": [{"index": index, kind: {field: piece}}]}
            for piece in split_text(tool.arguments, TEXT_PIECE)
        )
    return deltas


def _call(tool: ToolCall, arguments: str) -> JsonObject:
    kind, field = _spelling(tool)
    return {
        "id": f"call_{tool.id}",
        "type": kind,
        kind: {"name": tool.name, field: arguments},
    }


def _spelling(tool: ToolCall) -> tuple[str, str]:
    """What the type of a call is, and what its arguments are called."""
    return ("custom", "input") if tool.kind == "freeform" else ("function", "arguments")


def _shows_reasoning(call: Call) -> bool:
    return call.model.provider != "openai"


def _usage(call: Call, answer: Answer, charge: Charge) -> JsonObject:
    details: JsonObject = {"cached_tokens": charge.read, "audio_tokens": 0}
    if call.model.prices.cache_write_other is not None:
        details["cache_write_tokens"] = sum(charge.written.values())
    usage: JsonObject = {
        "prompt_tokens": charge.total,
        "completion_tokens": answer.output_tokens,
        "total_tokens": charge.total + answer.output_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": answer.thinking_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if call.model.provider == "deepseek":
        usage["prompt_cache_hit_tokens"] = charge.read
        usage["prompt_cache_miss_tokens"] = charge.total - charge.read
    return usage
