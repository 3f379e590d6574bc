"""What a target is asked: its own endpoint, and of its own vendor's agent all that it says."""

import json

import pytest

from tests.upstream_dispatcher.faults import FIRST, whole_stream
from tests.upstream_dispatcher.samples import CHAT_STREAM, EVENTS, JSON
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.workbench import (
    CATALOG,
    CHAT_BODY,
    MESSAGES_BODY,
    answer_of,
    bench,
    request,
)
from turnout.capabilities import Dialect
from turnout.catalog.user_file import with_user_file

pytestmark = pytest.mark.anyio


async def refuses(exchange: Exchange) -> None:
    await exchange.answer(400, b"{}", JSON)


CLAUDE_BODY = (
    b'{"model":"claude-opus-5-5","max_tokens":64,"stream":true,"safeguards":[{"type":'
    b'"dangerous_tool_use"}],"context_management":{"edits":[]},"system":[{"type":"text","text":'
    b'"x-anthropic-billing-header: cc_version=2.1; cch=1a"}],"messages":[{"role":"user","content":'
    b'"hi"},{"role":"system","content":"env","output_config":{"effort":"low"}}],"later":1.50}'
)
CLAUDE_HEADERS = {
    "accept": "application/json",
    "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,new-2027-01-01",
    "anthropic-dangerous-direct-browser-access": "true",
    "anthropic-version": "2023-06-01",
    "user-agent": "claude-cli/2.1.330 (external, cli)",
    "x-app": "cli",
    "x-claude-code-session-id": "S",
    "x-stainless-timeout": "600",
}


async def test_bug_35_the_own_vendor_sees_a_request_of_claude_code_as_it_was_written() -> None:
    """Fields, betas and the billing block of tomorrow too: what is not known here is not judged."""
    async with provider(refuses) as anthropic, bench({"anthropic": anthropic.url}) as on:
        await answer_of(
            on,
            request(
                "anthropic/claude-opus-5-5@env",
                dialect="anthropic_messages",
                model="claude-opus-5-5",
                body=CLAUDE_BODY,
                headers=tuple(CLAUDE_HEADERS.items()),
                query="beta=true",
            ),
        )
        (seen,) = anthropic.seen
        assert seen.line == "POST /v1/messages?beta=true HTTP/1.1"
        assert seen.body == CLAUDE_BODY
        assert seen.headers.items() >= CLAUDE_HEADERS.items()


GEMINI_MODEL = "gemini-3.8-flash"


@pytest.mark.parametrize(
    ("target", "dialect", "path", "body"),
    [
        (
            f"gcp.gemini/{GEMINI_MODEL}@env",
            "gemini_generate",
            f"/v1beta/models/{GEMINI_MODEL}:generateContent",
            b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":'
            b'[{"name":"f","parameters":{"type":"STRING","enum":["custom"]}}]}],"later":1.50}',
        ),
        (
            "openai/gpt-4o@env",
            "openai_chat",
            "/v1/chat/completions",
            b'{"model":"gpt-4o","messages":[{"role":"user","content":"custom"}],"tools":[{"type":'
            b'"custom","custom":{"name":"patch"}}],"later":1.50}',
        ),
    ],
)
async def test_what_only_looks_like_a_custom_tool_or_is_for_the_vendor_to_refuse_is_not_written_anew(
    target: str, dialect: Dialect, path: str, body: bytes
) -> None:
    name, _, model = target.removesuffix("@env").partition("/")
    async with (
        provider(refuses) as vendor,
        bench({name: vendor.url}, also=("gemini_generate",)) as on,
    ):
        await answer_of(
            on,
            request(target, dialect=dialect, body=body, model=model, path=path, stream=False),
        )
        assert [seen.body for seen in vendor.seen] == [body]


async def test_the_turn_state_of_openai_goes_to_codex_and_back_and_the_rerouted_model_does_not() -> (
    None
):
    async def script(exchange: Exchange) -> None:
        await exchange.head(
            200, EVENTS, ("x-codex-turn-state", "there"), ("openai-model", "gpt-5.4-mini")
        )
        for chunk in CHAT_STREAM:
            await exchange.chunk(chunk)
        await exchange.end()

    sent = {
        "originator": "codex_exec",
        "session-id": "S",
        "thread-id": "T",
        "x-codex-turn-state": "here",
        "x-codex-window-id": "T:0",
        "x-openai-subagent": "collab_spawn",
    }
    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST, headers=tuple(sent.items())))
        assert openai.seen[0].headers.items() >= sent.items()
        assert answer.head.headers == (EVENTS, ("x-codex-turn-state", "there"))


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", "alt=sse"),
        ("alt=sse", "alt=sse"),
        ("alt=json&fields=candidates", "fields=candidates&alt=sse"),
        ("alt=sse&fields=candidates", "alt=sse&fields=candidates"),
    ],
)
async def test_a_stream_of_geminis_is_one_of_events_whatever_was_asked(
    query: str, sent: str
) -> None:
    path = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
    body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    async with (
        provider(refuses) as upstream,
        bench({"gcp.gemini": upstream.url}, also=("gemini_generate",)) as on,
    ):
        asked = request(
            "gcp.gemini/gemini-3.8-flash@env",
            dialect="gemini_generate",
            body=body,
            model="gemini-3.8-flash",
            path=path,
            query=query,
        )
        await answer_of(on, asked)
        assert [seen.line for seen in upstream.seen] == [f"POST {path}?{sent} HTTP/1.1"]


@pytest.mark.parametrize(
    ("target", "dialect", "called"),
    [
        ("openai/gpt-5.4@env", "anthropic_messages", "/v1/chat/completions"),
        ("deepseek/deepseek-chat@env", "anthropic_messages", "/v1/chat/completions"),
        ("anthropic/claude-opus-5-5@env", "openai_chat", "/v1/messages"),
    ],
)
async def test_bug_38_the_targets_own_endpoint_is_called(
    target: str, dialect: Dialect, called: str
) -> None:
    """Whatever path and query the client has called."""
    body = MESSAGES_BODY if dialect == "anthropic_messages" else CHAT_BODY
    name = target.partition("/")[0]
    async with provider(refuses) as upstream, bench({name: upstream.url}) as on:
        await answer_of(on, request(target, dialect=dialect, body=body, query="beta=true"))
        assert [seen.line for seen in upstream.seen] == [f"POST {called} HTTP/1.1"]


HOUSE = {
    "providers": [
        {
            "name": "house",
            "api_key_env": "HOUSE_KEY",
            "endpoints": [
                {
                    "dialect": "openai_chat",
                    "base_url": "https://llm.example/v1",
                    "quirks": {
                        "refuses": ["stop"],
                        "renames": [["max_completion_tokens", "max_new_tokens"]],
                        "refusals": {"kinds": [["tea_break", "overloaded"]]},
                    },
                }
            ],
        }
    ],
    "models": [{"id": "coder", "provider": "house", "capabilities": {"context_tokens": 9000}}],
}


async def test_a_new_provider_is_an_entry_of_the_catalog_and_no_code() -> None:
    async def busy_then_whole(exchange: Exchange) -> None:
        if len(house.seen) == 1:
            await exchange.answer(418, b'{"error":{"code":"tea_break","message":"later"}}', JSON)
        else:
            await whole_stream(exchange)

    catalog = with_user_file(CATALOG, json.dumps(HOUSE).encode())
    body = json.loads(MESSAGES_BODY) | {"stop_sequences": ["END"]}
    target = "house/coder@env"
    async with (
        provider(busy_then_whole) as house,
        bench({"house": house.url}, catalog=catalog) as on,
    ):
        for status in (529, 200):
            asked = request(
                target, dialect="anthropic_messages", body=json.dumps(body).encode(), model="coder"
            )
            answer = await answer_of(on, asked)
            assert answer.head.status == status
        assert b"event: message_stop" in answer.body
        for seen in house.seen:
            assert seen.line == "POST /v1/chat/completions HTTP/1.1"
            assert seen.headers["authorization"] == "Bearer env-key-of-house"
            sent = json.loads(seen.body)
            assert (sent["model"], sent["max_new_tokens"]) == ("coder", body["max_tokens"])
            assert not {"stop", "max_tokens", "max_completion_tokens"} & sent.keys()
