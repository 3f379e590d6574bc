"""The openai SDK, chat completions."""

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

import openai
from openai.lib.streaming.chat import ChatCompletionStreamManager
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionContentPartImageParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
)

from tests.e2e.talks.talk import (
    LOOK,
    PNG_TEXT,
    RUN,
    SCHEMA,
    Asked,
    Called,
    Told,
    Weather,
)

_PICTURE: Final[ChatCompletionContentPartImageParam] = {
    "type": "image_url",
    "image_url": {"url": f"data:image/png;base64,{PNG_TEXT}"},
}
_TOOLS: Final[list[ChatCompletionFunctionToolParam]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "A tool",
            "parameters": SCHEMA,
            "strict": True,
        },
    }
    for name in (LOOK, RUN)
]


@dataclass(slots=True)
class ChatTalk:
    client: openai.OpenAI
    messages: list[ChatCompletionMessageParam] = field(default_factory=list)

    def say(self, text: str, *, with_picture: bool = False) -> None:
        images = [_PICTURE] if with_picture else []
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}, *images]})

    def answer(self, asked: Asked) -> Told:
        if asked.stream:
            with self._stream(asked) as stream:
                completion: ChatCompletion = stream.get_final_completion()
        else:
            completion = self.client.chat.completions.create(
                model=asked.model,
                messages=self.messages,
                tools=_TOOLS if asked.tools else openai.omit,
                reasoning_effort="medium" if asked.thinking else openai.omit,
                extra_headers=asked.headers,
            )
        (choice,) = completion.choices
        message = choice.message
        assert completion.usage is not None
        # What the SDK has no name for, such as `reasoning_content`, is in the dump as well.
        echo: ChatCompletionMessageParam = json.loads(message.to_json())
        self.messages.append(echo)
        return Told(
            model=completion.model,
            text=message.content or "",
            stop={"stop": "end", "tool_calls": "tool"}.get(choice.finish_reason, "other"),
            calls=tuple(
                Called(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or ()
                if call.type == "function"
            ),
            # Sealed reasoning comes in the second.
            thoughts=not {"reasoning_content", "reasoning_details"}.isdisjoint(
                message.model_extra or {}
            ),
            shown=bool((message.model_extra or {}).get("reasoning_content")),
            input_count=completion.usage.prompt_tokens,
            output_count=completion.usage.completion_tokens,
        )

    def pieces(self, asked: Asked) -> Generator[object]:
        with self._stream(asked) as stream:
            yield from stream

    def _stream(self, asked: Asked) -> ChatCompletionStreamManager[None]:
        return self.client.chat.completions.stream(
            model=asked.model,
            messages=self.messages,
            tools=_TOOLS if asked.tools else openai.omit,
            reasoning_effort="medium" if asked.thinking else openai.omit,
            stream_options={"include_usage": True},
            extra_headers=asked.headers,
        )

    def give(self, called: Called, text: str, *, with_picture: bool = False) -> None:
        assert not with_picture, "a message of a tool is text alone"
        self.messages.append({"role": "tool", "tool_call_id": called.id, "content": text})

    def weather(self, asked: Asked) -> Weather | None:
        if asked.stream:
            with self.client.chat.completions.stream(
                model=asked.model, messages=self.messages, response_format=Weather
            ) as stream:
                return stream.get_final_completion().choices[0].message.parsed
        completion = self.client.chat.completions.parse(
            model=asked.model, messages=self.messages, response_format=Weather
        )
        return completion.choices[0].message.parsed
