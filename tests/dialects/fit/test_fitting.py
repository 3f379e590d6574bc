"""Fitting a conversation to what a target takes, and the answer back."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalog.quirks import quirks_of
from tests.dialects.events import events_of
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Image,
    Message,
    OutputFormat,
    Provenance,
    Sampling,
    ServerTool,
    Text,
    Thinking,
    ThinkingControl,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit import Fitted, fit
from turnout.dialects.stream import (
    Answer,
    StreamEvent,
    TextDelta,
    ToolArgumentsDelta,
    accumulate,
)
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import DIALECT_QUIRKS, NOTHING, Quirks

ABLE = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
PLAIN = replace(ABLE, thinking=False)
DIALECTS: tuple[Dialect, ...] = tuple(DIALECT_QUIRKS)


PLAIN_SAMPLING = Sampling()
NO_WISH = ThinkingControl()
MISTRAL = quirks_of("mistral_ai", "openai_chat")


def conversation(
    *messages: Message,
    dialect: Dialect = "openai_responses",
    tools: tuple[Tool | ServerTool, ...] = (),
    tool_choice: ToolChoice | None = None,
    sampling: Sampling = PLAIN_SAMPLING,
    max_output_tokens: int | None = None,
    stop_sequences: tuple[str, ...] = (),
    output_format: OutputFormat | None = None,
    thinking: ThinkingControl = NO_WISH,
) -> Conversation:
    return Conversation(
        dialect,
        "m",
        messages or (Message("user", (Text("hi"),)),),
        tools=tools,
        tool_choice=tool_choice,
        sampling=sampling,
        max_output_tokens=max_output_tokens,
        stop_sequences=stop_sequences,
        output_format=output_format,
        thinking=thinking,
    )


def turn(name: str, call_id: str = "call_1", text: str = "ok") -> tuple[Message, Message]:
    return (
        Message("assistant", (ToolCall(call_id, name, "{}"),)),
        Message("user", (ToolResult(call_id, (Text(text),)),)),
    )


NAMES = st.text(min_size=1, max_size=90)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    tools = tuple(
        Tool(
            name,
            kind=draw(st.sampled_from(["function", "custom"])),
            is_deferred=draw(st.booleans()),
        )
        for name in names
    )
    kinds = {tool.name: tool.kind for tool in tools}
    messages = [Message("user", (Text("go"),))]
    for number in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(names))
        call_id = draw(st.text(min_size=1, max_size=70)) + str(number)
        text = draw(st.text(max_size=9))
        kind = kinds[name]
        said = text if kind == "custom" else json.dumps({"q": text})
        messages += [
            Message("assistant", (ToolCall(call_id, name, said, kind=kind),)),
            Message(
                "user", (ToolResult(call_id, (Text(text), ToolReference(names[0])), kind=kind),)
            ),
        ]
    return Conversation("openai_chat", "m", tuple(messages), tools=tools)


# -- properties --------------------------------------------------------------------------------


@given(conversations(), st.sampled_from(DIALECTS))
def test_a_target_without_quirks_gets_the_conversation_itself(
    told: Conversation, dialect: Dialect
) -> None:
    nothing = replace(NOTHING, deferred_tools=True)
    same = msgspec.structs.replace(told, dialect=dialect)
    fitted = fit(same, to=dialect, quirks=nothing, has=ABLE)
    assert fitted.conversation is same
    assert fitted.changes == ()
    assert fitted.answer() is None


@given(conversations(), st.sampled_from([*DIALECT_QUIRKS.values(), MISTRAL]))
def test_one_more_message_leaves_the_fitted_ones_alone(told: Conversation, quirks: Quirks) -> None:
    longer = msgspec.structs.replace(
        told, messages=(*told.messages, Message("user", (Text("more"),)))
    )
    short = fit(told, to="anthropic_messages", quirks=quirks, has=ABLE).conversation
    long = fit(longer, to="anthropic_messages", quirks=quirks, has=ABLE).conversation
    assert long.messages[: len(told.messages)] == short.messages
    assert long.tools[: len(short.tools)] == short.tools


@given(conversations(), st.sampled_from([*DIALECT_QUIRKS.values(), MISTRAL]))
def test_names_and_ids_are_what_the_target_takes_and_stay_apart(
    told: Conversation, quirks: Quirks
) -> None:
    fitted = fit(told, to="anthropic_messages", quirks=quirks, has=ABLE)
    calls = [p for m in fitted.conversation.messages for p in m.parts if isinstance(p, ToolCall)]
    results = [
        p for m in fitted.conversation.messages for p in m.parts if isinstance(p, ToolResult)
    ]
    own = [p for m in told.messages for p in m.parts if isinstance(p, ToolCall)]
    assert [call.call_id for call in calls] == [result.call_id for result in results]
    for new, old in zip(calls, own, strict=True):
        assert re.fullmatch(quirks.tool_name_pattern, new.name)
        assert re.fullmatch(quirks.call_id_pattern or r"[\s\S]*", new.call_id)
        assert (fitted.names or {}).get(new.name, new.name) == old.name
    assert len({call.call_id for call in calls}) == len({call.call_id for call in own})
    assert len({call.name for call in calls}) == len({call.name for call in own})


@st.composite
def in_pieces(draw: st.DrawFn, text: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    whole = draw(text)
    written = json.dumps({"input": whole}, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        written = written.replace('{"input": "', ' {\n "input" : "')
    cuts = sorted(draw(st.lists(st.integers(0, len(written)), max_size=8)))
    return whole, [written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True)]


APPLY_PATCH = Tool("apply_patch", "Edits files.", kind="custom", format='{"type":"grammar"}')


def told_back(fitted: Fitted, events: Sequence[StreamEvent]) -> Answer:
    answer = fitted.answer()
    assert answer is not None
    return accumulate(answer.back(events))


def call_events(name: str, fragments: Sequence[str]) -> list[StreamEvent]:
    started, opened, *rest = events_of(Answer(parts=(ToolCall("c", name, ""),), stop="tool_use"))
    deltas = [ToolArgumentsDelta(0, fragment) for fragment in fragments]
    return [started, opened, *deltas, *rest]


@given(in_pieces(st.text(st.characters(exclude_categories=["Cs"]), max_size=40)))
def test_the_text_of_a_custom_tool_survives_any_split(drawn: tuple[str, list[str]]) -> None:
    text, fragments = drawn
    fitted = fit(
        conversation(tools=(APPLY_PATCH,)),
        to="anthropic_messages",
        quirks=DIALECT_QUIRKS["anthropic_messages"],
        has=ABLE,
    )
    answer = told_back(fitted, call_events("apply_patch", fragments))
    assert answer.parts == (ToolCall("c", "apply_patch", text, kind="custom"),)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{"patch":"a"}', "a"),
        ('{"why":"x","input":"a\\nb"}', "a\nb"),
        ('{"why":"x","patch":"a"}', '{"why":"x","patch":"a"}'),
        ("*** Begin Patch", "*** Begin Patch"),
        ('"just a string"', '"just a string"'),
        ('{"input":"cut \\ud83d', "cut \N{REPLACEMENT CHARACTER}"),
        ('{"input":"C:\\dir\\"}', 'C:\\dir"}'),
        ("", ""),
        ("{}", "{}"),
    ],
)
def test_what_a_model_writes_instead_of_the_text_reaches_the_client(
    written: str, text: str
) -> None:
    fitted = fit(
        conversation(tools=(APPLY_PATCH,)),
        to="anthropic_messages",
        quirks=DIALECT_QUIRKS["anthropic_messages"],
        has=ABLE,
    )
    for fragments in ([written], list(written)):
        answer = told_back(fitted, call_events("apply_patch", fragments))
        assert answer.parts == (ToolCall("c", "apply_patch", text, kind="custom"),)


# -- tools -------------------------------------------------------------------------------------


def test_bug_37_a_custom_tool_becomes_a_function_that_shows_its_grammar() -> None:
    lark = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    for form in (lark, {"type": "grammar", "grammar": lark}):
        tool = msgspec.structs.replace(APPLY_PATCH, format=json.dumps(form))
        history = (
            Message("assistant", (ToolCall("c", "apply_patch", 'a"b', kind="custom"),)),
            Message("user", (ToolResult("c", (Text("done"),), kind="custom"),)),
        )
        fitted = fit(
            conversation(*history, tools=(tool,)),
            to="anthropic_messages",
            quirks=DIALECT_QUIRKS["anthropic_messages"],
            has=ABLE,
        )
        (function,) = fitted.conversation.tools
        assert isinstance(function, Tool)
        assert function.kind == "function"
        assert function.description.startswith("Edits files.")
        assert function.description.endswith("(lark)\nstart: /.+/")
        assert json.loads(function.schema)["required"] == ["input"]
        called, result = (message.parts[0] for message in fitted.conversation.messages)
        assert called == ToolCall("c", "apply_patch", '{"input":"a\\"b"}')
        assert result == ToolResult("c", (Text("done"),))
        assert fitted.changes == ("custom_tool",)


def test_custom_tools_stay_where_the_target_has_them() -> None:
    told = conversation(tools=(APPLY_PATCH,))
    chat = DIALECT_QUIRKS["openai_chat"]
    assert fit(told, to="openai_chat", quirks=chat, has=ABLE).conversation is told


def test_a_long_name_is_renamed_everywhere_and_comes_back() -> None:
    name = "mcp__" + "server__" * 9 + "tool.v1"
    told = conversation(*turn(name), tools=(Tool(name),), tool_choice=ToolChoice("named", (name,)))
    fitted = fit(told, to="openai_chat", quirks=DIALECT_QUIRKS["openai_chat"], has=ABLE)
    (tool,) = fitted.conversation.tools
    call = fitted.conversation.messages[0].parts[0]
    assert isinstance(call, ToolCall)
    assert fitted.conversation.tool_choice == ToolChoice("named", (tool.name,))
    assert tool.name == call.name != name
    assert len(tool.name) <= 64
    assert fitted.changes == ("tool_name",)
    answer = told_back(fitted, call_events(tool.name, ["{}"]))
    assert answer.parts == (ToolCall("c", name, "{}"),)


def test_a_tool_that_is_called_what_another_would_become_keeps_its_name() -> None:
    quirks = DIALECT_QUIRKS["openai_chat"]
    first = fit(conversation(tools=(Tool("a.b"),)), to="openai_chat", quirks=quirks, has=ABLE)
    taken = first.conversation.tools[0].name
    both = fit(
        conversation(tools=(Tool("a.b"), Tool(taken))), to="openai_chat", quirks=quirks, has=ABLE
    )
    renamed, kept = (tool.name for tool in both.conversation.tools)
    assert kept == taken
    assert renamed != taken
    assert both.names == {renamed: "a.b"}


def test_ids_of_calls_are_what_mistral_takes() -> None:
    told = conversation(*turn("f", "toolu_01ABC"), *turn("f", "abcdefghi"))
    fitted = fit(told, to="openai_chat", quirks=MISTRAL, has=ABLE)
    ids = [
        part.call_id
        for message in fitted.conversation.messages
        for part in message.parts
        if isinstance(part, ToolCall | ToolResult)
    ]
    assert re.fullmatch("[a-z0-9]{9}", ids[0])
    assert ids == [ids[0], ids[0], "abcdefghi", "abcdefghi"]
    assert fitted.changes == ("call_id",)


CLAUDES_SYSTEM = (
    Message("system", (Text("base"),)),
    Message("user", (Text("go"),)),
    Message("system", (Text("env"),)),
    Message("assistant", (Text("ok"),)),
)
CODEXS_SYSTEM = (
    Message("system", (Text("base"),)),
    Message("system", (Text("skills"),)),
    Message("user", (Text("go"),)),
)


@pytest.mark.parametrize("provider", ["vllm", "llama_cpp", "lm_studio", "ollama", "mistral_ai"])
def test_a_strict_template_gets_one_system_message_in_front(provider: str) -> None:
    """The others stay where they are: moved to the front they would change the cached prefix."""
    quirks = quirks_of(provider, "openai_chat")
    claude = fit(conversation(*CLAUDES_SYSTEM), to="openai_chat", quirks=quirks, has=ABLE)
    assert claude.conversation.messages == (
        *CLAUDES_SYSTEM[:2],
        Message("user", (Text("<system-reminder>\nenv\n</system-reminder>"),)),
        CLAUDES_SYSTEM[3],
    )
    codex = fit(conversation(*CODEXS_SYSTEM), to="openai_chat", quirks=quirks, has=ABLE)
    assert codex.conversation.messages == (
        Message("system", (Text("base"), Text("skills"))),
        CODEXS_SYSTEM[2],
    )
    assert claude.changes == codex.changes == ("system_role",)
    plain = conversation(*CLAUDES_SYSTEM[:2])
    assert fit(plain, to="openai_chat", quirks=quirks, has=ABLE).conversation is plain


@pytest.mark.parametrize("provider", ["openai", "moonshot_ai", "z_ai"])
def test_system_messages_stay_system_where_they_may_stand_anywhere(provider: str) -> None:
    quirks = quirks_of(provider, "openai_chat")
    fitted = fit(conversation(*CLAUDES_SYSTEM), to="openai_chat", quirks=quirks, has=ABLE)
    assert fitted.conversation.messages == CLAUDES_SYSTEM


@pytest.mark.parametrize(
    ("provider", "told", "sent"),
    [
        ("groq", "original", "high"),
        ("groq", "low", "low"),
        ("groq", "", ""),
        ("openai", "original", "original"),
    ],
)
def test_the_detail_of_an_image_is_said_in_words_that_the_target_knows(
    provider: str, told: str, sent: str
) -> None:
    """Codex shows what it looks at as `original`, which compatible servers of 2024 do not know."""
    image = Image(Base64Source("image/png", "AAAA"), detail=told)
    asked = conversation(Message("user", (ToolResult("c", (image,)), image)))
    fitted = fit(asked, to="openai_chat", quirks=quirks_of(provider, "openai_chat"), has=ABLE)
    result, shown = fitted.conversation.messages[0].parts
    assert isinstance(result, ToolResult)
    assert result.parts == (shown,) == (msgspec.structs.replace(image, detail=sent),)
    assert fitted.changes == (("image_detail",) if sent != told else ())


def test_deferred_tools_come_behind_the_others_once_something_names_them() -> None:
    tools = (
        Tool("DeferredToolPlaceholder", is_deferred=True),
        Tool("Second", "two", schema='{"type":"object"}', is_deferred=True),
        Tool("First", "one", is_deferred=True),
        Tool("ToolSearch"),
    )
    found = Message("user", (ToolResult("c", (ToolReference("First"), ToolReference("Second"))),))
    told = Conversation("anthropic_messages", "m", (found,), tools=tools)
    fitted = fit(told, to="openai_chat", quirks=DIALECT_QUIRKS["openai_chat"], has=ABLE)
    assert [tool.name for tool in fitted.conversation.tools] == ["ToolSearch", "First", "Second"]
    assert not any(isinstance(t, Tool) and t.is_deferred for t in fitted.conversation.tools)
    result = fitted.conversation.messages[0].parts[0]
    assert isinstance(result, ToolResult)
    assert [json.loads(part.text) for part in result.parts if isinstance(part, Text)] == [
        {"name": "First", "description": "one"},
        {"name": "Second", "description": "two", "parameters": {"type": "object"}},
    ]
    own = fit(told, to="anthropic_messages", quirks=DIALECT_QUIRKS["anthropic_messages"], has=ABLE)
    assert own.conversation is told


@pytest.mark.parametrize(
    ("of", "search"),
    [
        ("openai_responses", "tool_search"),
        ("anthropic_messages", "tool_search_tool_regex_20251119"),
        ("anthropic_messages", "tool_search_tool_bm25"),
    ],
)
def test_what_a_provider_would_have_searched_is_offered_from_the_start(
    of: Dialect, search: str
) -> None:
    tools = (
        ServerTool(of, search, search, "{}"),
        Tool("Later", is_deferred=True),
        Tool("Read"),
    )
    told = Conversation(of, "m", (Message("user", (Text("go"),)),), tools=tools)
    for dialect in DIALECTS:
        is_original = dialect != of
        fitted = fit(
            told, to=dialect, quirks=DIALECT_QUIRKS[dialect], has=ABLE, is_original=is_original
        )
        assert fitted.conversation.tools == (Tool("Later"), Tool("Read"))
        assert fitted.changes == ("deferred_tools", f"dropped:{search}")
    own = fit(told, to=of, quirks=replace(DIALECT_QUIRKS[of], deferred_tools=True), has=ABLE)
    assert own.conversation is told


def changed(name: str, change: Literal["added", "removed"], new: Tool | None = None) -> Message:
    return Message("system", (ToolReference(name, change, new),))


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ([changed("Draw", "added", Tool("Draw"))], ["Read", "Write", "Draw"]),
        ([changed("Later", "added")], ["Read", "Write", "Later"]),
        ([changed("Read", "removed")], ["Write"]),
        ([changed("Read", "removed"), changed("Read", "added")], ["Write", "Read"]),
        ([changed("Read", "added", Tool("Read", "anew"))], ["Write", "Read"]),
        (
            [changed("Later", "added"), changed("Later", "removed"), *turn("Later")],
            ["Read", "Write"],
        ),
        ([changed("Later", "removed"), *turn("Later")], ["Read", "Write"]),
        ([changed("Read", "added"), changed("Nobody", "added")], ["Read", "Write"]),
        (
            [
                changed("Draw", "added", Tool("Draw")),
                changed("Draw", "removed"),
                changed("Draw", "added", Tool("Draw", "anew")),
                *turn("Draw"),
            ],
            ["Read", "Write", "Draw"],
        ),
    ],
)
def test_the_tools_that_other_vendors_get_follow_what_system_messages_change(
    changes: list[Message], offered: list[str]
) -> None:
    tools = (Tool("Read"), Tool("Write"), Tool("Later", is_deferred=True))
    told = Conversation(
        "anthropic_messages", "m", (Message("user", (Text("go"),)), *changes), tools=tools
    )
    for dialect in DIALECTS:
        if dialect != "anthropic_messages":
            fitted = fit(told, to=dialect, quirks=DIALECT_QUIRKS[dialect], has=ABLE)
            assert [tool.name for tool in fitted.conversation.tools] == offered
            assert "deferred_tools" in fitted.changes
    own = fit(told, to="anthropic_messages", quirks=DIALECT_QUIRKS["anthropic_messages"], has=ABLE)
    assert own.conversation is told
    older = replace(DIALECT_QUIRKS["anthropic_messages"], system_anywhere=False)
    in_front = fit(told, to="anthropic_messages", quirks=older, has=ABLE)
    assert [tool.name for tool in in_front.conversation.tools] == offered


def test_what_a_system_message_changes_is_told_in_words_where_it_stands() -> None:
    drawn = Tool("Draw", "draws", schema='{"type":"object"}')
    told = Conversation(
        "anthropic_messages",
        "m",
        (
            Message("user", (Text("go"),)),
            changed("Draw", "added", drawn),
            changed("Read", "removed"),
        ),
        tools=(Tool("Read"),),
    )
    fitted = fit(told, to="openai_chat", quirks=DIALECT_QUIRKS["openai_chat"], has=ABLE)
    assert [message.parts for message in fitted.conversation.messages[1:]] == [
        (Text('{"name":"Draw","description":"draws","parameters":{"type":"object"}}'),),
        (Text("The tool Read is no longer offered."),),
    ]


def test_a_server_tool_that_a_system_message_defines_is_refused_elsewhere_until_it_is_removed() -> (
    None
):
    search = ServerTool("anthropic_messages", "web_search", "web_search_20250305", "{}")
    added = Message("system", (ToolReference("web_search", "added", search),))
    told = Conversation("anthropic_messages", "m", (Message("user", (Text("go"),)), added))
    chat = DIALECT_QUIRKS["openai_chat"]
    with pytest.raises(Unsupported, match="web_search_20250305"):
        fit(told, to="openai_chat", quirks=chat, has=ABLE)
    over = msgspec.structs.replace(
        told, messages=(*told.messages, changed("web_search", "removed"))
    )
    assert fit(over, to="openai_chat", quirks=chat, has=ABLE).conversation.tools == ()


# -- server tools ------------------------------------------------------------------------------

WEB_SEARCH = ServerTool("openai_responses", "web_search", "web_search", '{"type":"web_search"}')
CLAUDES = ServerTool("anthropic_messages", "web_search", "web_search_20250305", "{}")
CHAT = DIALECT_QUIRKS["openai_chat"]


def test_bug_36_codexs_web_search_is_left_out_beside_its_own_tools() -> None:
    told = conversation(tools=(Tool("shell"), WEB_SEARCH))
    fitted = fit(told, to="openai_chat", quirks=CHAT, has=ABLE)
    assert fitted.conversation.tools == (Tool("shell"),)
    assert fitted.changes == ("dropped:web_search",)


@pytest.mark.parametrize(
    "told",
    [
        conversation(tools=(WEB_SEARCH,)),
        conversation(dialect="anthropic_messages", tools=(Tool("x"), CLAUDES)),
    ],
    ids=["nothing else", "meant"],
)
def test_bug_36_a_server_tool_that_is_meant_is_refused_by_name(told: Conversation) -> None:
    with pytest.raises(Unsupported, match="web_search"):
        fit(told, to="openai_chat", quirks=CHAT, has=ABLE)


def test_an_imitation_runs_no_server_tools() -> None:
    told = conversation(dialect="anthropic_messages", tools=(CLAUDES,))
    own = DIALECT_QUIRKS["anthropic_messages"]
    assert fit(told, to="anthropic_messages", quirks=own, has=ABLE).conversation is told
    with pytest.raises(Unsupported, match="web_search_20250305"):
        fit(told, to="anthropic_messages", quirks=own, has=ABLE, is_original=False)


# -- parameters --------------------------------------------------------------------------------

EVERYTHING = Sampling(
    temperature=1.5,
    top_p=0.5,
    top_k=3,
    presence_penalty=0.1,
    frequency_penalty=0.1,
    seed=1,
    top_logprobs=2,
)


@pytest.mark.parametrize(
    ("to", "quirks", "has", "left", "gone"),
    [
        (
            "anthropic_messages",
            DIALECT_QUIRKS["anthropic_messages"],
            PLAIN,
            Sampling(temperature=1.0, top_p=0.5, top_k=3),
            "presence_penalty frequency_penalty seed top_logprobs",
        ),
        (
            "anthropic_messages",
            quirks_of("anthropic", "anthropic_messages", "claude-sonnet-4-5"),
            PLAIN,
            Sampling(temperature=1.0, top_k=3),
            "presence_penalty frequency_penalty seed top_logprobs top_p",
        ),
        (
            "anthropic_messages",
            quirks_of("anthropic", "anthropic_messages", "claude-opus-5-5"),
            PLAIN,
            Sampling(),
            "temperature top_p top_k presence_penalty frequency_penalty seed top_logprobs",
        ),
        (
            "openai_chat",
            quirks_of("openai", "openai_chat", "gpt-5.5"),
            ABLE,
            Sampling(seed=1),
            "temperature top_p top_k presence_penalty frequency_penalty top_logprobs",
        ),
        (
            "openai_chat",
            quirks_of("groq", "openai_chat"),
            ABLE,
            msgspec.structs.replace(EVERYTHING, top_k=None, top_logprobs=None),
            "top_k top_logprobs",
        ),
        (
            "gemini_generate",
            DIALECT_QUIRKS["gemini_generate"],
            ABLE,
            EVERYTHING,
            "",
        ),
    ],
    ids=["claude", "claude-old", "claude-new", "gpt-reasoning", "groq", "gemini"],
)
def test_bug_34_what_a_target_refuses_is_dropped_and_told(
    to: Dialect, quirks: Quirks, has: Capabilities, left: Sampling, gone: str
) -> None:
    told = conversation(dialect="openai_chat", sampling=EVERYTHING)
    if to == "openai_chat":
        told = msgspec.structs.replace(told, dialect="gemini_generate")
    fitted = fit(told, to=to, quirks=quirks, has=has)
    assert fitted.conversation.sampling == left
    dropped = {change for change in fitted.changes if change.startswith("dropped:")}
    assert dropped == {f"dropped:{name}" for name in gone.split()}


@pytest.mark.parametrize(
    ("dialect", "limit", "field"),
    [
        ("anthropic_messages", -5, "max_tokens"),
        ("openai_chat", 0, "max_completion_tokens"),
        ("openai_responses", 0, "max_output_tokens"),
        ("gemini_generate", -1, "generationConfig.maxOutputTokens"),
    ],
)
def test_an_output_limit_of_nothing_is_refused(dialect: Dialect, limit: int, field: str) -> None:
    told = conversation(dialect=dialect, max_output_tokens=limit)
    with pytest.raises(InvalidRequest, match=f"^{field}: must be more than 0, not {limit}"):
        fit(told, to="openai_responses", quirks=Quirks(), has=ABLE)


def test_an_output_limit_is_raised_to_the_least() -> None:
    told = conversation(dialect="openai_chat", max_output_tokens=1)
    quirks = DIALECT_QUIRKS["openai_responses"]
    fitted = fit(told, to="openai_responses", quirks=quirks, has=ABLE)
    assert fitted.conversation.max_output_tokens == 16
    assert fitted.changes == ("limited:max_output_tokens",)


def test_an_output_limit_is_lowered_to_what_the_model_can_write() -> None:
    told = conversation(max_output_tokens=128_000)
    has = replace(ABLE, max_output_tokens=32_000)
    fitted = fit(told, to="openai_chat", quirks=DIALECT_QUIRKS["openai_chat"], has=has)
    assert fitted.conversation.max_output_tokens == 32_000
    assert fitted.changes == ("limited:max_output_tokens",)


def test_what_is_strict_for_one_vendor_guides_only_at_another() -> None:
    form = OutputFormat("json_schema", '{"type":"object"}', strict=True)
    told = conversation(tools=(Tool("f", schema='{"type":"object"}', strict=True),))
    told = msgspec.structs.replace(told, output_format=form)
    for to in DIALECTS:
        fitted = fit(told, to=to, quirks=NOTHING, has=ABLE)
        (tool,) = fitted.conversation.tools
        assert isinstance(tool, Tool)
        assert fitted.conversation.output_format is not None
        is_openais = to in {"openai_chat", "openai_responses"}
        assert tool.strict is fitted.conversation.output_format.strict is (is_openais or None)
        assert fitted.changes == (() if is_openais else ("dropped:strict",))


def test_a_model_that_cannot_be_held_to_a_schema_is_not_asked() -> None:
    told = conversation(output_format=OutputFormat("json_schema", "{}"))
    for to, quirks in DIALECT_QUIRKS.items():
        with pytest.raises(Unsupported, match="output format"):
            fit(told, to=to, quirks=quirks, has=Capabilities())


def test_a_schema_for_a_target_that_knows_json_alone_is_said_in_words() -> None:
    told = conversation(output_format=OutputFormat("json_schema", '{"type":"object"}'))
    quirks = quirks_of("deepseek", "openai_chat")
    fitted = fit(told, to="openai_chat", quirks=quirks, has=ABLE)
    assert fitted.conversation.output_format == OutputFormat("json")
    said = fitted.conversation.messages[0]
    assert said.role == "system"
    assert isinstance(said.parts[0], Text)
    assert '{"type":"object"}' in said.parts[0].text
    assert fitted.changes == ("output_format:json",)


# -- thinking ----------------------------------------------------------------------------------

OPUS = quirks_of("anthropic", "anthropic_messages", "claude-opus-4-8")
SONNET_45 = quirks_of("anthropic", "anthropic_messages", "claude-sonnet-4-5")
GPT = quirks_of("openai", "openai_chat", "gpt-5.5")
GPT_5 = quirks_of("openai", "openai_chat", "gpt-5-mini")
GPT_4 = quirks_of("openai", "openai_chat", "gpt-4.1")
DEEPSEEK = quirks_of("deepseek", "openai_chat")
WORD = ThinkingControl(effort="medium")


@pytest.mark.parametrize(
    ("quirks", "asked", "expected"),
    [
        (OPUS, WORD, ThinkingControl("adaptive", effort="medium")),
        (OPUS, ThinkingControl(effort="none"), ThinkingControl("off")),
        (OPUS, ThinkingControl("on", 31_999), ThinkingControl("adaptive", effort="high")),
        (SONNET_45, WORD, ThinkingControl("on", 8_192)),
        (SONNET_45, ThinkingControl("adaptive", effort="max"), ThinkingControl("on", 31_999)),
        (SONNET_45, ThinkingControl("on", 10), ThinkingControl("on", 1_024)),
        (GPT, ThinkingControl("adaptive", effort="max"), ThinkingControl(effort="xhigh")),
        (GPT, ThinkingControl("on", 10_000), WORD),
        (GPT, ThinkingControl("off"), ThinkingControl(effort="none")),
        (GPT_5, ThinkingControl(effort="none"), ThinkingControl(effort="minimal")),
        (GPT_4, ThinkingControl("on", 31_999), ThinkingControl()),
        (DEEPSEEK, ThinkingControl(effort="minimal"), ThinkingControl(effort="low")),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    quirks: Quirks, asked: ThinkingControl, expected: ThinkingControl
) -> None:
    fitted = fit(conversation(thinking=asked), to="openai_chat", quirks=quirks, has=ABLE)
    assert fitted.conversation.thinking == expected


SIGNED = Thinking("so", Provenance("anthropic_messages"), signature="s")


SHOWN = ThinkingControl("adaptive", display="summarized", drops_unbound=True)
HIDDEN = ThinkingControl("adaptive", drops_unbound=True)


@pytest.mark.parametrize(
    ("dialect", "model", "asked", "told"),
    [
        ("openai_chat", "claude-opus-5-5", NO_WISH, SHOWN),
        ("openai_responses", "claude-opus-5-5", NO_WISH, HIDDEN),
        ("gemini_generate", "claude-haiku-5-5", NO_WISH, HIDDEN),
        ("openai_responses", "claude-sonnet-5-5", ThinkingControl(display="auto"), SHOWN),
        ("gemini_generate", "claude-opus-5-5", ThinkingControl(display="included"), SHOWN),
        (
            "gemini_generate",
            "claude-opus-5-5",
            ThinkingControl(display="omitted"),
            msgspec.structs.replace(HIDDEN, display="omitted"),
        ),
        (
            "openai_responses",
            "claude-opus-4-8",
            ThinkingControl(display="detailed"),
            msgspec.structs.replace(SHOWN, drops_unbound=False),
        ),
        (
            "openai_chat",
            "claude-opus-4-8",
            ThinkingControl(effort="high"),
            msgspec.structs.replace(SHOWN, effort="high", drops_unbound=False),
        ),
        ("openai_chat", "claude-opus-4-8", NO_WISH, NO_WISH),
        ("openai_chat", "claude-haiku-5-5", ThinkingControl(effort="none"), ThinkingControl("off")),
        (
            "openai_chat",
            "claude-haiku-4-5",
            ThinkingControl(effort="low"),
            ThinkingControl("on", 2_048),
        ),
        ("anthropic_messages", "claude-opus-5-5", NO_WISH, NO_WISH),
    ],
)
def test_claude_is_told_what_clients_of_other_dialects_take_for_granted(
    dialect: Dialect, model: str, asked: ThinkingControl, told: ThinkingControl
) -> None:
    quirks = quirks_of("anthropic", "anthropic_messages", model)
    fitted = fit(
        conversation(dialect=dialect, thinking=asked),
        to="anthropic_messages",
        quirks=quirks,
        has=ABLE,
    )
    assert fitted.conversation.thinking == told


def test_a_call_that_must_be_made_keeps_claude_from_being_asked_to_think() -> None:
    told = conversation(dialect="openai_chat", tool_choice=ToolChoice("required"))
    haiku = quirks_of("anthropic", "anthropic_messages", "claude-haiku-5-5")
    fitted = fit(told, to="anthropic_messages", quirks=haiku, has=ABLE)
    assert fitted.conversation.thinking == ThinkingControl("off")
    assert fitted.changes == ("thinking:tool_choice",)


@pytest.mark.parametrize(
    ("told", "change"),
    [
        (
            conversation(thinking=WORD, tool_choice=ToolChoice("required")),
            "thinking:tool_choice",
        ),
        (conversation(thinking=WORD, max_output_tokens=1_000), "thinking:output_limit"),
        (conversation(*turn("f"), thinking=WORD), "thinking:history"),
    ],
)
def test_what_is_refused_beside_thinking_decides_against_thinking(
    told: Conversation, change: str
) -> None:
    fitted = fit(told, to="anthropic_messages", quirks=SONNET_45, has=ABLE)
    assert fitted.conversation.thinking == ThinkingControl()
    assert change in fitted.changes


def test_a_turn_that_claude_thought_over_may_go_on_thinking() -> None:
    call, result = turn("f")
    call = msgspec.structs.replace(call, parts=(SIGNED, *call.parts))
    told = conversation(call, result, thinking=WORD)
    fitted = fit(told, to="anthropic_messages", quirks=SONNET_45, has=ABLE)
    assert fitted.conversation.thinking.mode == "on"


def test_a_model_that_cannot_think_is_not_asked_to() -> None:
    fitted = fit(conversation(thinking=WORD), to="openai_chat", quirks=GPT, has=PLAIN)
    assert fitted.conversation.thinking == ThinkingControl()
    assert fitted.changes == ("dropped:thinking",)


# -- stop sequences ----------------------------------------------------------------------------


@given(st.text("ab<", max_size=20), st.data())
def test_a_stop_sequence_that_the_target_is_not_told_of_still_stops(
    text: str, data: st.DataObject
) -> None:
    told = conversation(dialect="anthropic_messages", stop_sequences=("</b>", "bb"))
    quirks = DIALECT_QUIRKS["openai_responses"]
    fitted = fit(told, to="openai_responses", quirks=quirks, has=PLAIN)
    assert fitted.conversation.stop_sequences == ()
    stop = data.draw(st.sampled_from(["", "</b>"]))
    whole = text + stop + ("after" if stop else "")
    answer = Answer("r", "m", (Text(whole), ToolCall("c", "f", "{}")), stop="tool_use")
    events: list[StreamEvent] = []
    for event in events_of(answer):
        if isinstance(event, TextDelta):
            events += [TextDelta(event.index, letter) for letter in whole]
        else:
            events.append(event)
    back = told_back(fitted, events)
    met = min((whole.index(s) for s in ("</b>", "bb") if s in whole), default=None)
    assert isinstance(back.parts[0], Text)
    if met is None:
        assert back == answer
    else:
        assert back.parts == (Text(whole[:met]),)
        assert back.stop == "stop_sequence"
        assert back.stop_sequence == next(s for s in ("</b>", "bb") if whole.startswith(s, met))


def test_a_stop_sequence_of_white_space_is_looked_for_where_it_is_refused() -> None:
    told = conversation(stop_sequences=("\n", "END"))
    quirks = DIALECT_QUIRKS["anthropic_messages"]
    fitted = fit(told, to="anthropic_messages", quirks=quirks, has=PLAIN)
    assert fitted.conversation.stop_sequences == ("END",)
    back = told_back(fitted, events_of(Answer("r", "m", (Text("one\ntwo"),), stop="end")))
    assert (back.parts, back.stop_sequence) == ((Text("one"),), "\n")
