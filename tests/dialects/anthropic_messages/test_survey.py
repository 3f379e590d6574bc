"""What a survey tells of a message request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages.requests import WIRE, attached, call, result, said, text
from tests.dialects.surveyed import Json
from turnout.dialects.conversation import Provenance
from turnout.dialects.prefix import canonical_message, message_digest
from turnout.dialects.seal import seal
from turnout.dialects.survey import Survey
from turnout.errors import InvalidRequest

REMINDER = "<system-reminder>\ntoday is Sunday\n</system-reminder>"
SEALED = seal(Provenance("openai_chat", "deepseek-v4-pro"))
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}

survey = WIRE.survey


def test_the_facts_of_a_request() -> None:
    told = survey(
        said([text(REMINDER), text("fix the bug")]),
        said([text("ok"), call("c1"), call("c2", "Read")], "assistant"),
        said([result("c1", is_error=True), result("c2", [text("abc")], **MARK), text(REMINDER)]),
        system=[text("sys", cache_control={"type": "ephemeral"})],
        tools=[{"name": "Bash"}, {"type": "web_search_20250305", "name": "web_search"}],
        stream=True,
        max_tokens=9,
        stop_sequences=["</block>"],
        thinking={"type": "adaptive"},
        output_config={"format": {"type": "json_schema", "schema": {}}},
        metadata={"user_id": "u"},
    )
    assert (told.model, told.stream, told.last_role, told.message_count) == (
        "m",
        True,
        "user",
        3,
    )
    assert [(one.tool, one.call_id, one.is_error, one.result_bytes) for one in told.outcomes] == [
        ("Bash", "c1", True, 4),
        ("Read", "c2", False, 33),
    ]
    assert told.tool_result_count == 2
    assert (told.first_typed_text, told.text) == ("fix the bug", "fix the bug")
    assert told.breakpoints == (1, 1)
    assert told.needs.server_tools == ("web_search_20250305",)
    assert told.needs.tools
    assert told.needs.thinking
    assert told.needs.structured_output
    assert told.needs.max_output_tokens == 9
    assert (told.tool_count, told.user_field, told.stop_sequences) == (2, "u", ("</block>",))
    assert len(told.message_digests) == len(told.message_bytes) == 3


@pytest.mark.parametrize(
    ("signature", "is_foreign"),
    [("EqQBCgIYAhIM", False), ("", True), (SEALED, True), (None, False)],
)
def test_thinking_that_anthropic_has_not_signed_is_seen(
    signature: str | None, is_foreign: bool
) -> None:
    thought = {"type": "thinking", "thinking": "hm"}
    if signature is not None:
        thought["signature"] = signature
    quoted = text(json.dumps({"type": "thinking", "signature": ""}))
    told = survey(said("a"), said([thought, text("b")], "assistant"), said([quoted]))
    assert told.has_foreign_thinking is is_foreign


@pytest.mark.parametrize(("data", "is_foreign"), [("EmwK", False), (SEALED, True), (7, False)])
def test_redacted_thinking_under_our_seal_is_seen(data: object, is_foreign: bool) -> None:
    redacted = {"type": "redacted_thinking", "data": data}
    assert survey(said([redacted], "assistant")).has_foreign_thinking is is_foreign


@pytest.mark.parametrize("content", [None, 7, {"a": 1}, [{"type": "thinking", "signature": [1]}]])
def test_what_only_the_provider_can_judge_is_left_to_it(content: object) -> None:
    told = survey(said(content), {"role": "user"}, said("b"))
    assert (told.text, told.message_count, told.has_foreign_thinking) == ("b", 3, False)


def test_the_signature_of_another_block_may_be_anything() -> None:
    assert survey(said([{"type": "of tomorrow", "signature": {"by": "x"}}])).message_count == 1


def test_a_server_tool_that_a_system_message_defines_is_needed() -> None:
    def added(tool: object) -> Json:
        return said([{"type": "tool_addition", "tool": tool}], "system")

    def defined(**definition: object) -> Json:
        return added({"type": "tool_definition", "definition": definition})

    told = survey(
        said("go"),
        added({"type": "tool_reference", "name": "Later"}),
        defined(name="Draw", input_schema={"type": "object"}),
        defined(type="custom", name="Paint"),
        defined(type="web_search_20250305", name="web_search"),
        added("of tomorrow"),
    )
    assert told.needs.server_tools == ("web_search_20250305",)


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, "mcp_servers"),
        ({"mcp_servers": None}, ""),
        ({"container": "c_1"}, "container"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"inference_geo": "global"}, ""),
        ({"thread": {"type": "create"}}, "thread"),
        ({"compaction": {"type": "enabled"}}, "compaction"),
        ({"billing_policy": {"type": "billing_policy"}}, "billing_policy"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1, "context_management": {"edits": None}}, ""),
    ],
)
def test_fields_that_only_anthropic_acts_on_bind_a_request(fields: Json, own: str) -> None:
    assert " ".join(survey(said("a"), **fields).needs.server_tools) == own


@pytest.mark.parametrize(
    ("block", "own"),
    [
        ({"type": "container_upload", "file_id": "f"}, "container_upload"),
        ({"type": "compaction", "content": None, "encrypted_content": "x"}, "compaction"),
        ({"type": "compaction", "content": "a", "tool_changes": [{"type": "x"}]}, "compaction"),
        ({"type": "compaction", "content": "a", "tool_changes": None}, ""),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "file"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "file"),
        ({"type": "image", "source": {"type": "hologram"}}, "image"),
        ({"type": "image", "source": {"type": "url", "url": "https://x"}}, ""),
        (attached("document", "application/pdf", 8), ""),
    ],
)
def test_blocks_that_only_anthropic_can_read_bind_a_request(block: Json, own: str) -> None:
    assert " ".join(survey(said([block])).needs.server_tools) == own


def test_typed_text_ends_the_newest_step() -> None:
    told = survey(
        said("first"), said([call("c1")], "assistant"), said([result("c1"), text("now this")])
    )
    assert told.outcomes == ()
    assert (told.first_typed_text, told.text) == ("first", "now this")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BLOCKS = st.one_of(
    WORDS.map(text),
    WORDS.map(lambda word: result("c", word)),
    st.lists(WORDS.map(text), max_size=2).map(lambda inner: result("c", inner)),
    WORDS.map(call),
    st.just(text("cited", citations=[])),
)
MESSAGES = st.lists(
    st.one_of(
        WORDS.map(said),
        st.lists(BLOCKS, max_size=3).map(said),
        st.lists(BLOCKS, max_size=2).map(lambda blocks: said(blocks) | {"clear_at": 3}),
    ),
    min_size=1,
    max_size=5,
)


@given(MESSAGES, st.data())
def test_bug_20_markers_and_spelling_of_texts_do_not_change_digests(
    messages: list[Json], data: st.DataObject
) -> None:
    changed: list[object] = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str) and data.draw(st.booleans()):
            content = [text(content)]
        if isinstance(content, list):
            content = [block | (MARK if data.draw(st.booleans()) else {}) for block in content]
        changed.append({"content": content} | {k: v for k, v in message.items() if k != "content"})
    plain, marked = survey(*messages, system="s"), survey(*changed, system=[text("s") | MARK])
    assert marked.message_digests == plain.message_digests
    assert marked.head_digest == plain.head_digest
    assert marked.message_bytes == plain.message_bytes


@given(MESSAGES)
def test_digests_are_those_of_the_shared_canonical_form(messages: list[Json]) -> None:
    told = survey(*messages)
    canonical = [canonical_message(json.dumps(message).encode()) for message in messages]
    assert told.message_digests == tuple(map(message_digest, canonical))


def test_bug_19_the_billing_line_is_in_no_digest() -> None:
    def with_line(line: str) -> Survey:
        return survey(said("a"), system=[text(line), text("sys")])

    first = with_line("x-anthropic-billing-header: cc_version=1; cch=aa;")
    second = with_line("x-anthropic-billing-header: cc_version=1; cch=bb;")
    assert first.head_digest == second.head_digest == survey(said("a"), system="sys").head_digest
    assert first.system_digest == second.system_digest


def test_deferred_tools_are_no_part_of_the_head() -> None:
    loaded = {"name": "WebFetch", "input_schema": {}, "defer_loading": True}
    before = survey(said("a"), tools=[{"name": "Read"}, {"name": "ToolSearch"}])
    after = survey(said("a"), tools=[{"name": "Read"}, loaded, {"name": "ToolSearch"}])
    assert (before.head_digest, before.tools_digest) == (after.head_digest, after.tools_digest)
    assert after.tool_count == 3


def test_a_breakpoint_that_is_left_to_the_provider_is_one() -> None:
    assert survey(said("hi"), cache_control={"type": "ephemeral"}).breakpoints == (1, 0)
    assert survey(said("hi"), cache_control=None).breakpoints == (0, 0)


@pytest.mark.parametrize("nested", [False, True], ids=["typed", "in a result"])
def test_the_data_of_an_image_may_stand_first(*, nested: bool) -> None:
    image = attached("image", "image/png", 330_000)
    turned = image | {"source": dict(reversed(image["source"].items()))}
    estimates = [
        survey(said([result("c", [block])] if nested else [block])).needs.prompt_tokens_estimate
        for block in (image, turned)
    ]
    assert estimates[0] == estimates[1]


def test_words_about_images_are_no_images() -> None:
    told = survey(said([text('{"type":"image","source":{"type":"base64"}} "cache_control"')]))
    assert not told.needs.images
    assert told.breakpoints == (0, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "the body"),
        (b"{", "the body"),
        (b'{"messages":"x"}', "messages"),
        (b"{}", "messages"),
        (b'{"messages":[]}', "messages"),
        (b'{"messages":[1]}', "messages.0"),
        (b'{"messages":[{}]}', "messages.0.role"),
        (b'{"messages":[{"role":"robot","content":"x"}]}', "messages.0.role"),
        (b'{"messages":[{"role":"user","content":[1]}]}', "messages.0.content.0"),
        (b'{"model":7,"messages":[]}', "model"),
        (b'{"stream":"yes","messages":[]}', "stream"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":[1]}', "tools.0"),
        (b'{"messages":[{"role":"user","content":"x"}],"system":{}}', "system"),
        (b'{"messages":' + b"[" * 100_000, "messages.0"),
    ],
)
def test_complaints_name_the_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as complaint:
        WIRE.read(body)
    assert complaint.value.message.startswith(f"{field}"), complaint.value.message
