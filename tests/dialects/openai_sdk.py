"""The openai SDK over an answer that is already there: no network."""

import httpx2
import openai


def client_of(response: httpx2.Response) -> openai.OpenAI:
    transport = httpx2.MockTransport(lambda _: response)
    return openai.OpenAI(
        api_key="k",
        base_url="http://turnout.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


def streamed(stream: bytes) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
