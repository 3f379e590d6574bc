"""What only the client's own provider acts on is refused elsewhere, by name."""

import json

import pytest

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS

ANTHROPIC = DIALECTS["anthropic_messages"]
SEALED = {"type": "compaction", "encrypted_content": "x"}
WITH_TOOLS = {"type": "compaction", "content": "a", "tool_changes": [{"type": "tool_removal"}]}
SERVER = {"type": "url", "url": "https://example.org/mcp", "name": "x"}


def fitted(to: Dialect, *, is_original: bool, **fields: object) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]} | fields
    fit(
        ANTHROPIC.decode_request(json.dumps(body).encode()),
        to=to,
        quirks=DIALECT_QUIRKS[to],
        has=Capabilities(),
        is_original=is_original,
    )


def said(block: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, block]}]}


@pytest.mark.parametrize(
    ("to", "is_original"),
    [
        ("openai_chat", True),
        ("openai_responses", True),
        ("gemini_generate", True),
        ("anthropic_messages", False),
    ],
)
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mcp_servers": [SERVER]}, "^mcp_servers: works at its own provider only"),
        ({"container": "c_1"}, "^container: "),
        ({"inference_geo": "us"}, "^inference_geo: "),
        ({"thread": {"type": "create"}}, "^thread: "),
        ({"compaction": {"type": "enabled"}}, "^compaction: "),
        ({"billing_policy": {"bill_to": "user_profile"}}, "^billing_policy: "),
        ({"max_tokens": 0}, "^max_tokens: 0 fills the prompt cache"),
        (said({"type": "container_upload", "file_id": "f"}), "^messages: container_upload can"),
        (said(SEALED), "^messages: compaction can"),
        (said(WITH_TOOLS), "^messages: compaction can"),
    ],
)
def test_it_is_refused_elsewhere(
    to: Dialect, fields: dict[str, object], says: str, *, is_original: bool
) -> None:
    with pytest.raises(Unsupported, match=says):
        fitted(to, is_original=is_original, **fields)
    fitted("anthropic_messages", is_original=True, **fields)


@pytest.mark.parametrize("fields", [{"mcp_servers": []}, {"inference_geo": "global"}])
def test_what_asks_for_nothing_is_not(fields: dict[str, object]) -> None:
    fitted("openai_chat", is_original=True, **fields)
