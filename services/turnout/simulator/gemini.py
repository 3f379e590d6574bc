"""The Gemini wire format, provider side: candidates, usage, streams and errors.

Rules of this module: pure; a stream is a sequence of whole answers, each with the usage so far, as
server-sent events with `alt=sse` and as one JSON array without. Thoughts are counted apart from the
candidates. Function calls come whole; the first of an answer carries the signature of the thoughts.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from turnout.catalog import Catalog
from turnout.simulator.answers import Answer, Stop, ToolCall
from turnout.simulator.cache import Charge, PromptCache
from turnout.simulator.exchange import Call, Frame, Headers, Refused, split_text
from turnout.simulator.gemini_request import count_request, is_old, read_request
from turnout.simulator.json_types import JsonObject
from turnout.simulator.prefix_charge import charge_prefix
from turnout.simulator.seals import seal

TEXT_PIECE = 60
"""Characters in one chunk: Gemini sends a few words at a time."""

DEFAULT_RETRY_SECONDS = 1.0
"""What a 429 asks for when the script names no time."""

FINISH_REASONS: dict[Stop, str] = {
    "end": "STOP",
    "tool": "STOP",
    "length": "MAX_TOKENS",
    "refusal": "SAFETY",
    "sequence": "STOP",
    "blocked": "PROHIBITED_CONTENT",
}

STATUSES: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    429: (
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. For more"
        " information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
    ),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiWire:
    """`turnout.simulator.exchange.Wire` for Gemini; the path says what others have in the body."""

    model: str = ""
    method: str = "generateContent"
    version: str = "v1beta"
    is_sse: bool = True

    def read(self, body: bytes, headers: Headers, catalog: Catalog) -> Call:
        return read_request(
            body,
            headers,
            catalog,
            name=self.model,
            method=self.method,
            version=self.version,
        )

    def count(self, body: bytes, headers: Headers, catalog: Catalog) -> bytes:
        total = count_request(body, headers, catalog, name=self.model, version=self.version)
        return msgspec.json.encode(
            {
                "totalTokens": total,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}],
            }
        )

    def charge(
        self, call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
    ) -> Charge:
        return charge_prefix(call, cache, catalog=catalog, credential=credential, now=now)

    def whole(self, call: Call, answer: Answer, charge: Charge, *, created_at: int) -> bytes:
        del created_at  # Gemini's answers carry no time
        output = answer.output_tokens - answer.thinking_tokens
        usage = _usage(charge, thoughts=answer.thinking_tokens, candidates=output)
        parts = [part for part, _ in _parts(call, answer)]
        return msgspec.json.encode(_head(call, answer) | _outcome(answer, parts) | usage)

    def frames(
        self, call: Call, answer: Answer, charge: Charge, *, created_at: int
    ) -> Sequence[Frame]:
        del created_at
        head = _head(call, answer)
        output = answer.output_tokens - answer.thinking_tokens
        # Thoughts that are not shown have been thought before anything is said.
        thoughts = answer.thinking_tokens if call.omit_thinking else 0
        candidates = 0
        chunks: list[JsonObject] = []
        for part, tokens in _pieces(call, answer):
            if part.get("thought"):
                thoughts = min(thoughts + tokens, answer.thinking_tokens)
            else:
                candidates = min(candidates + tokens, output)
            usage = _usage(charge, thoughts=thoughts, candidates=candidates)
            chunks.append(head | {"candidates": [_candidate([part])]} | usage)
        usage = _usage(charge, thoughts=answer.thinking_tokens, candidates=output)
        chunks.append(head | _outcome(answer, _last_parts(call, answer)) | usage)
        return self._framed(chunks)

    def refusal(self, refused: Refused, *, request_id: str) -> bytes:
        del request_id  # Google says none
        error = _error(refused)
        # A stream that is an array is one when it fails, too.
        is_array = self.method == "streamGenerateContent" and not self.is_sse
        return msgspec.json.encode([error] if is_array else error)

    def scripted_refusal(self, status: int, *, retry_after: float | None = None) -> Refused:
        _, message = STATUSES.get(status, STATUSES[400 if status < 500 else 500])
        if status != 429:
            return Refused(message, status=status)
        seconds = DEFAULT_RETRY_SECONDS if retry_after is None else retry_after
        details: list[JsonObject] = [
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [
                    {
                        "description": "Learn more about Gemini API quotas",
                        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                    }
                ],
            },
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": f"{seconds:g}s",
            },
        ]
        return Refused(f"{message}\nPlease retry in {seconds:g}s.", status=status, details=details)

    def stream_error(
        self, call: Call, answer: Answer, *, sent: Sequence[bytes], created_at: int
    ) -> bytes:
        del call, answer, created_at
        error = msgspec.json.encode(_error(self.scripted_refusal(503)))
        if self.is_sse:
            # Google's end of a stream that fails is indented JSON without `data:`.
            return msgspec.json.format(error, indent=2) + b"\n"
        return (b",\r\n" if len(sent) > 1 else b"") + error + b"]"

    def stream_type(self) -> str:
        return "text/event-stream" if self.is_sse else "application/json; charset=UTF-8"

    def ping(self) -> bytes:
        return b""

    def request_id_header(self) -> str:
        return "x-goog-request-id"

    def _framed(self, chunks: list[JsonObject]) -> list[Frame]:
        *content, last = (msgspec.json.encode(chunk) for chunk in chunks)
        if self.is_sse:
            return [
                *(Frame("content", _event(data)) for data in content),
                Frame("end", _event(last)),
            ]
        frames = [Frame("start", b"[")]
        separator = b""
        for data in content:
            frames.append(Frame("content", separator + data))
            separator = b",\r\n"
        return [*frames, Frame("end", separator + last + b"]")]


def list_models(catalog: Catalog) -> bytes:
    """The answer of `/v1beta/models`."""
    return msgspec.json.encode(
        {
            "models": [
                {
                    "name": f"models/{model.upstream_name}",
                    "version": "001",
                    "displayName": model.id,
                    "inputTokenLimit": model.capabilities.context_tokens,
                    "outputTokenLimit": model.capabilities.max_output_tokens,
                    "supportedGenerationMethods": ["generateContent", "countTokens"],
                    "thinking": model.capabilities.thinking,
                }
                for model in catalog.models.values()
                if catalog.speaks(model, "gemini_generate")
            ]
        }
    )


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\r\n\r\n"


def _error(refused: Refused) -> JsonObject:
    status, _ = STATUSES.get(refused.status, STATUSES[400 if refused.status < 500 else 500])
    error: JsonObject = {
        "code": refused.status,
        "message": refused.message,
        "status": status,
    }
    if refused.details:
        error["details"] = refused.details
    return {"error": error}


def _head(call: Call, answer: Answer) -> JsonObject:
    return {"modelVersion": call.model.upstream_name, "responseId": answer.id}


def _candidate(parts: list[JsonObject]) -> JsonObject:
    return {"content": {"parts": parts, "role": "model"}, "index": 0}


def _outcome(answer: Answer, parts: list[JsonObject]) -> JsonObject:
    """How an answer ends: with its reason, or without any candidate."""
    match answer.stop:
        case "blocked":
            return {"promptFeedback": {"blockReason": FINISH_REASONS["blocked"]}}
        case "refusal":
            rating = {
                "category": "HARM_CATEGORY_DANGEROUS_CONTENT",
                "probability": "HIGH",
                "blocked": True,
            }
            candidate: JsonObject = {"index": 0, "safetyRatings": [rating]}
        case _:
            candidate = _candidate(parts)
    return {"candidates": [candidate | {"finishReason": FINISH_REASONS[answer.stop]}]}


def _usage(charge: Charge, *, thoughts: int, candidates: int) -> JsonObject:
    usage: JsonObject = {
        "promptTokenCount": charge.total,
        "candidatesTokenCount": candidates,
        "totalTokenCount": charge.total + candidates + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": charge.total}],
    }
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    if charge.read:
        usage["cachedContentTokenCount"] = charge.read
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": charge.read}]
    return {"usageMetadata": usage}


def _pieces(call: Call, answer: Answer) -> list[tuple[JsonObject, int]]:
    """The parts as they are streamed, with the tokens of each."""
    if answer.stop in {"refusal", "blocked"}:
        return []
    count = answer.measure.count_text
    pieces: list[tuple[JsonObject, int]] = []
    for part, tokens in _parts(call, answer):
        text = part.get("text")
        if not isinstance(text, str):
            pieces.append((part, tokens))
        else:
            kept: JsonObject = {"thought": True} if part.get("thought") else {}
            pieces.extend(
                ({"text": piece, **kept}, count(piece)) for piece in split_text(text, TEXT_PIECE)
            )
    return pieces


def _parts(call: Call, answer: Answer) -> list[tuple[JsonObject, int]]:
    """The parts of a whole answer, with the tokens of each."""
    count = answer.measure.count_text
    parts: list[tuple[JsonObject, int]] = []
    if answer.thinking and not call.omit_thinking:
        parts.append(({"text": answer.thinking, "thought": True}, answer.thinking_tokens))
    if answer.text:
        signed = {} if answer.calls else _signature(call, answer)
        parts.append(({"text": answer.text, **signed}, count(answer.text)))
    for number, tool in enumerate(answer.calls):
        part = _call_part(call, tool) | (_signature(call, answer) if number == 0 else {})
        parts.append((part, count(tool.name) + count(tool.arguments)))
    return parts


def _last_parts(call: Call, answer: Answer) -> list[JsonObject]:
    """What the last chunk holds: no text, and the signature where no call has carried it."""
    return [{"text": "", **({} if answer.calls else _signature(call, answer))}]


def _call_part(call: Call, tool: ToolCall) -> JsonObject:
    function: JsonObject = {"name": tool.name, "args": msgspec.Raw(tool.arguments.encode())}
    if not is_old(call.model):
        function["id"] = tool.id[-16:]
    return {"functionCall": function}


def _signature(call: Call, answer: Answer) -> JsonObject:
    """Since Gemini 3 every answer is signed; before, those that were thought about."""
    if is_old(call.model) and not answer.thinking:
        return {}
    sealed = seal("thought", model=call.model.id, content=answer.id)
    return {"thoughtSignature": base64.b64encode(sealed).decode()}
