"""The four SDKs, each with a client that never tries again by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias, assert_never

import anthropic
import openai
from google import genai
from google.genai import types as google

from tests.e2e.talks.anthropic_talk import AnthropicTalk
from tests.e2e.talks.chat_talk import ChatTalk
from tests.e2e.talks.genai_talk import GenaiTalk
from tests.e2e.talks.responses_talk import ResponsesTalk
from tests.e2e.talks.talk import Talk

TIMEOUT_SECONDS: Final = 30.0


Sdk: TypeAlias = Literal["anthropic", "chat", "responses", "genai"]
SDKS: Final[tuple[Sdk, ...]] = ("anthropic", "chat", "responses", "genai")


@contextmanager
def talks(sdk: Sdk, url: str) -> Iterator[Callable[[], Talk]]:
    """Begins conversations through one SDK, all with the same client: it takes 0.1 s to make."""
    match sdk:
        case "anthropic":
            with anthropic.Anthropic(
                base_url=url, api_key="dummy", max_retries=0, timeout=TIMEOUT_SECONDS
            ) as client:
                yield lambda: AnthropicTalk(client)
        case "chat" | "responses":
            with openai.OpenAI(
                base_url=f"{url}/v1", api_key="dummy", max_retries=0, timeout=TIMEOUT_SECONDS
            ) as client:
                yield lambda: ChatTalk(client) if sdk == "chat" else ResponsesTalk(client)
        case "genai":
            options = google.HttpOptions(base_url=url, timeout=int(TIMEOUT_SECONDS * 1_000))
            with genai.Client(api_key="dummy", http_options=options) as client:
                yield lambda: GenaiTalk(client)
        case _:
            assert_never(sdk)
