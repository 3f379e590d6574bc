"""Tools that the client's own provider would run, for targets that are another.

Rules: a tool that the answer would suffer without is refused by name; one that an agent sends along
with every request, whether it is wanted or not, is left out and told, and so is a search among deferred
tools, which are offered instead (`deferred`). Which these are `turnout.capabilities` says, by which
targets are chosen too.
"""

from msgspec.structs import replace

from turnout.bonds import refused
from turnout.capabilities import Dialect, needed_server_tools
from turnout.dialects.conversation import Conversation, ServerTool
from turnout.errors import Unsupported


def without_server_tools(
    conversation: Conversation, *, to: Dialect, is_original: bool
) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation, and the kinds that were left out."""
    foreign = [
        tool
        for tool in conversation.tools
        if isinstance(tool, ServerTool) and not (tool.dialect == to and is_original)
    ]
    if not foreign:
        return conversation, ()
    needed = needed_server_tools(
        conversation.dialect,
        tuple(tool.kind for tool in foreign),
        client_tools=len(conversation.tools) - len(foreign),
    )
    if needed:
        raise Unsupported(refused(conversation.dialect, needed[0]))
    kept = tuple(tool for tool in conversation.tools if tool not in foreign)
    return replace(conversation, tools=kept), tuple(tool.kind for tool in foreign)
