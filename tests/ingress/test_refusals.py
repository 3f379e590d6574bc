"""What a client hears at its own paths when path, method or body cannot be served: the same status in
the answer's head and, where its dialect says it there, in its body.
"""

import pytest

from tests.ingress.edge import BODY, CHAT, MESSAGES, Answer, Edge, ask, edge
from turnout.capabilities import Dialect

pytestmark = pytest.mark.anyio

RESPONSES = "/v1/responses"
GEMINI = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
GOOGLE = (("x-goog-api-key", "k"),)
CLAUDE = (("anthropic-version", "2023-06-01"),)

PATHS: dict[Dialect, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = {
    "anthropic_messages": (
        (MESSAGES, ()),
        ("/v1/messages/count_tokens", ()),
        ("/v1/models", CLAUDE),
    ),
    "openai_chat": ((CHAT, ()), ("/v1/models", ())),
    "openai_responses": ((RESPONSES, ()), ("/v1/responses/input_tokens", ())),
    "gemini_generate": (
        (GEMINI, ()),
        ("/v1beta/models/gemini-3.8-flash:generateContent", ()),
        ("/v1beta/models/gemini-3.8-flash:countTokens", ()),
        ("/v1/models/gemini-3.8-flash:generateContent", ()),
        ("/v1beta/models", ()),
        ("/v1/models", GOOGLE),
    ),
}
ASKED: list[tuple[Dialect, str, tuple[tuple[str, str], ...]]] = [
    (dialect, path, headers) for dialect, paths in PATHS.items() for path, headers in paths
]
POSTED = [(dialect, path) for dialect, path, _ in ASKED if not path.endswith("/models")]
NOWHERE: list[tuple[Dialect, str, tuple[tuple[str, str], ...]]] = [
    ("anthropic_messages", "/v1/messages/batches", ()),
    ("anthropic_messages", "/v1/files", CLAUDE),
    ("openai_chat", "/v1/embeddings", ()),
    ("openai_chat", "/v1/realtime", ()),
    ("openai_chat", "/v1/audio/speech", ()),
    ("openai_responses", "/v1/responses/resp_1/cancel", ()),
    ("gemini_generate", "/v1beta/files", ()),
    ("gemini_generate", "/v1beta/models/gemini-3.8-flash:batchGenerateContent", ()),
    ("gemini_generate", "/v1/models/gemini-embedding-001:embedContent", ()),
    ("gemini_generate", "/v1/files", GOOGLE),
]
EVENTS = "alt=sse"
"""So that the error of Gemini's stream is no array; nobody else reads it."""

WORDS: dict[int, tuple[str, str]] = {
    404: ("not_found_error", "NOT_FOUND"),
    405: ("invalid_request_error", "INVALID_ARGUMENT"),
    413: ("request_too_large", "INVALID_ARGUMENT"),
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
}
"""Of Anthropic and of Google for a status; OpenAI has one type for them all."""


@pytest.fixture(scope="module")
def on() -> Edge:
    """One for all: nothing here leaves more behind than facts."""
    return edge()


def check(dialect: Dialect, answer: Answer, status: int) -> None:
    assert answer.status == status
    told = answer.json["error"]
    assert isinstance(told, dict)
    assert told["message"]
    anthropics, googles = WORDS[status]
    match dialect:
        case "anthropic_messages":
            assert answer.json["type"] == "error"
            assert told["type"] == anthropics
        case "openai_chat" | "openai_responses":
            assert set(told) == {"message", "type", "param", "code"}
            assert told["type"] == "invalid_request_error"
        case "gemini_generate":
            assert set(answer.json) == {"error"}
            assert (told["code"], told["status"]) == (status, googles)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(("dialect", "path", "headers"), ASKED)
async def test_a_wrong_method(
    on: Edge, dialect: Dialect, path: str, headers: tuple[tuple[str, str], ...], method: str
) -> None:
    is_list = path.endswith("/models")
    if method == ("GET" if is_list else "POST"):
        return
    answer = await ask(on, path, body=b"", method=method, headers=headers)
    check(dialect, answer, 405)
    assert answer.headers["allow"] == ("GET" if is_list else "POST")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(("dialect", "path", "headers"), NOWHERE)
async def test_a_path_that_is_not_served(
    on: Edge, dialect: Dialect, path: str, headers: tuple[tuple[str, str], ...], method: str
) -> None:
    check(dialect, await ask(on, path, body=b"", method=method, headers=headers), 404)


@pytest.mark.parametrize(("dialect", "path"), POSTED)
async def test_a_body_that_is_too_large(on: Edge, dialect: Dialect, path: str) -> None:
    check(dialect, await ask(on, path, body=BODY.ljust(5_000), query=EVENTS), 413)


@pytest.mark.parametrize(("dialect", "path"), POSTED)
async def test_a_body_that_is_compressed(on: Edge, dialect: Dialect, path: str) -> None:
    headers = [("content-encoding", "zstd")]
    check(dialect, await ask(on, path, headers=headers, query=EVENTS), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model":7}'])
@pytest.mark.parametrize(("dialect", "path"), POSTED)
async def test_a_body_that_cannot_be_read(
    on: Edge, dialect: Dialect, path: str, body: bytes
) -> None:
    check(dialect, await ask(on, path, body=body, query=EVENTS), 400)
