"""The openai SDK, responses."""

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

import openai
from openai.lib.streaming.responses import ResponseStreamManager
from openai.types.responses import (
    FunctionToolParam,
    Response,
    ResponseFunctionCallOutputItemParam,
    ResponseInputImageParam,
    ResponseInputItemParam,
    ResponseOutputItem,
)
from openai.types.responses.response_input_item_param import FunctionCallOutput

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

_URL: Final = f"data:image/png;base64,{PNG_TEXT}"
_PICTURE: Final[ResponseInputImageParam] = {
    "type": "input_image",
    "detail": "auto",
    "image_url": _URL,
}
_TOOLS: Final[list[FunctionToolParam]] = [
    {
        "type": "function",
        "name": name,
        "description": "A tool",
        "parameters": SCHEMA,
        "strict": True,
    }
    for name in (LOOK, RUN)
]


@dataclass(slots=True)
class ResponsesTalk:
    """Nothing is stored: every answer goes back whole, its encrypted reasoning with it."""

    client: openai.OpenAI
    items: list[ResponseInputItemParam] = field(default_factory=list)

    def say(self, text: str, *, with_picture: bool = False) -> None:
        images = [_PICTURE] if with_picture else []
        self.items.append(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}, *images],
            }
        )

    def answer(self, asked: Asked) -> Told:
        if asked.stream:
            with self._stream(asked) as stream:
                response: Response = stream.get_final_response()
        else:
            response = self.client.responses.create(
                model=asked.model,
                input=self.items,
                tools=_TOOLS if asked.tools else openai.omit,
                store=False,
                include=["reasoning.encrypted_content"],
                reasoning={"effort": "medium", "summary": "auto"}
                if asked.thinking
                else openai.omit,
                extra_headers=asked.headers,
            )
        self.items += map(_echo, response.output)
        usage = response.usage
        assert usage is not None
        calls = tuple(
            Called(item.call_id, item.name, json.loads(item.arguments))
            for item in response.output
            if item.type == "function_call"
        )
        return Told(
            model=response.model,
            text=response.output_text,
            stop="other" if response.status != "completed" else "tool" if calls else "end",
            calls=calls,
            thoughts=any(item.type == "reasoning" for item in response.output),
            shown=any(item.type == "reasoning" and item.summary for item in response.output),
            input_count=usage.input_tokens,
            output_count=usage.output_tokens,
        )

    def pieces(self, asked: Asked) -> Generator[object]:
        with self._stream(asked) as stream:
            yield from stream

    def _stream(self, asked: Asked) -> ResponseStreamManager[None]:
        return self.client.responses.stream(
            model=asked.model,
            input=self.items,
            tools=_TOOLS if asked.tools else openai.omit,
            store=False,
            include=["reasoning.encrypted_content"],
            reasoning={"effort": "medium", "summary": "auto"} if asked.thinking else openai.omit,
            extra_headers=asked.headers,
        )

    def give(self, called: Called, text: str, *, with_picture: bool = False) -> None:
        output: list[ResponseFunctionCallOutputItemParam] = [{"type": "input_text", "text": text}]
        if with_picture:
            output.append({"type": "input_image", "image_url": _URL})
        result: FunctionCallOutput = {
            "type": "function_call_output",
            "call_id": called.id,
            "output": output,
        }
        self.items.append(result)

    def weather(self, asked: Asked) -> Weather | None:
        if asked.stream:
            with self.client.responses.stream(
                model=asked.model, input=self.items, text_format=Weather
            ) as stream:
                return stream.get_final_response().output_parsed
        return self.client.responses.parse(
            model=asked.model, input=self.items, text_format=Weather
        ).output_parsed


def _echo(item: ResponseOutputItem) -> ResponseInputItemParam:
    """An item as the SDK sends it when its own object is handed back: less what it parsed itself."""
    parsed = {"parsed_arguments"}
    echo: ResponseInputItemParam = json.loads(
        item.model_dump_json(exclude=parsed, exclude_unset=True, by_alias=True)
    )
    return echo
