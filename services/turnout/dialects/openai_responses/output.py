"""Output items and the response object around them, as streams and whole answers both write them.

Rules: every field that the SDK's types require is there; ids of items follow from the response's id
and their place, so that the same answer has the same ids; reasoning of another maker is a summary,
because that is what clients show, with our seal where OpenAI's own would be, so that it can be told
from OpenAI's when a client sends it back.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.dialects.conversation import (
    Annotation,
    Opaque,
    Refusal,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
)
from turnout.dialects.openai_responses.asked import one_line
from turnout.dialects.openai_responses.items_encode import sealed_form
from turnout.dialects.openai_responses.stop import IncompleteReason
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, split_name
from turnout.dialects.openai_responses.usage import encode_usage
from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED
from turnout.dialects.seal import seal
from turnout.dialects.stream import AnswerPart
from turnout.dialects.usage import Usage

Json = dict[str, object]
Status: TypeAlias = Literal["in_progress", "completed", "incomplete", "failed"]

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def item_id(prefix: str, response_id: str, number: int) -> str:
    return f"{prefix}_{digest(response_id.encode(), str(number).encode())}"


def made_call_id(response_id: str, number: int) -> str:
    """For a call that came without an id: clients refuse an empty one."""
    return item_id("call", response_id, number)


def response_object(
    *,
    response_id: str,
    model: str,
    created_at: int,
    status: Status,
    asked: Json,
    completed_at: int | None = None,
    output: Sequence[object] = (),
    reason: IncompleteReason | None = None,
    error: Json | None = None,
    usage: Usage | None = None,
) -> Json:
    """`asked` is what it repeats of the request, as `asked.repeated` reads it."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "status": status,
        "completed_at": completed_at,
        "error": error,
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": model,
        "output": list(output),
        "usage": None if usage is None else encode_usage(usage),
        **asked,
    }


def message_item(part_id: str, content: Sequence[Json], status: Status) -> Json:
    return {
        "id": part_id,
        "type": "message",
        "status": status,
        "content": list(content),
        "role": "assistant",
    }


def text_part(text: str, annotations: Sequence[Json], logprobs: Sequence[TokenLogprob]) -> Json:
    return {
        "type": "output_text",
        "annotations": list(annotations),
        "logprobs": encode_logprobs(logprobs),
        "text": text,
    }


def refusal_part(text: str) -> Json:
    return {"type": "refusal", "refusal": text}


def reasoning_item(part_id: str, text: str, sealed: str) -> Json:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {
        "id": part_id,
        "type": "reasoning",
        "summary": summary,
        "encrypted_content": sealed or None,
    }


def call_item(
    number: int,
    *,
    response_id: str,
    call_id: str,
    name: str,
    arguments: str,
    kind: ToolKind,
    status: Status,
) -> Json:
    """A call as the client knows its tool: of a namespace, freeform, or its own search."""
    call_id = call_id or made_call_id(response_id, number)
    if name == TOOL_SEARCH and kind == "function":
        return {
            "id": item_id("tsc", response_id, number),
            "type": "tool_search_call",
            "status": status,
            "execution": "client",
            "call_id": call_id,
            "arguments": object_of(arguments),
        }
    namespace, plain = split_name(name)
    item: Json = {"id": "", "type": "", "status": status, "call_id": call_id, "name": plain}
    if kind == "custom":
        item |= {
            "id": item_id("ctc", response_id, number),
            "type": "custom_tool_call",
            "input": arguments,
        }
    else:
        item |= {
            "id": item_id("fc", response_id, number),
            "type": "function_call",
            "arguments": arguments,
        }
    return item | {"namespace": namespace} if namespace else item


def opaque_item(part: Opaque) -> Json | None:
    """An item that only this dialect understands, its values raw; None for those of others."""
    if part.dialect != "openai_responses":
        return None
    return dict(_OBJECT.decode(part.json))


def object_of(arguments: str) -> object:
    """Arguments as the object that a search has, in the model's own characters."""
    try:
        _OBJECT.decode(arguments)
    except MALFORMED:
        return {"query": arguments} if arguments.strip() else {}
    return one_line(arguments.encode())


def seal_of(thinking: Thinking) -> str:
    """`encrypted_content`: OpenAI's own, or ours around what another maker has sealed."""
    if thinking.provenance.dialect == "openai_responses":
        return sealed_form(thinking)
    if not (thinking.text or thinking.signature or thinking.redacted):
        return ""
    return seal(thinking.provenance, signature=thinking.signature, redacted=thinking.redacted)


def encode_annotation(annotation: Annotation, *, length: int) -> Json | None:
    """A source of a text of which `length` characters have been said; None of what is no object."""
    if annotation.dialect == "openai_responses":
        try:
            return dict(_OBJECT.decode(annotation.json))
        except MALFORMED:
            return None
    cited = annotation.citation
    if cited is None:
        return None
    return {
        "type": "url_citation",
        "url": cited.url,
        "title": cited.title,
        # Others cite for a text as a whole.
        "start_index": 0 if cited.start is None else cited.start,
        "end_index": length if cited.end is None else cited.end,
    }


def encode_logprobs(logprobs: Sequence[TokenLogprob]) -> list[Json]:
    return [
        _logprob(one.token, one.logprob, one.data)
        | {"top_logprobs": [_logprob(token, value, None) for token, value in one.top]}
        for one in logprobs
    ]


def _logprob(token: str, value: float, data: tuple[int, ...] | None) -> Json:
    spelled = token.encode() if data is None else data
    return {"token": token, "logprob": value, "bytes": list(spelled)}


def output_of(parts: Sequence[AnswerPart], *, response_id: str, status: Status) -> list[Json]:
    """The items of a whole answer; `status` is that of its last part."""
    items: list[Json] = []
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        item = _item(part, response_id, len(items), status if is_last else "completed")
        if item is not None:
            items.append(item)
    if not items:
        # Clients read the first item without looking.
        items.append(message_item(item_id("msg", response_id, 0), [text_part("", (), ())], status))
    return items


def _item(part: AnswerPart, response_id: str, number: int, status: Status) -> Json | None:
    match part:
        case Text(text=text):
            if not text:
                return None
            cited = (encode_annotation(a, length=len(text)) for a in part.annotations)
            annotations = [one for one in cited if one is not None]
            content = text_part(text, annotations, part.logprobs)
            return message_item(item_id("msg", response_id, number), [content], status)
        case Refusal(text=text):
            if not text:
                return None
            return message_item(item_id("msg", response_id, number), [refusal_part(text)], status)
        case Thinking(text=text):
            sealed = seal_of(part)
            if not text and not sealed:
                return None
            return reasoning_item(item_id("rs", response_id, number), text, sealed)
        case ToolCall():
            return call_item(
                number,
                response_id=response_id,
                call_id=part.call_id,
                name=part.name,
                arguments=part.arguments,
                kind=part.kind,
                status=status,
            )
        case Opaque():
            return opaque_item(part)
