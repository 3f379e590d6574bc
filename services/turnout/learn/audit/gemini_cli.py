"""Gemini CLI's transcripts: `tmp/PROJECT/chats/session-TIME-ID.json`, of newer versions `.jsonl`.

Read from its sources (`packages/core/src/services/chatRecordingTypes.ts` and `chatRecordingService.ts` in
github.com/google-gemini/gemini-cli) and its files. Newer versions write a message again when its tools are
done, and change fields of the session by lines of their own (`$set`, `$rewindTo`); what was rewound was paid
for. Input holds what was cached, output does not hold thoughts. `logs.json` has no figures and is not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from turnout.dialects.usage import Usage
from turnout.learn.audit.call import MAIN, Call, Tokens, Unread, repository_of, unix_seconds
from turnout.learn.audit.files import decoded, lines, whole

AGENT: Final = "gemini-cli"


class _Tokens(msgspec.Struct):
    input: Tokens = 0
    output: Tokens = 0
    cached: Tokens | None = None
    thoughts: Tokens | None = None
    tool: Tokens | None = None


class _Thought(msgspec.Struct):
    subject: str | None = None
    description: str | None = None


class _Tool(msgspec.Struct):
    name: str = ""
    args: msgspec.Raw = msgspec.Raw()
    status: str | None = None


class _Message(msgspec.Struct, rename="camel"):
    id: str = ""
    timestamp: str = ""
    type: str = ""
    content: msgspec.Raw = msgspec.Raw()
    model: str | None = None
    tokens: _Tokens | None = None
    thoughts: list[_Thought] | None = None
    tool_calls: list[_Tool] | None = None


class _Chat(msgspec.Struct, rename="camel"):
    """Of a whole file, and of the first line and the changes of a file of lines."""

    session_id: str | None = None
    kind: str | None = None
    messages: list[_Message] | None = None


class _Line(_Message, rename="camel"):
    session_id: str | None = None
    kind: str | None = None
    changes: _Chat | None = msgspec.field(default=None, name="$set")


_CHAT: Final = msgspec.json.Decoder(_Chat)
_LINE: Final = msgspec.json.Decoder(_Line)


def takes(path: Path) -> bool:
    return path.name.startswith("session-") and path.suffix in (".json", ".jsonl")


def read(path: Path, unread: Unread) -> Iterator[Call]:
    chat = _Chat()
    messages: dict[str, _Message] = {}
    if path.suffix == ".json":
        data = whole(path, unread)
        chat = (decoded(data, _CHAT, unread, what="files") if data else None) or chat
        messages.update(_named(chat.messages or []))
    else:
        for text in lines(path, unread):
            line = decoded(text, _LINE, unread)
            if line is None:
                continue
            chat.session_id = line.session_id or chat.session_id
            chat.kind = line.kind or chat.kind
            if line.changes is not None:
                messages.update(_named(line.changes.messages or []))
            elif line.type:
                messages.update(_named([line]))
    yield from _calls(path, chat, messages, unread)


def _named(messages: list[_Message]) -> Iterator[tuple[str, _Message]]:
    return ((one.id or f"at {one.timestamp}", one) for one in messages)


def _calls(
    path: Path, chat: _Chat, messages: dict[str, _Message], unread: Unread
) -> Iterator[Call]:
    own = chat.session_id or path.stem
    is_subagent = chat.kind == "subagent"
    # Subagents stand in a directory that has their session's name.
    session = path.parent.name if is_subagent and path.parent.name != "chats" else own
    repo = _repository(path)
    starts_turn, heard, errors, has_image = False, 0, 0, False
    for message in messages.values():
        if message.type == "user":
            content = bytes(message.content)
            starts_turn |= b'"functionResponse"' not in content
            heard += len(content)
            has_image |= b'"inlineData"' in content
        if message.type != "gemini":
            continue
        at = unix_seconds(message.timestamp)
        if message.tokens is None or not message.model or at is None:
            unread["answers without usage, model or time"] += 1
            continue
        tools = message.tool_calls or []
        yield Call(
            agent=AGENT,
            repo=repo,
            session=session,
            thread=own if is_subagent else MAIN,
            begun=at,
            ended=at,
            starts_turn=starts_turn,
            model=message.model,
            usage=_usage(message.tokens),
            text_chars=len(message.content),
            thinking_chars=sum(
                len(one.subject or "") + len(one.description or "")
                for one in message.thoughts or []
            ),
            tool_chars=sum(len(tool.args) for tool in tools),
            input_chars=heard,
            tools=tuple(tool.name for tool in tools),
            tool_errors=errors,
            has_image=has_image,
            message=message.id,
        )
        starts_turn, heard, has_image = False, 0, False
        errors = sum(tool.status == "error" for tool in tools)


def _usage(tokens: _Tokens) -> Usage:
    read = min(tokens.cached or 0, tokens.input)
    thoughts = tokens.thoughts or 0
    return Usage(
        fresh_input=tokens.input - read + (tokens.tool or 0),
        cache_read=read,
        output=tokens.output + thoughts,
        reasoning=thoughts,
    )


def _repository(path: Path) -> str:
    """Newer versions say where the project is; older ones name its directory by a hash."""
    for above in path.parents:
        if path.is_relative_to(above / "chats"):
            root = whole(above / ".project_root", Unread()).decode(errors="replace").strip()
            return repository_of(root) if root else above.name[:12]
    return ""
