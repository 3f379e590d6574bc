"""The items of a body as a survey sees them: by type, everything else raw.

Rules: each item is parsed once and one level deep; contents stay raw, and only texts that the survey
quotes are decoded; images and files count by what a model reads of them, not by their base64; what
the model made has the role `assistant`, what gives a result `tool`, what brings tools `developer`, as
it says itself, what one agent tells another `user`, what else a client adds `client`.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

import msgspec

from turnout.dialects.openai_attachments import Attachments
from turnout.dialects.openai_responses import agent_messages
from turnout.dialects.openai_responses.tool_items import CLIENTS_CALLS, CLIENTS_RESULTS
from turnout.dialects.openai_responses.tool_names import joined_name
from turnout.dialects.prefix import Canonical, plain_fields
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.seal import SEAL_PREFIX
from turnout.dialects.survey_results import Call, Result, ToolOutcome, outcomes_of, texts_in
from turnout.dialects.survey_thread import CONTEXT_BLOCK, joined_texts
from turnout.dialects.task_lists import TASK_TOOLS
from turnout.errors import InvalidRequest

_ABSENT: Final = msgspec.Raw()
_NO_PARTS: Final = msgspec.Raw(b"[]")
_SEALED: Final = b'"' + SEAL_PREFIX.encode()
_IMAGE_PART: Final = re.compile(rb'"type"\s*:\s*"(?:input_image|computer_screenshot)"')
_BOUND_PART: Final = re.compile(rb'"type"\s*:\s*"(input_audio)"')
_FILE_PART: Final = re.compile(rb'"type"\s*:\s*"input_file"')

_ROLES: Final = frozenset({"user", "system", "developer", "assistant"})
_CALLS: Final = CLIENTS_CALLS | {"function_call", "custom_tool_call", "tool_search_call"}
_RESULTS: Final = CLIENTS_RESULTS | {
    *("function_call_output", "custom_tool_call_output", "tool_search_output")
}
_CLIENTS: Final = frozenset(
    {
        "compaction_trigger",
        "mcp_approval_response",
        "configuration_update",
        "item_reference",
    }
)
_NATIVE: Final = frozenset(
    {
        "compaction",
        "compaction_trigger",
        "item_reference",
        "configuration_update",
        "mcp_approval_response",
    }
)
"""Items that only OpenAI can read or carry out: leaving them out would change what is asked."""

BRINGS_TOOLS: Final = "additional_tools"
"""In this item Codex offers newer models their tools, in front of all messages."""

_Fields = dict[str, msgspec.Raw]


_TASK_TOOLS: Final = {f'"{name}"'.encode(): name for name in TASK_TOOLS}
"""As they are written."""

_UNSEEN: Final = ("id", "status")
"""No model reads them, and Codex makes new ids for the same head in every session."""


class _Part(msgspec.Struct):
    type: str | None = None
    text: str | None = None


_CONTENT: Final = msgspec.json.Decoder(str | list[_Part] | None)
_STRING: Final = msgspec.json.Decoder(str | None)


class SurveyedItems:
    """All items of a body, gone through once; by number.

    Attributes:
        roles: of messages their own, of the others who made them.
        canonical: what decides whether two items are the same.
        native_kinds: kinds of items that only OpenAI can read, each once, in order.
        tools: of items that bring tools, the lists as they were written.
        result_count: tool results.
        task_calls: to the tools by which agents keep their task lists.
        has_foreign_thinking: reasoning under our seal is in the history, or a message between agents
            that OpenAI should have sealed and has not.

    """

    def __init__(self, items: Sequence[_Fields]) -> None:
        self._items = items
        self.roles: list[str] = []
        self.native_kinds: list[str] = []
        self.tools: list[msgspec.Raw] = []
        self.result_count = 0
        self.task_calls: list[Call] = []
        self.has_foreign_thinking = False
        self.canonical: list[Canonical] = []
        self.attachments = Attachments(_IMAGE_PART, _FILE_PART, _BOUND_PART)
        self._kinds: list[str] = []
        for number, item in enumerate(items):
            kind = self._kind(item, number)
            self._kinds.append(kind)
            self.roles.append(self._role(item, kind, number))
            self.canonical.append(plain_fields(_seen(item, kind)))
            if kind in _NATIVE and kind not in self.native_kinds:
                self.native_kinds.append(kind)
            elif kind == BRINGS_TOOLS:
                self.tools.append(item.get("tools", _ABSENT))
            elif kind == agent_messages.KIND:
                self._agent_message(item, number)
            elif kind == "image_generation_call":
                picture = item.get("result", _ABSENT)
                if bytes(memoryview(picture)[:1]) == b'"':
                    self.attachments.add_image(picture)
            elif kind == "function_call":
                name = _TASK_TOOLS.get(bytes(item.get("name", _ABSENT)))
                if name:
                    self.task_calls.append(Call(name, item.get("arguments", _ABSENT)))
            elif kind == "reasoning":
                sealed = item.get("encrypted_content", _ABSENT)
                is_ours = bytes(memoryview(sealed)[: len(_SEALED)]) == _SEALED
                self.has_foreign_thinking = self.has_foreign_thinking or is_ours
            self.result_count += kind in _RESULTS
            is_models = self.roles[-1] == "assistant"
            self.attachments.count(item, "content", "output", is_models=is_models)

    def _kind(self, item: _Fields, number: int) -> str:
        kind = self._string(item, "type", number)
        if kind:
            return kind
        return "message" if "role" in item or "id" not in item else "item_reference"

    def _role(self, item: _Fields, kind: str, number: int) -> str:
        if kind == "message":
            role = self._string(item, "role", number)
            if role not in _ROLES:
                raise InvalidRequest(
                    f"input.{number}.role: must be one of user, assistant, system, developer"
                )
            return role
        if kind in _RESULTS or kind.endswith("_output"):
            return "tool"
        if kind == BRINGS_TOOLS:
            return "developer"
        if kind == agent_messages.KIND:
            return "user"
        return "client" if kind in _CLIENTS else "assistant"

    def _agent_message(self, item: _Fields, number: int) -> None:
        content = item.get("content", _NO_PARTS)
        try:
            _, is_sealed = agent_messages.texts_of(content)
            is_unsealed = agent_messages.holds_unsealed(content)
        except MALFORMED as error:
            raise complaint(f"input.{number}.content", error) from None
        if is_sealed and agent_messages.KIND not in self.native_kinds:
            self.native_kinds.append(agent_messages.KIND)
        self.has_foreign_thinking = self.has_foreign_thinking or is_unsealed

    def _string(self, item: _Fields, name: str, number: int) -> str:
        raw = item.get(name)
        if raw is None:
            return ""
        try:
            return _STRING.decode(raw) or ""
        except MALFORMED as error:
            raise complaint(f"input.{number}.{name}", error) from None

    def typed(self, number: int) -> str:
        """What the user typed of one message: blocks that the harness added are left out."""
        raw = self._items[number].get("content", _ABSENT)
        if raw is _ABSENT:
            return ""
        try:
            if self._kinds[number] == agent_messages.KIND:
                return joined_texts(agent_messages.texts_of(raw)[0])
            content = _CONTENT.decode(raw)
        except MALFORMED as error:
            raise complaint(f"input.{number}.content", error) from None
        match content:
            case None:
                texts: list[str] = []
            case str():
                texts = [content]
            case parts:
                texts = [part.text for part in parts if part.text]
        return joined_texts([text for text in texts if not CONTEXT_BLOCK.match(text)])

    def has_calls(self, number: int) -> bool:
        """Whether the answer that ends there called anything."""
        made = takewhile(lambda n: self.roles[n] == "assistant", range(number, -1, -1))
        return any(self._kinds[n] in _CALLS for n in made)

    def outcomes(self, *, since: int) -> tuple[ToolOutcome, ...]:
        """Results that follow item `since`. This wire has no mark for a failed tool."""
        calls = self._calls(since)
        results: list[Result] = []
        for number in range(since + 1, len(self._items)):
            if self._kinds[number] not in _RESULTS:
                continue
            item = self._items[number]
            call_id = self._string(item, "call_id", number)
            output = item.get("output", item.get("tools", _ABSENT))
            size = len(memoryview(output))
            results.append(Result(calls.get(call_id), call_id, texts_in(output), size))
        return outcomes_of(results)

    def _calls(self, last: int) -> dict[str, Call]:
        """The calls that end at item `last`."""
        calls: dict[str, Call] = {}
        for number in range(last, -1, -1):
            if self.roles[number] != "assistant":
                break
            if self._kinds[number] in _CALLS:
                item = self._items[number]
                namespace = self._string(item, "namespace", number)
                kind = self._kinds[number]
                name = self._string(item, "name", number) or kind.removesuffix("_call")
                call_id = self._string(item, "call_id", number)
                said = item.get("arguments", item.get("input", item.get("action", _ABSENT)))
                calls[call_id] = Call(joined_name(namespace, name) if namespace else name, said)
        return calls


def _seen(item: _Fields, kind: str) -> _Fields:
    """What of an item is in the prompt; a reference is nothing but its id."""
    if kind == "item_reference" or not any(name in item for name in _UNSEEN):
        return item
    return {name: raw for name, raw in item.items() if name not in _UNSEEN}
