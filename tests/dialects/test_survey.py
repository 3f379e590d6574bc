"""What the survey of every dialect tells, of the same thread in the words of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages.requests import WIRE as ANTHROPIC
from tests.dialects.gemini_generate.requests import WIRE as GEMINI
from tests.dialects.openai_chat.requests import WIRE as CHAT
from tests.dialects.openai_responses.requests import WIRE as RESPONSES
from tests.dialects.surveyed import Wire
from turnout.errors import InvalidRequest

WIRES = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
SYSTEM = "You are an agent."

on_every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.dialect)


@on_every_wire
def test_typed_text_ends_a_step(wire: Wire) -> None:
    thread = (wire.user("one"), wire.called("a"), wire.result("a"))
    running = wire.survey(*thread)
    assert len(running.outcomes) == 1
    assert running.text == running.first_typed_text == "one"
    found = wire.survey(*thread, wire.user("no, do it so"))
    assert found.outcomes == ()
    assert found.tool_result_count == 1
    assert found.text == "no, do it so"
    assert found.first_typed_text == "one"


@on_every_wire
@pytest.mark.parametrize(
    "block",
    [
        *("environment_context", "environment_details", "session_context", "system-reminder"),
        *("user_instructions", "context", "env", "command-name", "local-command-stdout"),
        "ide_opened_file",
    ],
)
def test_context_blocks_are_not_typed(wire: Wire, block: str) -> None:
    context = f"<{block}>linux</{block}>"
    assert wire.survey(wire.user(context), wire.user("real")).first_typed_text == "real"
    assert wire.survey(wire.user(context, "real")).first_typed_text == "real"


@on_every_wire
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1),
    upto=st.integers(1, 5),
)
def test_equal_prefixes_have_equal_digests(wire: Wire, texts: list[str], upto: int) -> None:
    messages = [wire.user(text) for text in texts]
    whole = wire.survey(*messages, system=SYSTEM, tools=wire.tools)
    part = wire.survey(*messages[:upto], system=SYSTEM, tools=wire.tools)
    assert whole.message_digests[: len(part.message_digests)] == part.message_digests
    assert whole.head_digest == part.head_digest


@on_every_wire
def test_one_head_and_other_words_are_other_digests(wire: Wire) -> None:
    """A rival keys bodies that begin with a system message on it alone."""
    one, other = (wire.survey(wire.user(text), system=SYSTEM) for text in "ab")
    assert one.head_digest == other.head_digest
    assert one.message_digests != other.message_digests


@on_every_wire
def test_the_head_is_system_and_tools(wire: Wire) -> None:
    asked = wire.user("a")
    base = wire.survey(asked, system=SYSTEM, tools=wire.tools)
    without_tools = wire.survey(asked, system=SYSTEM)
    assert base.head_digest != without_tools.head_digest
    assert base.system_digest == without_tools.system_digest
    otherwise = wire.survey(asked, system="else", tools=wire.tools)
    assert base.head_digest != otherwise.head_digest
    assert base.tools_digest == otherwise.tools_digest
    bare = wire.survey(asked)
    assert bare.tools_digest == bare.system_digest == ""


@on_every_wire
@pytest.mark.parametrize("text", ["short", "long" * 5_000])
def test_the_order_of_fields_does_not_count(wire: Wire, text: str) -> None:
    message = wire.user(text)
    turned = dict(reversed(message.items()))
    assert wire.survey(turned).message_digests == wire.survey(message).message_digests


@on_every_wire
@pytest.mark.parametrize("nested", [False, True], ids=["typed", "in a result"])
def test_images_and_documents_count_by_what_a_model_reads(wire: Wire, *, nested: bool) -> None:
    def estimate(*parts: object) -> int:
        message = wire.result("a", *parts) if nested else wire.user(*parts)
        return wire.survey(message).needs.prompt_tokens_estimate

    assert 1_100 <= estimate(wire.image(900_000)) < 1_700
    assert 10_000 <= estimate(wire.document(330_000)) < 10_300
    message = wire.user(wire.image(4), wire.document(4))
    assert wire.survey(message).needs.images
    assert wire.survey(message).needs.documents


@on_every_wire
def test_the_estimate_is_by_bytes(wire: Wire) -> None:
    found = wire.survey(wire.user("A" * 36_000))
    assert 10_000 <= found.needs.prompt_tokens_estimate < 10_100


@on_every_wire
@pytest.mark.parametrize("other", WIRES, ids=lambda wire: wire.dialect)
def test_words_about_attachments_are_none(wire: Wire, other: Wire) -> None:
    quoted = other.body(other.user(other.image(4), other.document(4)), other.result("a"))
    found = wire.survey(wire.user(quoted.decode()))
    assert not found.needs.images
    assert not found.needs.documents
    assert found.tool_result_count == 0
    assert found.breakpoints == (0, 0)


@on_every_wire
def test_long_texts_keep_head_and_tail(wire: Wire) -> None:
    found = wire.survey(wire.user("h" * 5_000 + "t" * 5_000))
    assert found.text == "h" * 2_000 + "t" * 2_000
    assert found.first_typed_text == "h" * 4_000


@on_every_wire
def test_a_role_may_be_written_with_escapes(wire: Wire) -> None:
    body = wire.body(wire.user("hi"))
    assert wire.read(body.replace(b'"user"', rb'"us\u0065r"')).last_role == "user"
    with pytest.raises(InvalidRequest, match=rf"{wire.field}\.0\.role"):
        wire.read(body.replace(b'"user"', rb'"xs\u0065r"'))
