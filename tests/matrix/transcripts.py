"""What a request says in order, read from plain JSON of each wire: who said what, calls, results.

Items: ("system" | "user" | "assistant", text), ("image", link), ("document", link),
("call", id, name, arguments), ("result", id, items). Bytes in base64 are `data:` links everywhere.
Reasoning is left out. Text in the tag in which agents' harnesses put system text into a user's turn
is the system's; files that a wire cannot put into a result are the result's whose id they name.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.matrix.declared import Json
from turnout.capabilities import Dialect

Item = tuple[Any, ...]

_TAGGED = re.compile(r"<system-reminder>\n(.*)\n</system-reminder>", re.DOTALL)
_ATTACHED = re.compile(r"Attached to the result of (.*):")


def transcript_of(dialect: Dialect) -> Callable[[Json], object]:
    return _READERS[dialect]


def _said(role: str, text: str) -> Item:
    tagged = _TAGGED.fullmatch(text) if role == "user" else None
    return ("system", tagged[1]) if tagged else (role, text)


def _list(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    found: list[Json] = content or []
    return found


def _messages(body: Json) -> list[Item]:
    found: list[Item] = [("system", block["text"]) for block in _list(body.get("system"))]
    for message in body["messages"]:
        for block in _list(message["content"]):
            found += _block(message["role"], block)
    return found


def _block(role: str, block: Json) -> Iterator[Item]:
    match block["type"]:
        case "text":
            yield _said(role, block["text"])
        case "image" | "document" as kind:
            source = block["source"]
            if source["type"] == "text":
                yield (role, source["data"])
            elif source["type"] == "base64":
                yield (kind, f"data:{source['media_type']};base64,{source['data']}")
            else:
                yield (kind, source["url"])
        case "tool_use":
            yield ("call", block["id"], block["name"], block["input"])
        case "search_result":
            texts = [one["text"] for one in block["content"]]
            yield (role, "\n\n".join((block["title"], block["source"], *texts)))
        case "tool_result":
            inner = [item for one in _list(block.get("content")) for item in _block("text", one)]
            yield ("result", block["tool_use_id"], inner)
        case "thinking" | "redacted_thinking":
            return
        case kind:
            raise AssertionError(kind)


def _chat(body: Json) -> list[Item]:
    found: list[Item] = []
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            inner = [("text", one["text"]) for one in _list(message["content"])]
            found.append(("result", message["tool_call_id"], inner))
            continue
        attached: list[Item] | None = None
        for part in _list(message.get("content")):
            named = _ATTACHED.fullmatch(part.get("text", ""))
            if named:
                attached = next(i[2] for i in found if i[0] == "result" and i[1] == named[1])
            elif attached is not None and part["type"] != "text":
                attached.append(_chat_part(role, part))
            else:
                found.append(_chat_part(role, part))
        for call in message.get("tool_calls", ()):
            inner_call = call[call["type"]]
            if call["type"] == "custom":
                arguments: Any = {"input": inner_call["input"]}
            else:
                arguments = json.loads(inner_call["arguments"])
            found.append(("call", call["id"], inner_call["name"], arguments))
    return found


def _chat_part(role: str, part: Json) -> Item:
    match part["type"]:
        case "text":
            return _said("system" if role == "developer" else role, part["text"])
        case "image_url":
            return ("image", part["image_url"]["url"])
        case "file":
            return ("document", part["file"]["file_data"])
        case kind:
            raise AssertionError(kind)


def _responses(body: Json) -> list[Item]:
    found: list[Item] = []
    if body.get("instructions") is not None:
        found.append(("system", body["instructions"]))
    items = body["input"]
    if isinstance(items, str):
        return [*found, ("user", items)]
    for item in items:
        match item.get("type", "message"):
            case "message":
                role = "system" if item["role"] == "developer" else item["role"]
                found += [_responses_part(role, part) for part in _list(item["content"])]
            case "function_call":
                arguments = json.loads(item["arguments"])
                found.append(("call", item["call_id"], item["name"], arguments))
            case "custom_tool_call":
                found.append(("call", item["call_id"], item["name"], {"input": item["input"]}))
            case "function_call_output" | "custom_tool_call_output":
                inner = [_responses_part("text", part) for part in _list(item["output"])]
                found.append(("result", item["call_id"], inner))
            case "reasoning":
                continue
            case kind:
                raise AssertionError(kind)
    return found


def _responses_part(role: str, part: Json) -> Item:
    match part["type"]:
        case "text" | "input_text" | "output_text":
            return _said(role, part["text"])
        case "input_image":
            return ("image", part["image_url"])
        case "input_file":
            return ("document", part.get("file_url") or part["file_data"])
        case kind:
            raise AssertionError(kind)


def _gemini(body: Json) -> list[Item]:
    instruction = body.get("systemInstruction", {"parts": []})
    found: list[Item] = [("system", part["text"]) for part in instruction["parts"]]
    for content in body["contents"]:
        role = "assistant" if content["role"] == "model" else "user"
        for part in content["parts"]:
            if not part.get("thought"):
                found += _gemini_part(role, part)
    return found


def _gemini_part(role: str, part: Json) -> Iterator[Item]:
    match part:
        case {"text": text}:
            if text:
                yield _said(role, text)
        case {"inlineData": {"mimeType": media_type, "data": data}}:
            kind = "image" if media_type.startswith("image/") else "document"
            yield (kind, f"data:{media_type};base64,{data}")
        case {"fileData": {"mimeType": media_type, "fileUri": url}}:
            yield ("image" if media_type.startswith("image/") else "document", url)
        case {"functionCall": call}:
            yield ("call", call.get("id", ""), call["name"], call.get("args", {}))
        case {"functionResponse": result}:
            said = result["response"]
            texts = [said[key] for key in ("output", "result", "error") if key in said]
            inner: list[Item] = [("text", text) for text in texts if text]
            for one in result.get("parts", ()):
                inner += _gemini_part("text", one)
            yield ("result", result.get("id", ""), inner)
        case _:
            raise AssertionError(sorted(part))


_READERS: Mapping[Dialect, Callable[[Json], list[Item]]] = {
    "anthropic_messages": _messages,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini_generate": _gemini,
}
