"""What strict clients hold a message stream to, as a checker (opencode, Claude Code, the SDK)."""

import json

from turnout.dialects.sse import SseDecoder

STOP_REASONS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
}
DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "redacted_thinking": set[str](),
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
}
USAGE = {"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"}


def events_in(stream: bytes) -> list[dict[str, object]]:
    """The events, each named by its `event:` line and its type alike."""
    decoder = SseDecoder()
    events = decoder.feed(stream)
    assert decoder.at_boundary
    decoded = [json.loads(event.data) for event in events]
    assert [event.event for event in events] == [event["type"] for event in decoded]
    return decoded


def check(stream: bytes) -> dict[str, object]:
    """Assert the grammar; return the message that a client puts together."""
    first, *middle, delta, stop = [e for e in events_in(stream) if e["type"] != "ping"]
    assert first["type"] == "message_start"
    message = first["message"]
    assert isinstance(message, dict)
    assert message["role"] == "assistant"
    assert message["type"] == "message"
    assert message["content"] == []
    assert message["id"]
    assert message["usage"].keys() >= USAGE
    assert sum(message["usage"][name] for name in USAGE if name != "output_tokens") > 0
    content = _blocks(middle)
    assert delta["type"] == "message_delta"
    assert stop == {"type": "message_stop"}
    ending, usage = delta["delta"], delta["usage"]
    assert isinstance(ending, dict)
    assert isinstance(usage, dict)
    assert ending["stop_reason"] in STOP_REASONS
    assert usage.keys() >= USAGE
    assert sum(usage[name] for name in USAGE if name != "output_tokens") > 0
    has_tools = any(block["type"] == "tool_use" for block in content)
    assert (ending["stop_reason"] == "tool_use") <= has_tools
    assert (ending["stop_reason"] == "end_turn") <= (not has_tools)
    return {**message, **ending, "content": content, "usage": usage}


def check_cut(stream: bytes) -> None:
    """Assert the grammar of a stream that broke off: a beginning of one, then the error."""
    first, *middle, error = [e for e in events_in(stream) if e["type"] != "ping"]
    assert first["type"] == "message_start"
    _blocks(middle, is_cut=True)
    assert error["type"] == "error"
    told = error["error"]
    assert isinstance(told, dict)
    assert told["type"]
    assert told["message"]


def _blocks(events: list[dict[str, object]], *, is_cut: bool = False) -> list[dict[str, object]]:
    content: list[dict[str, object]] = []
    pieces: list[str] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(content)
                block = event["content_block"]
                assert isinstance(block, dict)
                assert block.get("input", {}) == {}
                content.append(dict(block))
                is_open, pieces = True, []
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(content) - 1
                _add(content[-1], event["delta"], pieces)
            case "content_block_stop":
                assert is_open
                assert event["index"] == len(content) - 1
                is_open = False
                if content[-1]["type"] == "tool_use":
                    content[-1]["input"] = "".join(pieces)
                    assert content[-1]["input"]
                    assert content[-1]["id"]
                    assert content[-1]["name"]
                if content[-1]["type"] == "text":
                    assert content[-1]["text"] or content[-1].get("citations")
            case other:
                raise AssertionError(f"{other} has no place between the blocks")
    assert is_cut or not is_open
    return content


def _add(block: dict[str, object], delta: object, pieces: list[str]) -> None:
    assert isinstance(delta, dict)
    kind = delta["type"]
    assert kind in DELTAS[str(block["type"])]
    match kind:
        case "text_delta":
            block["text"] = str(block["text"]) + delta["text"]
        case "thinking_delta":
            block["thinking"] = str(block["thinking"]) + delta["thinking"]
        case "signature_delta":
            block["signature"] = str(block["signature"]) + delta["signature"]
        case "input_json_delta":
            pieces.append(delta["partial_json"])
        case "citations_delta":
            # Anthropic's own stand in front of the text that they are for.
            block["citations"] = [*_listed(block.get("citations")), delta["citation"]]
        case other:
            raise AssertionError(f"{other} is no delta")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
