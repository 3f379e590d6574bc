"""Answers of providers, as they come over the wire."""


def chat_event(json: str) -> bytes:
    return f"data: {json}\n\n".encode()


def _chat(rest: str) -> bytes:
    return chat_event(
        '{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"gpt-5.4-2026-03-05",'
        + rest
        + "}"
    )


CHAT_ROLE = _chat(
    '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
)
CHAT_TEXT = _chat('"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]')
CHAT_MORE = _chat('"choices":[{"index":0,"delta":{"content":" there"},"finish_reason":null}]')
CHAT_STOP = _chat('"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]')
CHAT_USAGE = _chat(
    '"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,'
    '"prompt_tokens_details":{"cached_tokens":600}}'
)
CHAT_DONE = b"data: [DONE]\n\n"
CHAT_STREAM = (CHAT_ROLE, CHAT_TEXT, CHAT_MORE, CHAT_STOP, CHAT_USAGE, CHAT_DONE)
UPSTREAM_NAME, ASKED_NAME = b'"gpt-5.4-2026-03-05"', b'"gpt-5.4"'
"""What another provider than OpenAI would hardly answer; the client asks for `gpt-5.4`."""

CHAT_ERROR = chat_event(
    '{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}'
)
CHAT_WHOLE = (
    b'{"id":"chatcmpl-9","object":"chat.completion","created":1,"model":"gpt-5.4-2026-03-05",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,'
    b'"prompt_tokens_details":{"cached_tokens":600}}}'
)
JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream")
MESSAGE_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_of_the_first",'
    b'"type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,'
    b'"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
)
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
