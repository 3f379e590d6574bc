"""What a provider says in the two dialects: one answer with its events apart, and what is wrong with others.

All answers report the same tokens.
"""

from dataclasses import dataclass
from typing import Final

from tests.upstream_dispatcher.samples import chat_event

INPUT: Final = 1000
OUTPUT: Final = 10
"""Tokens that every whole answer reports."""

BACKUP: Final = "backup"
"""The model that answers where another failed."""

BACKUP_TEXT: Final = "of the backup"

FIRST_WORD: Final = b"Hello"
"""Of every answer."""

NO_JSON: Final = '{"path": "a'
"""Arguments of a tool call that stop in the middle."""


@dataclass(frozen=True, slots=True)
class Words:
    """Of one dialect, as bytes.

    Attributes:
        start, text, more, end: the events of a stream in order; `text` is the first content.
        error_event: in a stream; `error_body` is the same for an answer that is none.
        tool_stream, tool_whole: an answer that calls a tool with `NO_JSON`, as far as the dialect can.
    """

    start: bytes
    text: bytes
    more: bytes
    end: bytes
    whole: bytes
    error_event: bytes
    error_body: bytes
    tool_stream: bytes
    tool_whole: bytes

    @property
    def stream(self) -> bytes:
        return self.start + self.text + self.more + self.end


def _message_event(kind: str, rest: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}",{rest}}}\n\n'.encode()


def _message_delta(text: str) -> bytes:
    told = f'"index":0,"delta":{{"type":"text_delta","text":"{text}"}}'
    return _message_event("content_block_delta", told)


def _message_end(stop_reason: str) -> bytes:
    return (
        _message_event("content_block_stop", '"index":0')
        + _message_event(
            "message_delta",
            f'"delta":{{"stop_reason":"{stop_reason}","stop_sequence":null}},'
            f'"usage":{{"output_tokens":{OUTPUT}}}',
        )
        + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def _message(content: str, *, stop: str) -> str:
    return (
        '{"id":"msg_1","type":"message","role":"assistant","model":"m","content":['
        f'{content}],"stop_reason":{stop},"stop_sequence":null,'
        f'"usage":{{"input_tokens":{INPUT},"output_tokens":{OUTPUT if content else 1}}}}}'
    )


_MESSAGE_START = _message_event("message_start", f'"message":{_message("", stop="null")}')
_ANTHROPIC_ERROR = '"error":{"type":"api_error","message":"of the provider"}'

ANTHROPIC: Final = Words(
    start=_MESSAGE_START,
    text=_message_event(
        "content_block_start", '"index":0,"content_block":{"type":"text","text":""}'
    )
    + _message_delta("Hello"),
    more=_message_delta(" there"),
    end=_message_end("end_turn"),
    whole=_message('{"type":"text","text":"Hello there"}', stop='"end_turn"').encode(),
    error_event=_message_event("error", _ANTHROPIC_ERROR),
    error_body=f'{{"type":"error",{_ANTHROPIC_ERROR}}}'.encode(),
    tool_stream=_MESSAGE_START
    + _message_event(
        "content_block_start",
        '"index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}',
    )
    + _message_event(
        "content_block_delta",
        '"index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"path\\": \\"a"}',
    )
    + _message_end("tool_use"),
    tool_whole=_message(
        '{"type":"tool_use","id":"toolu_1","name":"read","input":"{\\"path\\": \\"a"}',
        stop='"tool_use"',
    ).encode(),
)


def _chunk(choices: str, rest: str = "") -> bytes:
    return chat_event(
        '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",'
        f'"choices":[{choices}]{rest}}}'
    )


def _delta(delta: str, finish: str = "null") -> bytes:
    return _chunk(f'{{"index":0,"delta":{{{delta}}},"finish_reason":{finish}}}')


_USAGE = (
    f',"usage":{{"prompt_tokens":{INPUT},"completion_tokens":{OUTPUT},'
    f'"total_tokens":{INPUT + OUTPUT}}}'
)


def _completion(message: str, *, finish: str) -> bytes:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
        f'"message":{{"role":"assistant",{message}}},"finish_reason":"{finish}"}}]{_USAGE}}}'
    ).encode()


_CHAT_ERROR = (
    '{"error":{"message":"of the provider","type":"server_error","param":null,"code":null}}'
)
_CALL = (
    '"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read",'
    '"arguments":"{\\"path\\": \\"a"}}]'
)
_CHAT_START = _delta('"role":"assistant","content":""')
_CHAT_DONE = b"data: [DONE]\n\n"

CHAT: Final = Words(
    start=_CHAT_START,
    text=_delta('"content":"Hello"'),
    more=_delta('"content":" there"'),
    end=_delta("", '"stop"') + _chunk("", _USAGE) + _CHAT_DONE,
    whole=_completion('"content":"Hello there"', finish="stop"),
    error_event=chat_event(_CHAT_ERROR),
    error_body=_CHAT_ERROR.encode(),
    tool_stream=_CHAT_START
    + _delta(_CALL)
    + _delta("", '"tool_calls"')
    + _chunk("", _USAGE)
    + _CHAT_DONE,
    tool_whole=_completion(f'"content":null,{_CALL}', finish="tool_calls"),
)

BACKUP_STREAM: Final = _CHAT_START + _delta(f'"content":"{BACKUP_TEXT}"') + CHAT.end
BACKUP_WHOLE: Final = _completion(f'"content":"{BACKUP_TEXT}"', finish="stop")
