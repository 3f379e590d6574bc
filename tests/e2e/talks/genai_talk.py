"""The google-genai SDK, synchronous: its asynchronous client warns of aiohttp."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from google import genai
from google.genai import types as google

from tests.e2e.talks.talk import (
    LOOK,
    PNG,
    RUN,
    SCHEMA,
    Asked,
    Called,
    Told,
    Weather,
)


@dataclass(slots=True)
class GenaiTalk:
    client: genai.Client
    contents: list[google.Content] = field(default_factory=list)

    def say(self, text: str, *, with_picture: bool = False) -> None:
        parts = [google.Part.from_text(text=text)]
        if with_picture:
            parts.append(google.Part.from_bytes(data=PNG, mime_type="image/png"))
        self.contents.append(google.Content(role="user", parts=parts))

    def answer(self, asked: Asked) -> Told:
        first: int | None = None
        if asked.stream:
            answers = list(self._stream(asked))
            usage = answers[0].usage_metadata
            first = 0 if usage is None else usage.prompt_token_count or 0
        else:
            answers = [
                self.client.models.generate_content(
                    model=asked.model, contents=self._contents(), config=_config(asked)
                )
            ]
        parts = [part for one in answers for part in one.parts or ()]
        self.contents.append(google.Content(role="model", parts=parts))
        last = answers[-1]
        usage = last.usage_metadata
        assert usage is not None
        assert last.candidates
        calls = tuple(
            Called(call.id or "", call.name or "", call.args)
            for part in parts
            if (call := part.function_call) is not None
        )
        stopped = last.candidates[0].finish_reason == google.FinishReason.STOP
        return Told(
            model=last.model_version or "",
            text="".join(part.text or "" for part in parts if not part.thought),
            stop="other" if not stopped else "tool" if calls else "end",
            calls=calls,
            thoughts=any(part.thought or part.thought_signature for part in parts),
            shown=any(part.thought and part.text for part in parts),
            input_count=usage.prompt_token_count or 0,
            output_count=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            first_input=first,
        )

    def pieces(self, asked: Asked) -> Generator[object]:
        yield from self._stream(asked)

    def _stream(self, asked: Asked) -> Iterator[google.GenerateContentResponse]:
        return self.client.models.generate_content_stream(
            model=asked.model, contents=self._contents(), config=_config(asked)
        )

    def _contents(self) -> list[google.Content]:
        return [*self.contents]

    def give(self, called: Called, text: str, *, with_picture: bool = False) -> None:
        blob = google.FunctionResponseBlob(data=PNG, mime_type="image/png")
        images = [google.FunctionResponsePart(inline_data=blob)] if with_picture else None
        part = google.Part(
            function_response=google.FunctionResponse(
                id=called.id or None, name=called.name, response={"output": text}, parts=images
            )
        )
        before = self.contents[-1]
        if before.role == "user" and before.parts is not None:
            before.parts.append(part)
        else:
            self.contents.append(google.Content(role="user", parts=[part]))

    def weather(self, asked: Asked) -> Weather | None:
        config = google.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema=Weather.model_json_schema(),
        )
        if asked.stream:
            chunks = self.client.models.generate_content_stream(
                model=asked.model, contents=self._contents(), config=config
            )
            return Weather.model_validate_json("".join(chunk.text or "" for chunk in chunks))
        answer = self.client.models.generate_content(
            model=asked.model, contents=self._contents(), config=config
        )
        return Weather.model_validate(answer.parsed)


def _config(asked: Asked) -> google.GenerateContentConfig:
    functions = [
        google.FunctionDeclaration(name=name, description="A tool", parameters_json_schema=SCHEMA)
        for name in (LOOK, RUN)
    ]
    return google.GenerateContentConfig(
        tools=[google.Tool(function_declarations=functions)] if asked.tools else None,
        thinking_config=google.ThinkingConfig(include_thoughts=True) if asked.thinking else None,
        http_options=google.HttpOptions(headers=asked.headers),
    )
