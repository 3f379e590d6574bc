"""The requests of a made-up agent, in the two wire formats and with the headers that agents send.

Rules of this module: pure; a prompt only grows at its end, byte for byte, as an agent's does, so that
provider caches and the router see what they see in life. Texts are words without meaning. The agent
writes its own side of the thread: its history holds the tool calls of the plan, whatever was answered.
No request holds a credential, not even a made-up one: what looks real would be passed through to its
provider. Cache marks are where Claude Code puts them: behind the system prompt, at the newest message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import assert_never

import msgspec

from turnout.demo.sessions import Dialect, Session, Step

BYTES_PER_TOKEN: Mapping[Dialect, float] = {"anthropic_messages": 2.48, "openai_chat": 3.92}
"""As the catalog has it for the models that are asked for in each (turnout.catalog.token_families),
which the simulated provider counts by. This module is read where nothing else of Turnout is."""

PATHS: Mapping[Dialect, str] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
}

COMPACTION_ORDER = "CRITICAL: Respond with TEXT ONLY. Your task is to summarise the work so far. "
"""How Claude Code's order to summarise begins; routers know it by that."""

MAX_OUTPUT_TOKENS = 32_000

_WORDS = (
    *("def", "return", "import", "class", "self", "file", "path", "read", "edit", "test"),
    *("error", "value", "index", "module", "result", "await", "branch", "commit", "update"),
    *("query", "cache", "token", "stream", "parser", "buffer", "worker", "socket", "header"),
)

_POOL_WORDS = 200_000
"""A little over a megabyte: every text is a slice of it."""

_TOOL_COUNT = 14
_TOOL_SHARE = 0.6
"""Claude Code offers a dozen tools and more; their declarations are the larger part of the head."""

_CACHED = {"type": "ephemeral"}


class _Blocks(msgspec.Struct, frozen=True):
    """A message in Anthropic's format."""

    role: str
    content: list[dict[str, object]]


class Texts:
    """Words without meaning, cut from one long text."""

    def __init__(self) -> None:
        chance = Random("texts")  # noqa: S311  (nothing is guarded by it)
        self._pool = " ".join(chance.choices(_WORDS, k=_POOL_WORDS))

    def of(self, tokens: float, *, dialect: Dialect, chance: Random) -> str:
        """A text of that many tokens."""
        length = max(1, int(tokens * BYTES_PER_TOKEN[dialect]))
        at = chance.randrange(len(self._pool))
        text = self._pool[at : at + length]
        while len(text) < length:
            text += self._pool[: length - len(text)]
        return text


@dataclass(frozen=True, slots=True)
class Run:
    """What all requests of one run have in common. `tag` marks them in the analytics tables."""

    tag: str
    texts: Texts = field(default_factory=Texts)


@dataclass(slots=True)
class Prompt:
    """One thread's prompt as it grows. `thread` is -1 for the main one, else the subagent's place."""

    run: Run
    session: Session
    thread: int = -1
    tokens: int = 0
    _turn: int = 0
    _calls: tuple[str, ...] = ()
    _step: int = 0
    _head: bytes = b""
    _messages: list[bytes] = field(default_factory=list[bytes])
    _newest: list[object] = field(default_factory=list[object])
    _chance: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._chance.seed(f"{self.run.tag}/{self.session.number}/{self.thread}")
        of = self.session.main if self.thread < 0 else self.session.subagents[self.thread]
        self.tokens = of.head_tokens
        self._head = _head(self.run.texts, self.session.dialect, of.head_tokens)

    @property
    def session_id(self) -> str:
        return f"{self.run.tag}-{self.session.number:04d}"

    def ask(self, step: Step) -> bytes:
        """The body of this step's request."""
        if step.kind == "title":
            return self._title(step)
        if step.kind == "compaction":
            text = COMPACTION_ORDER + self._text(step.new_tokens)
            return self._body([self._said(text)])
        if step.kind == "user":
            self._turn += 1
            self._newest = [self._said(self._text(step.new_tokens))]
        else:
            self._newest = self._results(step)
        self.tokens += step.new_tokens
        return self._body(self._newest)

    def answered(self, step: Step) -> None:
        """Take the answer into the history, as the plan has it."""
        if step.kind == "title":
            return
        if step.kind == "compaction":
            share = self.session.compacted_share
            self.tokens = max(int(self.tokens * share), 1)
            self._messages = [msgspec.json.encode(self._said(self._text(self.tokens / 2)))]
            self._newest, self._calls = [], ()
            return
        self._messages += [msgspec.json.encode(message) for message in self._newest]
        output = step.output_tokens // 2 if step.is_interrupted else step.output_tokens
        self._messages.append(msgspec.json.encode(self._answer(step.calls, output)))
        self.tokens += output
        self._newest, self._calls, self._step = [], step.calls, self._step + 1

    def headers(self, step: Step) -> dict[str, str]:
        """What the agent says of itself."""
        tags = {
            "x-turnout-ticket": self.run.tag,
            "x-turnout-team": f"team-{self.session.number % 4}",
        }
        match self.session.dialect:
            case "anthropic_messages":
                return {**tags, **self._claude_headers(step)}
            case "openai_chat":
                return {**tags, **self._opencode_headers()}
            case _:
                assert_never(self.session.dialect)

    def _claude_headers(self, step: Step) -> dict[str, str]:
        kinds = {"title": "auxiliary", "compaction": "compaction"}
        usual = "main" if self.thread < 0 else "subagent"
        told = {
            "content-type": "application/json",
            "user-agent": "claude-cli/2.1.330 (external, cli)",
            "x-app": "cli",
            "anthropic-version": "2023-06-01",
            "x-claude-code-session-id": self.session_id,
            "x-claude-code-request-class": kinds.get(step.kind, usual),
            "x-claude-code-prompt-id": f"{self.session_id}-{self._turn}",
        }
        if self.thread >= 0:
            told["x-claude-code-agent-id"] = f"agent-{self.thread}"
        return told

    def _opencode_headers(self) -> dict[str, str]:
        own = self.session_id if self.thread < 0 else f"{self.session_id}-agent-{self.thread}"
        told = {
            "content-type": "application/json",
            "user-agent": "opencode/1.18.33 ai-sdk/openai-compatible",
            "x-session-id": own,
            "x-session-affinity": own,
        }
        if self.thread >= 0:
            told["x-parent-session-id"] = self.session_id
        return told

    def _text(self, tokens: float) -> str:
        return self.run.texts.of(tokens, dialect=self.session.dialect, chance=self._chance)

    def _title(self, step: Step) -> bytes:
        asked = {"role": "user", "content": self._text(step.new_tokens)}
        body: dict[str, object] = {"model": self.session.model, "stream": True}
        if self.session.dialect == "anthropic_messages":
            body |= {
                "max_tokens": MAX_OUTPUT_TOKENS,
                "system": "Write a title.",
                "messages": [asked],
            }
        else:
            body["messages"] = [{"role": "system", "content": "Write a title."}, asked]
        return msgspec.json.encode(body)

    def _results(self, step: Step) -> list[object]:
        """The results of the calls that were answered last, the step's tokens shared between them."""
        each = step.new_tokens / max(1, len(self._calls))
        found: list[tuple[str, str]] = []
        for number in range(len(self._calls)):
            failed = step.has_tool_error and number == 0
            found.append(
                (
                    self._call_id(number),
                    ("Error: exit code 1\n" if failed else "") + self._text(each),
                )
            )
        if self.session.dialect == "openai_chat":
            return [{"role": "tool", "tool_call_id": call, "content": text} for call, text in found]
        blocks: list[dict[str, object]] = [
            {
                "type": "tool_result",
                "tool_use_id": call,
                "content": text,
                "is_error": step.has_tool_error and number == 0,
            }
            for number, (call, text) in enumerate(found)
        ]
        return [_Blocks("user", blocks)]

    def _answer(self, calls: tuple[str, ...], output: int) -> object:
        text = self._text(output)
        if self.session.dialect == "anthropic_messages":
            blocks: list[object] = [{"type": "text", "text": text}]
            blocks += [
                {
                    "type": "tool_use",
                    "id": self._call_id(number, ahead=1),
                    "name": name,
                    "input": {},
                }
                for number, name in enumerate(calls)
            ]
            return {"role": "assistant", "content": blocks}
        message: dict[str, object] = {"role": "assistant", "content": text}
        if calls:
            message["tool_calls"] = [
                {
                    "id": self._call_id(number, ahead=1),
                    "type": "function",
                    "function": {"name": name, "arguments": "{}"},
                }
                for number, name in enumerate(calls)
            ]
        return message

    def _call_id(self, number: int, *, ahead: int = 0) -> str:
        return f"toolu_{self._step + ahead:04d}_{number}"

    def _said(self, text: str) -> object:
        """What the user says. Blocks in one format, so that a cache mark changes nothing else."""
        if self.session.dialect == "anthropic_messages":
            return _Blocks("user", [{"type": "text", "text": text}])
        return {"role": "user", "content": text}

    def _body(self, new: list[object]) -> bytes:
        model = msgspec.json.encode(self.session.model)
        if self.session.dialect == "anthropic_messages":
            newest = [msgspec.json.encode(_marked(one)) for one in new]
            opening = b'{"model":%b,"max_tokens":%d,"stream":true,' % (model, MAX_OUTPUT_TOKENS)
            user = msgspec.json.encode({"session_id": self.session_id}).decode()
            opening += b'"metadata":' + msgspec.json.encode({"user_id": user}) + b","
            return _joined(opening + self._head + b',"messages":[', [*self._messages, *newest])
        newest = [msgspec.json.encode(one) for one in new]
        opening = b'{"model":%b,"stream":true,"stream_options":{"include_usage":true},' % model
        return _joined(opening + self._head, [b"", *self._messages, *newest])


def _joined(opening: bytes, messages: Iterable[bytes]) -> bytes:
    return opening + b",".join(messages) + b"]}"


def _marked(message: object) -> object:
    """The newest message with a cache mark at its end."""
    if not isinstance(message, _Blocks):
        return message
    *others, last = message.content
    return _Blocks(message.role, [*others, {**last, "cache_control": _CACHED}])


def _head(texts: Texts, dialect: Dialect, tokens: int) -> bytes:
    """System prompt and tools: the same bytes for every thread with a head of that length."""
    chance = Random(f"head/{dialect}/{tokens}")  # noqa: S311  (nothing is guarded by it)
    system = texts.of(tokens * (1 - _TOOL_SHARE), dialect=dialect, chance=chance)
    each = tokens * _TOOL_SHARE / _TOOL_COUNT
    tools = [
        _tool(dialect, name, texts.of(each, dialect=dialect, chance=chance))
        for name in _TOOL_NAMES[:_TOOL_COUNT]
    ]
    if dialect == "anthropic_messages":
        blocks = [
            {"type": "text", "text": "You are a coding agent.", "cache_control": _CACHED},
            {"type": "text", "text": system, "cache_control": _CACHED},
        ]
        return b'"system":%b,"tools":%b' % (
            msgspec.json.encode(blocks),
            msgspec.json.encode(tools),
        )
    return b'"tools":%b,"messages":[%b' % (
        msgspec.json.encode(tools),
        msgspec.json.encode({"role": "system", "content": system}),
    )


_TOOL_NAMES = (
    *("Bash", "Read", "Edit", "Grep", "Glob", "Write", "TodoWrite", "TaskCreate", "TaskUpdate"),
    *("exec_command", "write_stdin", "apply_patch", "update_plan", "wait_agent"),
)


def _tool(dialect: Dialect, name: str, description: str) -> dict[str, object]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    if dialect == "anthropic_messages":
        return {"name": name, "description": description, "input_schema": schema}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}
