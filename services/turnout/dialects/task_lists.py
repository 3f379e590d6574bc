"""What a thread's own calls say of its task list: how many of its items are not done yet. Pure.

Rules: the tools by which agents keep such a list are known by their names; of a list that is written whole the
newest one counts, of one that is kept task by task what was made and closed; only states are read, never what
the tasks are; a call that is too long, or is not as its agent writes it, says nothing. What two runs of
messages say joins to what both say.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from turnout.dialects.reading import MALFORMED
from turnout.dialects.survey_results import Call

MAX_CALL_BYTES: Final = 32_768
"""Of a call's arguments: a list of a hundred long items."""
MAX_TASKS: Final = 64
"""Of tasks that are kept one by one, the newest."""

OPEN: Final = frozenset({"pending", "in_progress"})

_STRING: Final = msgspec.json.Decoder(str)


class TaskList(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    listed: open items of the newest whole list; None without one.
    made: tasks that were made one by one.
    are_open: by the ids of those, in which state they were left.
    """

    listed: int | None = None
    made: int = 0
    are_open: tuple[tuple[str, bool], ...] = ()

    @property
    def open_items(self) -> int:
        closed = sum(not is_open for _, is_open in self.are_open)
        return (self.listed or 0) + max(0, self.made - closed)


NO_TASKS: Final = TaskList()


class _Item(msgspec.Struct):
    status: str | None = None


class _Todos(msgspec.Struct):
    todos: list[_Item]


class _Plan(msgspec.Struct):
    plan: list[_Item]


class _Changed(msgspec.Struct, rename="camel"):
    task_id: str
    status: str | None = None


_TODOS: Final = msgspec.json.Decoder(_Todos)
_PLAN: Final = msgspec.json.Decoder(_Plan)
_CHANGED: Final = msgspec.json.Decoder(_Changed)


def _todos(arguments: bytes) -> TaskList:
    return TaskList(listed=_open(_TODOS.decode(arguments).todos))


def _plan(arguments: bytes) -> TaskList:
    return TaskList(listed=_open(_PLAN.decode(arguments).plan))


def _open(items: Iterable[_Item]) -> int:
    return sum(item.status in OPEN for item in items)


def _made(_: bytes) -> TaskList:
    return TaskList(made=1)


def _changed(arguments: bytes) -> TaskList:
    told = _CHANGED.decode(arguments)
    return TaskList(are_open=((told.task_id, told.status in OPEN),)) if told.status else NO_TASKS


_READERS: Final[Mapping[str, Callable[[bytes], TaskList]]] = MappingProxyType(
    {
        "TodoWrite": _todos,
        "TaskCreate": _made,
        "TaskUpdate": _changed,
        "update_plan": _plan,
        "todowrite": _todos,
        "write_todos": _todos,
        "todo_write": _todos,
    }
)
"""Claude Code's three, Codex's, opencode's, Gemini CLI's and Qwen Code's."""

TASK_TOOLS: Final = frozenset(_READERS)
_NAMED: Final = re.compile(
    rb'"name"\s*:\s*"(?:%b)"' % b"|".join(map(str.encode, sorted(TASK_TOOLS)))
)
"""The quotes of a key inside a string are escaped, so a match is a field."""


def names_task_tool(raw: msgspec.Raw) -> bool:
    """Whether a call to one of these tools may be in it; faster than parsing it."""
    return _NAMED.search(memoryview(raw)) is not None


def task_list(calls: Iterable[Call]) -> TaskList:
    """What the calls of a run of messages say, in their order."""
    told = NO_TASKS
    for call in calls:
        read = _READERS.get(call.name)
        if read is not None and len(memoryview(call.arguments)) <= MAX_CALL_BYTES:
            try:
                told = followed_by(told, read(_plain(call.arguments)))
            except MALFORMED:
                continue
    return told


def followed_by(first: TaskList, then: TaskList) -> TaskList:
    """What both say, one behind the other."""
    if then == NO_TASKS:
        return first
    are_open = dict(first.are_open)
    for task, is_open in then.are_open:
        # Behind the others, so that the newest are kept.
        are_open.pop(task, None)
        are_open[task] = is_open
    return TaskList(
        listed=first.listed if then.listed is None else then.listed,
        made=first.made + then.made,
        are_open=tuple(are_open.items())[-MAX_TASKS:],
    )


def _plain(arguments: msgspec.Raw) -> bytes:
    """As an object; some dialects write it in a string."""
    raw = bytes(arguments)
    return _STRING.decode(raw).encode() if raw[:1] == b'"' else raw
