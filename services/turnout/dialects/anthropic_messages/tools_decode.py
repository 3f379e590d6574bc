"""Tool definitions of a messages request into the neutral form.

Rule: a tool with a type of Anthropic's own is a server tool, whoever runs it, because no other
dialect has it.
"""

import msgspec

from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import Fields, ServerTool, Tool
from turnout.dialects.reading import ObjectReader, utf8


def decode_tool(raw: msgspec.Raw, where: str) -> Tool | ServerTool:
    fields = ObjectReader(raw, where)
    kind = fields.string("type")
    if kind not in {None, "custom"}:
        json = utf8(fields.where, bytes(raw))
        return ServerTool("anthropic_messages", fields.string("name") or "", kind or "", json)
    typed: Fields = (("type", '"custom"'),) if kind else ()
    return Tool(
        name=fields.required_string("name"),
        description=fields.string("description") or "",
        schema=fields.json("input_schema"),
        strict=fields.boolean("strict"),
        is_deferred=bool(fields.boolean("defer_loading")),
        cache=read_cache(fields),
        extras=typed + fields.rest(),
    )
