"""The anthropic SDK."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

import anthropic
from anthropic.types import (
    ImageBlockParam,
    MessageParam,
    ThinkingConfigAdaptiveParam,
    ToolParam,
    ToolResultBlockParam,
)

from tests.e2e.talks.talk import (
    LOOK,
    MAX_TOKENS,
    PNG_TEXT,
    RUN,
    SCHEMA,
    Asked,
    Called,
    Told,
    Weather,
)

_SHOWN: Final[ThinkingConfigAdaptiveParam] = {"type": "adaptive", "display": "summarized"}
_PICTURE: Final[ImageBlockParam] = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG_TEXT},
}
_TOOLS: Final[list[ToolParam]] = [
    {"name": name, "description": "A tool", "input_schema": {**SCHEMA}} for name in (LOOK, RUN)
]


@dataclass(slots=True)
class AnthropicTalk:
    client: anthropic.Anthropic
    messages: list[MessageParam] = field(default_factory=list)

    def say(self, text: str, *, with_picture: bool = False) -> None:
        images = [_PICTURE] if with_picture else []
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}, *images]})

    def answer(self, asked: Asked) -> Told:
        first: int | None = None
        if asked.stream:
            with self._stream(asked) as stream:
                for event in stream:
                    if event.type == "message_start":
                        first = event.message.usage.input_tokens
                message: anthropic.types.Message = stream.get_final_message()
        else:
            message = self.client.messages.create(
                model=asked.model,
                max_tokens=MAX_TOKENS,
                messages=self.messages,
                tools=_TOOLS if asked.tools else anthropic.omit,
                thinking=_SHOWN if asked.thinking else anthropic.omit,
                extra_headers=asked.headers,
            )
        self.messages.append({"role": "assistant", "content": message.content})
        usage = message.usage
        return Told(
            model=message.model,
            text="".join(block.text for block in message.content if block.type == "text"),
            stop={"end_turn": "end", "tool_use": "tool"}.get(str(message.stop_reason), "other"),
            calls=tuple(
                Called(block.id, block.name, block.input)
                for block in message.content
                if block.type == "tool_use"
            ),
            thoughts=any(block.type == "thinking" for block in message.content),
            shown=any(block.type == "thinking" and block.thinking for block in message.content),
            input_count=usage.input_tokens + (usage.cache_read_input_tokens or 0),
            output_count=usage.output_tokens,
            first_input=first,
        )

    def pieces(self, asked: Asked) -> Generator[object]:
        with self._stream(asked) as stream:
            yield from stream

    def _stream(self, asked: Asked) -> anthropic.MessageStreamManager[None]:
        return self.client.messages.stream(
            model=asked.model,
            max_tokens=MAX_TOKENS,
            messages=self.messages,
            tools=_TOOLS if asked.tools else anthropic.omit,
            thinking=_SHOWN if asked.thinking else anthropic.omit,
            extra_headers=asked.headers,
        )

    def give(self, called: Called, text: str, *, with_picture: bool = False) -> None:
        images = [_PICTURE] if with_picture else []
        result: ToolResultBlockParam = {
            "type": "tool_result",
            "tool_use_id": called.id,
            "content": [{"type": "text", "text": text}, *images],
        }
        before = self.messages[-1]
        if before["role"] == "user" and isinstance(before["content"], list):
            before["content"].append(result)
        else:
            self.messages.append({"role": "user", "content": [result]})

    def weather(self, asked: Asked) -> Weather | None:
        if asked.stream:
            with self.client.messages.stream(
                model=asked.model,
                max_tokens=MAX_TOKENS,
                messages=self.messages,
                output_format=Weather,
            ) as stream:
                return stream.get_final_message().parsed_output
        return self.client.messages.parse(
            model=asked.model,
            max_tokens=MAX_TOKENS,
            messages=self.messages,
            output_format=Weather,
        ).parsed_output
