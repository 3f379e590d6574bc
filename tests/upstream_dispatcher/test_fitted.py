"""Requests that a target cannot take as they are, and their answers, through the dispatcher."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from tests.upstream_dispatcher.samples import JSON
from tests.upstream_dispatcher.scripted import Exchange, Seen, provider
from tests.upstream_dispatcher.workbench import answer_of, bench, request
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import accumulate
from turnout.ports import DispatchRequest

pytestmark = pytest.mark.anyio

OPUS = "anthropic/claude-opus-5-5@env"
TOO_LONG = "mcp__" + "a_server_with_a_very_long_name__" * 5

CODEX = {
    "model": "gpt-5.5",
    "stream": True,
    "store": False,
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {
            "type": "custom_tool_call",
            "call_id": "call_1",
            "name": "apply_patch",
            "input": "*** Begin\n",
        },
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
    ],
    "tools": [
        {"type": "function", "name": TOO_LONG, "parameters": {"type": "object"}},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
        },
        {"type": "web_search"},
    ],
}
PATCH = '*** "x"\n\N{GRINNING FACE}'


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )


def claude_calls(name: str, *fragments: str) -> bytes:
    deltas = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": fragment},
        }
        for fragment in fragments
    ]
    usage = {"input_tokens": 9, "output_tokens": 1}
    message: dict[str, object] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    block: dict[str, object] = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    return sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": usage,
        },
        {"type": "message_stop"},
    )


def codex() -> DispatchRequest:
    body = json.dumps(CODEX).encode()
    asked = request(
        OPUS, dialect="openai_responses", body=body, model="gpt-5.5", path="/v1/responses"
    )
    return replace(asked, features=structs.replace(asked.features, tool_count=3))


async def test_bug_37_codex_edits_files_through_a_model_that_knows_functions_alone() -> None:
    written = json.dumps({"input": PATCH})

    async def script(exchange: Exchange) -> None:
        await exchange.stream(claude_calls("apply_patch", *written))

    async with provider(script) as claude, bench({"anthropic": claude.url}) as on:
        answer = await answer_of(on, codex())
        (seen,) = claude.seen
    sent = json.loads(seen.body)
    assert [tool["input_schema"]["type"] for tool in sent["tools"]] == ["object", "object"]
    assert len(sent["tools"][0]["name"]) <= 128
    assert sent["messages"][1]["content"][0]["input"] == {"input": "*** Begin\n"}
    decoder = DIALECTS["openai_responses"].stream_decoder()
    told = accumulate([*decoder.feed(answer.body), *decoder.close()])
    (call,) = (part for part in told.parts if getattr(part, "name", ""))
    assert (getattr(call, "kind", ""), getattr(call, "arguments", "")) == ("custom", PATCH)
    (fact,) = on.facts.attempts
    assert fact.changes == ("dropped:web_search", "custom_tool", "tool_name")


async def test_a_renamed_tool_is_called_by_the_clients_name() -> None:
    async def script(exchange: Exchange) -> None:
        name = json.loads(exchange.seen.body)["tools"][0]["name"]
        await exchange.stream(claude_calls(name, "{}"))

    async with provider(script) as claude, bench({"anthropic": claude.url}) as on:
        answer = await answer_of(on, codex())
    assert TOO_LONG.encode() in answer.body


CLAUDE_CODE: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 64,
    "messages": [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "ToolSearch", "input": {}}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "tool_reference", "tool_name": "WebFetch"}],
                }
            ],
        },
    ],
    "tools": [
        {"name": "ToolSearch", "input_schema": {"type": "object"}},
        {"name": "WebFetch", "input_schema": {"type": "object"}, "defer_loading": True},
    ],
}
WHOLE = (
    b'{"id":"m","type":"message","role":"assistant","model":"deepseek-v4-pro","content":'
    b'[{"type":"text","text":"a"}],"stop_reason":"end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":9,"output_tokens":1}}'
)


async def test_an_imitation_of_the_clients_dialect_is_told_no_references() -> None:
    seen, changes = await sent_to_deepseek(CLAUDE_CODE)
    assert b"tool_reference" not in seen.body
    assert b"defer_loading" not in seen.body
    assert [tool["name"] for tool in json.loads(seen.body)["tools"]] == ["ToolSearch", "WebFetch"]
    assert changes == ("deferred_tools",)


async def test_bug_35_an_imitation_that_is_fitted_gets_its_roles_too() -> None:
    note = {"role": "system", "content": "a note", "clear_at": "next_user_message"}
    body = CLAUDE_CODE | {"messages": [*CLAUDE_CODE["messages"], note]}
    seen, changes = await sent_to_deepseek(body)
    roles = {message["role"] for message in json.loads(seen.body)["messages"]}
    assert roles == {"user", "assistant"}
    assert b"a note" in seen.body
    assert b"clear_at" not in seen.body
    assert changes == ("deferred_tools", "system_role")


BILLED = [
    {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cch=ab12;"},
    {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
]
IDENTITY = (
    ("anthropic-beta", "claude-code-20250219"),
    ("anthropic-version", "2023-06-01"),
    ("user-agent", "claude-cli/2.1.330 (external, cli)"),
    ("x-app", "cli"),
    ("x-claude-code-session-id", "S"),
    ("x-stainless-timeout", "600"),
)


@pytest.mark.parametrize("tools", [[], CLAUDE_CODE["tools"]], ids=["spliced", "fitted"])
async def test_bug_19_what_claude_code_says_to_anthropic_alone_reaches_no_imitation(
    tools: list[object],
) -> None:
    """Its billing line changes the prefix that a cache compares, its user id is a device and an account."""
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 64,
        "metadata": {"user_id": '{"device_id":"d","account_uuid":"a","session_id":"S"}'},
        "system": BILLED,
        "messages": [{"role": "user", "content": "go"}],
    } | ({"tools": tools} if tools else {})
    seen, changes = await sent_to_deepseek(body)
    sent = json.loads(seen.body)
    assert sent["system"] == BILLED[1:]
    assert "metadata" not in sent
    assert {"dropped:metadata", "dropped:system_block"} <= set(changes)
    assert not seen.headers.keys() & {name for name, _ in IDENTITY if name.startswith("x-")}
    assert "anthropic-beta" not in seen.headers
    assert seen.headers["anthropic-version"] == "2023-06-01"


async def test_an_imitation_that_the_client_named_hears_what_the_client_says() -> None:
    body = {
        "model": "deepseek-v4-pro",
        "max_tokens": 64,
        "system": BILLED,
        "messages": [{"role": "user", "content": "go"}],
    }
    seen, changes = await sent_to_deepseek(body)
    assert json.loads(seen.body) == body
    assert seen.headers.items() >= dict(IDENTITY).items()
    assert changes == ()


async def test_an_imitation_of_the_clients_dialect_gets_the_tools_that_messages_change() -> None:
    inline = {
        "type": "tool_definition",
        "definition": {"name": "Draw", "input_schema": {"type": "object"}},
    }
    note = {
        "role": "system",
        "content": [
            {"type": "tool_addition", "tool": inline},
            {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "ToolSearch"}},
        ],
    }
    plain = {"name": "Read", "input_schema": {"type": "object"}}
    search = CLAUDE_CODE["tools"][0]
    messages = [{"role": "user", "content": "go"}, note]
    seen, changes = await sent_to_deepseek(
        CLAUDE_CODE | {"tools": [search, plain], "messages": messages}
    )
    assert [tool["name"] for tool in json.loads(seen.body)["tools"]] == ["Read", "Draw"]
    assert b"tool_addition" not in seen.body
    assert b"tool_removal" not in seen.body
    assert changes == ("deferred_tools", "system_role")


async def test_an_imitation_of_the_clients_dialect_reads_sources_as_text() -> None:
    notes = {"type": "text", "media_type": "text/plain", "data": "buy milk"}
    line = {"type": "text", "text": "Line 1 runs."}
    found = {"type": "search_result", "source": "s", "title": "t", "content": [line]}
    content = [{"type": "document", "source": notes, "title": "Notes"}, found]
    body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": content}]}
    seen, changes = await sent_to_deepseek(body)
    blocks = json.loads(seen.body)["messages"][0]["content"]
    assert [block["text"] for block in blocks] == [
        "Notes\n\nbuy milk",
        "t\n\ns\n\nLine 1 runs.",
    ]
    assert changes == ("as_text",)


USED = {"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {"url": "u"}}
FAILED = {"type": "web_fetch_tool_result_error", "error_code": "unavailable"}
GAVE = {"type": "web_fetch_tool_result", "tool_use_id": "s", "content": FAILED}


@pytest.mark.parametrize("blocks", [[USED], [GAVE], [USED | {"type": "mcp_tool_use"}, GAVE]])
async def test_an_imitation_of_the_clients_dialect_reads_as_text_what_anthropics_tools_did(
    blocks: list[dict[str, Any]],
) -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "on"},
    ]
    body = {"model": "m", "max_tokens": 64, "messages": messages}
    seen, changes = await sent_to_deepseek(body)
    told = json.loads(seen.body)["messages"][1]["content"]
    assert [block["type"] for block in told] == ["text"] * len(blocks)
    assert changes == ("as_text",)


async def sent_to_deepseek(body: dict[str, Any]) -> tuple[Seen, tuple[str, ...]]:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, WHOLE, JSON)

    asked = request(
        "deepseek/deepseek-v4-pro@env",
        dialect="anthropic_messages",
        body=json.dumps(body).encode(),
        model=body["model"],
        stream=False,
        headers=IDENTITY,
    )
    async with (
        provider(script) as deepseek,
        bench({"deepseek": deepseek.url}, also=("anthropic_messages",)) as on,
    ):
        answer = await answer_of(on, asked)
        (seen,) = deepseek.seen
    assert answer.head.status == 200
    assert seen.line.split()[1] == "/v1/messages"
    (fact,) = on.facts.attempts
    assert fact.dialect == "anthropic_messages"
    return seen, fact.changes


CHAT_ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"kimi","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"a"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'
)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_strict_template_behind_a_chat_client_gets_one_system_message(count: int) -> None:
    prompts = [{"role": "system", "content": text} for text in ("base", "rules")][:count]
    asked = {"model": "gpt-5.5", "messages": [*prompts, {"role": "user", "content": "go"}]}

    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, CHAT_ANSWER, JSON)

    async with provider(script) as mistral, bench({"mistral_ai": mistral.url}) as on:
        answer = await answer_of(
            on,
            request(
                "mistral_ai/devstral-latest@env",
                body=json.dumps(asked).encode(),
                model="gpt-5.5",
                stream=False,
            ),
        )
        (seen,) = mistral.seen
    assert answer.head.status == 200
    sent = json.loads(seen.body)["messages"]
    assert [message["role"] for message in sent] == ["system", "user"]
    texts = [{"type": "text", "text": text} for text in ("base", "rules")]
    assert sent[0]["content"] == ("base" if count == 1 else texts)


async def test_a_file_of_text_is_text_for_a_chat_server_that_takes_no_files() -> None:
    link = f"data:text/plain;base64,{base64.b64encode(b'buy milk').decode()}"
    file = {"type": "file", "file": {"filename": "notes.txt", "file_data": link}}
    asked = {"model": "gpt-5.5", "messages": [{"role": "user", "content": [file]}]}

    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, CHAT_ANSWER, JSON)

    async with provider(script) as kimi, bench({"moonshot_ai": kimi.url}) as on:
        body, target = json.dumps(asked).encode(), "moonshot_ai/kimi-k2.6@env"
        answer = await answer_of(on, request(target, body=body, model="gpt-5.5", stream=False))
        (seen,) = kimi.seen
    assert answer.head.status == 200
    (message,) = json.loads(seen.body)["messages"]
    assert "notes.txt\\n\\nbuy milk" in json.dumps(message)
    assert "file_data" not in json.dumps(message)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (
            {"anyOf": [{"pattern": "a"}], "type": "string"},
            {"anyOf": [{"type": "string", "pattern": "a"}]},
        ),
        ({"enum": ["a"], "type": "string"}, {"enum": ["a"], "type": "string"}),
    ],
)
async def test_bug_33_a_schema_that_openai_takes_is_narrowed_for_an_imitation(
    wanted: dict[str, object], sent: dict[str, object]
) -> None:
    schema = {"type": "object", "properties": {"a": wanted}}
    body = {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": "go"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }

    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, CHAT_ANSWER, JSON)

    asked = request(
        "moonshot_ai/kimi-k2.6@env",
        dialect="openai_chat",
        body=json.dumps(body).encode(),
        model="gpt-5.5",
        path="/v1/chat/completions",
        stream=False,
    )
    async with provider(script) as kimi, bench({"moonshot_ai": kimi.url}) as on:
        answer = await answer_of(on, asked)
        (seen,) = kimi.seen
    assert answer.head.status == 200
    (tool,) = json.loads(seen.body)["tools"]
    assert tool["function"]["parameters"]["properties"] == {"a": sent}
