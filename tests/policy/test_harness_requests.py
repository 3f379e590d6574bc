"""What each harness asks for, from its own requests: a table a harness, bodies as they go over the wire.

Bodies are cut to what tells something; sentences are those that the harnesses themselves write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pytest

from turnout.capabilities import Dialect
from turnout.dialects.anthropic_messages.survey import survey_request as of_anthropic
from turnout.dialects.gemini_generate.survey import survey_request as of_gemini
from turnout.dialects.openai_chat.survey import survey_request as of_chat
from turnout.dialects.openai_responses.survey import survey_request as of_responses
from turnout.dialects.survey import Survey
from turnout.policy.identity import identify
from turnout.policy.request import RequestClass, StepKind
from turnout.policy.steps import step_kind

Body = Mapping[str, object]


@dataclass(frozen=True)
class Asked:
    """A request, and what it is for."""

    name: str
    body: Body
    step: StepKind
    request_class: RequestClass
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    path: str = ""


def survey_of(dialect: Dialect, body: Body, path: str) -> Survey:
    raw = msgspec.json.encode(body)
    match dialect:
        case "anthropic_messages":
            return of_anthropic(raw)
        case "openai_chat":
            return of_chat(raw)
        case "openai_responses":
            return of_responses(raw)
        case _:
            return of_gemini(raw, path=path)


def check(asked: Asked, dialect: Dialect, headers: Mapping[str, str], path: str) -> None:
    survey = survey_of(dialect, asked.body, asked.path or path)
    said = {**headers, **asked.headers}
    identity = identify(
        said, survey, dialect=dialect, principal="P", tenant="T", path=asked.path or path
    )
    found = step_kind(said, survey, identity, path=asked.path or path)
    assert (found, identity.request_class) == (asked.step, asked.request_class)
    assert identity.is_subagent == (asked.request_class == "subagent")


def user(*content: object) -> Body:
    return {"role": "user", "content": list(content)}


def text(said: str) -> Body:
    return {"type": "text", "text": said}


READ = {"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "a.go"}}
WAS_READ = {"type": "tool_result", "tool_use_id": "t1", "content": "package a"}
REMINDER = text("<system-reminder>Today is Monday.</system-reminder>")
CLAUDE_TASK = user(REMINDER, text("Sort the list of trains."))
CLAUDE_CALL: Body = {"role": "assistant", "content": [READ]}
CLAUDE_TOOLS: list[Body] = [
    {"name": name, "input_schema": {"type": "object"}} for name in ("Read", "Edit", "Bash", "Agent")
]
TITLE = {"format": {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}}


def claude(*messages: Body, tools: object = CLAUDE_TOOLS, **more: object) -> Body:
    offered = {"tools": tools} if tools else {}
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 32000,
        "stream": True,
        "system": [text("You are Claude Code.")],
        "messages": list(messages),
        **offered,
        **more,
    }


CLAUDE_CHILD = {"x-claude-code-agent-id": "A"}
CLAUDE_ROWS = [
    Asked("what the user typed", claude(CLAUDE_TASK), "user_input", "main"),
    Asked(
        "results",
        claude(CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ, REMINDER)),
        "tool_continuation",
        "main",
    ),
    Asked(
        "a word of the user's behind a result",
        claude(CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ, text("backwards, please"))),
        "user_input",
        "main",
    ),
    Asked(
        "a subagent's task",
        claude(user(text("Look for sorts."))),
        "subagent_start",
        "subagent",
        CLAUDE_CHILD,
    ),
    Asked(
        "a subagent's results",
        claude(user(text("Look for sorts.")), CLAUDE_CALL, user(WAS_READ)),
        "tool_continuation",
        "subagent",
        CLAUDE_CHILD,
    ),
    Asked(
        "compaction",
        claude(
            CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ, text("CRITICAL: Respond with TEXT ONLY. Do"))
        ),
        "compaction",
        "compaction",
    ),
    Asked(
        "compaction, as older versions ask",
        claude(
            CLAUDE_TASK,
            CLAUDE_CALL,
            user(WAS_READ),
            user(text("Your task is to create a detailed summary of the conversation so far, p")),
            tools=None,
        ),
        "compaction",
        "compaction",
    ),
    Asked(
        "title",
        claude(user(text("Sort the list of trains.")), tools=None, output_config=TITLE),
        "title",
        "auxiliary",
    ),
    Asked(
        "topic, as older versions ask",
        claude(user(text("Sort the list of trains.")), tools=None, max_tokens=512),
        "title",
        "auxiliary",
    ),
    Asked(
        "what the user might type next",
        claude(CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ, text("[SUGGESTION MODE: Suggest what"))),
        "title",
        "auxiliary",
    ),
    Asked(
        "the same, said by a header",
        claude(CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ, text("Think of a next step."))),
        "title",
        "auxiliary",
        {"x-claude-1p-request-class": "followup-generation"},
    ),
    Asked(
        "prefix of a command",
        claude(user(text("<policy_spec>\n# Bash command prefix detection")), tools=None),
        "classification",
        "auxiliary",
    ),
    Asked(
        "danger, the first stage",
        claude(
            user(text("<transcript>\nUser: sort")),
            tools=None,
            max_tokens=64,
            stop_sequences=["</block>"],
        ),
        "classification",
        "auxiliary",
    ),
    Asked(
        "danger, the second stage",
        claude(user(text("<transcript>\nUser: sort")), tools=None, max_tokens=8192),
        "classification",
        "auxiliary",
    ),
    Asked(
        "a search of the web",
        claude(
            user(text("Perform a web search for the query: sorts")),
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        ),
        "user_input",
        "auxiliary",
    ),
    Asked(
        "is the key good",
        claude(user(text("quota")), tools=None, max_tokens=1),
        "probe",
        "auxiliary",
    ),
    Asked(
        "how many tokens",
        claude(CLAUDE_TASK),
        "token_count",
        "auxiliary",
        path="/v1/messages/count_tokens",
    ),
]


@pytest.mark.parametrize("asked", CLAUDE_ROWS, ids=lambda asked: asked.name)
def test_claude_code(asked: Asked) -> None:
    headers = {"user-agent": "claude-cli/2.1.330 (external, cli)", "x-claude-code-session-id": "S"}
    check(asked, "anthropic_messages", headers, "/v1/messages")


def test_what_claude_code_asks_of_a_subagent_about_itself_is_beside_its_thread() -> None:
    label = text("Describe your most recent action in 3-5 words using present tense (-ing).")
    body = claude(CLAUDE_TASK, CLAUDE_CALL, user(WAS_READ), user(label))
    headers = {"x-claude-code-session-id": "S", **CLAUDE_CHILD}
    survey = survey_of("anthropic_messages", body, "")
    who = identify(headers, survey, dialect="anthropic_messages", principal="P", tenant="T")
    assert (who.request_class, who.is_subagent) == ("auxiliary", True)
    assert who.thread != "A"
    assert step_kind(headers, survey, who, path="") == "title"


def test_a_user_of_claude_code_who_writes_like_it_is_a_user() -> None:
    for said in ("<transcript> of the call: why?", "<policy_spec> means what?"):
        asked = Asked(said, claude(user(text(said))), "user_input", "main")
        check(asked, "anthropic_messages", {"x-claude-code-session-id": "S"}, "/v1/messages")


def item(role: str, said: str) -> Body:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": said}]}


CODEX_TOOLS = [
    {"type": "function", "name": "shell", "parameters": {"type": "object"}},
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}},
    {"type": "web_search"},
]
CODEX_HEAD = (
    item("developer", "You are Codex."),
    item("user", "<environment_context>linux</environment_context>"),
)
CODEX_CALL: tuple[Body, ...] = (
    {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "package a"},
)


def codex(*items: Body, tools: object = CODEX_TOOLS, **more: object) -> Body:
    offered = {"tools": tools} if tools else {}
    return {"model": "gpt-5.5", "stream": True, "input": [*CODEX_HEAD, *items], **offered, **more}


def codex_says(thread: str = "T", subagent: str = "", **words: str) -> dict[str, str]:
    metadata = {"session_id": "S", "thread_id": thread, "request_kind": "turn", **words}
    return {
        "thread-id": thread,
        "x-codex-turn-metadata": msgspec.json.encode(metadata).decode(),
        **({"x-openai-subagent": subagent} if subagent else {}),
    }


CODEX_TASK = item("user", "Sort the list of trains.")
CODEX_ROWS = [
    Asked("what the user typed", codex(CODEX_TASK), "user_input", "main"),
    Asked("results", codex(CODEX_TASK, *CODEX_CALL), "tool_continuation", "main"),
    Asked(
        "a subagent's task",
        codex(CODEX_TASK),
        "subagent_start",
        "subagent",
        codex_says("C", "collab_spawn", thread_source="subagent"),
    ),
    Asked(
        "a subagent's results",
        codex(CODEX_TASK, *CODEX_CALL),
        "tool_continuation",
        "subagent",
        codex_says("C", "collab_spawn", thread_source="subagent"),
    ),
    Asked(
        "a review",
        codex(item("user", "Review the current code changes.")),
        "subagent_start",
        "subagent",
        codex_says("R", "review"),
    ),
    Asked(
        "compaction by this side",
        codex(
            CODEX_TASK,
            *CODEX_CALL,
            item("user", "You are performing a CONTEXT CHECKPOINT COMPACTION."),
            tools=None,
        ),
        "compaction",
        "compaction",
    ),
    Asked(
        "compaction by the other side",
        codex(CODEX_TASK, *CODEX_CALL, {"type": "compaction_trigger"}),
        "compaction",
        "compaction",
        codex_says(request_kind="compaction"),
    ),
    Asked(
        "a prewarm",
        codex(CODEX_TASK),
        "probe",
        "auxiliary",
        codex_says(request_kind="prewarm"),
    ),
    Asked(
        "memories of a session",
        codex(item("user", "Analyze this rollout."), tools=None),
        "title",
        "auxiliary",
        {"x-openai-memgen-request": "true"},
    ),
    Asked(
        "how many tokens",
        codex(CODEX_TASK),
        "token_count",
        "auxiliary",
        path="/v1/responses/input_tokens",
    ),
]


@pytest.mark.parametrize("asked", CODEX_ROWS, ids=lambda asked: asked.name)
def test_codex(asked: Asked) -> None:
    headers = {"originator": "codex_exec", "session-id": "S", **codex_says()}
    check(asked, "openai_responses", headers, "/v1/responses")


@pytest.mark.parametrize(
    "said",
    [
        codex_says("G", "guardian"),
        codex_says("G", thread_source="guardian_review"),
        {**codex_says("G"), "x-codex-guardian": "review"},
    ],
)
def test_what_guards_codex_is_a_classification(said: dict[str, str]) -> None:
    headers = {"originator": "codex_exec", "session-id": "S", **said}
    for body in (codex(CODEX_TASK), codex(CODEX_TASK, *CODEX_CALL)):
        survey = survey_of("openai_responses", body, "")
        who = identify(headers, survey, dialect="openai_responses", principal="P", tenant="T")
        assert who.request_class == "auxiliary"
        assert step_kind(headers, survey, who, path="") == "classification"


CHAT_CALL: Body = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "read", "arguments": ""}}],
}
CHAT_RESULT: Body = {"role": "tool", "tool_call_id": "c1", "content": "package a"}
CHAT_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("read", "task")]


def chat(*messages: Body, tools: object = CHAT_TOOLS, **more: object) -> Body:
    offered = {"tools": tools} if tools else {}
    system = {"role": "system", "content": "You are opencode."}
    return {"model": "gpt-5.5", "stream": True, "messages": [system, *messages], **offered, **more}


def said(words: str) -> Body:
    return {"role": "user", "content": words}


OPENCODE_CHILD = {"x-session-id": "C", "x-session-affinity": "C", "x-parent-session-id": "S"}
OPENCODE_ROWS = [
    Asked("what the user typed", chat(said("Sort it.")), "user_input", "main"),
    Asked("results", chat(said("Sort it."), CHAT_CALL, CHAT_RESULT), "tool_continuation", "main"),
    Asked("a subagent's task", chat(said("Look.")), "subagent_start", "subagent", OPENCODE_CHILD),
    Asked(
        "a subagent's results",
        chat(said("Look."), CHAT_CALL, CHAT_RESULT),
        "tool_continuation",
        "subagent",
        OPENCODE_CHILD,
    ),
    Asked(
        "title",
        chat(said("Generate a title for this conversation:\n"), said("Sort it."), tools=None),
        "title",
        "auxiliary",
    ),
    Asked(
        "summary",
        chat(
            said("Sort it."),
            CHAT_CALL,
            CHAT_RESULT,
            said("Summarize the above conversation according to your system prompts."),
            tools=None,
        ),
        "title",
        "auxiliary",
    ),
    Asked(
        "compaction of a talk",
        chat(
            said("Hello."),
            {"role": "assistant", "content": "Hello."},
            said("Provide a detailed prompt for continuing our conversation above."),
            tools=None,
        ),
        "compaction",
        "compaction",
    ),
    Asked(
        "compaction in a plugin's words",
        chat(said("Sort it."), CHAT_CALL, CHAT_RESULT, said("Sum it all up."), tools=None),
        "compaction",
        "compaction",
    ),
]


@pytest.mark.parametrize("asked", OPENCODE_ROWS, ids=lambda asked: asked.name)
def test_opencode(asked: Asked) -> None:
    headers = {"user-agent": "opencode/1.18.33", "x-session-id": "S", "x-session-affinity": "S"}
    check(asked, "openai_chat", headers, "/v1/chat/completions")


def part(words: str, role: str = "user") -> Body:
    return {"role": role, "parts": [{"text": words}]}


GEMINI_CALL: Body = {
    "role": "model",
    "parts": [{"functionCall": {"name": "read_file", "args": {"file_path": "a.go"}}}],
}
GEMINI_RESULT: Body = {
    "role": "user",
    "parts": [{"functionResponse": {"name": "read_file", "response": {"output": "package a"}}}],
}
VERDICT = {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}


def gemini(
    *contents: Body, tools: tuple[str, ...] = ("read_file", "replace"), **more: object
) -> Body:
    declared = [{"functionDeclarations": [{"name": name} for name in tools]}]
    return {"contents": list(contents), **({"tools": declared} if tools else {}), **more}


OF_A_SUBAGENT = ("read_file", "complete_task")
GEMINI_ROWS = [
    Asked("what the user typed", gemini(part("Sort it.")), "user_input", "main"),
    Asked(
        "results", gemini(part("Sort it."), GEMINI_CALL, GEMINI_RESULT), "tool_continuation", "main"
    ),
    Asked(
        "a subagent's task",
        gemini(part("Look."), tools=OF_A_SUBAGENT),
        "subagent_start",
        "subagent",
    ),
    Asked(
        "a subagent's results",
        gemini(part("Look."), GEMINI_CALL, GEMINI_RESULT, tools=OF_A_SUBAGENT),
        "tool_continuation",
        "subagent",
    ),
    Asked(
        "how hard the task is",
        gemini(part("Sort it."), tools=(), generationConfig=VERDICT),
        "classification",
        "auxiliary",
    ),
    Asked(
        "who speaks next",
        gemini(
            part("Sort it."),
            part("I will sort it.", "model"),
            part("Analyze *only* the content and structure of your immediately preceding response"),
            tools=(),
            generationConfig=VERDICT,
        ),
        "classification",
        "auxiliary",
    ),
    Asked(
        "is it a loop",
        gemini(
            part("Sort it."),
            GEMINI_CALL,
            GEMINI_RESULT,
            part("Please analyze the conversation history for unproductive loops."),
            tools=(),
            generationConfig=VERDICT,
        ),
        "classification",
        "auxiliary",
    ),
    *(
        Asked(
            f"compression: {order}",
            gemini(part("Sort it."), GEMINI_CALL, GEMINI_RESULT, part(order), tools=()),
            "compaction",
            "compaction",
        )
        for order in (
            "First, reason in your scratchpad. Then, generate the <state_snapshot>.",
            "Generate a new <state_snapshot> based on the provided history.\n\nFirst, reason",
            "Critically evaluate the <state_snapshot> you just generated.",
        )
    ),
    Asked(
        "summary of a session",
        gemini(
            part("Summarize the user's primary intent or goal in ONE sentence"),
            tools=(),
            generationConfig={"maxOutputTokens": 100},
        ),
        "title",
        "auxiliary",
    ),
    Asked(
        "a search of the web",
        {"contents": [part("sorts")], "tools": [{"googleSearch": {"timeRangeFilter": None}}]},
        "user_input",
        "auxiliary",
    ),
    Asked(
        "how many tokens",
        gemini(part("Sort it.")),
        "token_count",
        "auxiliary",
        path="/v1beta/models/gemini-3.8-flash:countTokens",
    ),
]


@pytest.mark.parametrize("asked", GEMINI_ROWS, ids=lambda asked: asked.name)
def test_gemini_cli(asked: Asked) -> None:
    check(
        asked,
        "gemini_generate",
        {"x-gemini-api-privileged-user-id": "installation"},
        "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
    )


UNKNOWN_ROWS = [
    Asked("what the user typed", chat(said("Sort it.")), "user_input", "main"),
    Asked("results", chat(said("Sort it."), CHAT_CALL, CHAT_RESULT), "tool_continuation", "main"),
    Asked("no tools", chat(said("Sort it."), tools=None), "user_input", "main"),
    Asked(
        "another harness's title",
        chat(said("Generate a title for this conversation:\n"), tools=None),
        "user_input",
        "main",
    ),
    Asked(
        "a schema",
        chat(said("Sort it."), tools=None, response_format={"type": "json_schema"}),
        "user_input",
        "main",
    ),
    Asked(
        "a tool of a known name",
        chat(
            said("Sort it."),
            tools=[{"type": "function", "function": {"name": "complete_task"}}],
        ),
        "user_input",
        "main",
    ),
    Asked(
        "a ping",
        {"model": "gpt-5.5", "messages": [said("hi")], "max_tokens": 16},
        "probe",
        "auxiliary",
    ),
]


@pytest.mark.parametrize("asked", UNKNOWN_ROWS, ids=lambda asked: asked.name)
def test_an_unknown_harness_asks_for_work(asked: Asked) -> None:
    check(asked, "openai_chat", {"user-agent": "curl/8"}, "/v1/chat/completions")
