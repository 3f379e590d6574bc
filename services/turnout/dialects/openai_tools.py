"""What the tools of OpenAI's two wires say alike: a function or a custom tool, wherever it stands."""

from turnout.dialects.conversation import CacheLifetime, Fields, Tool
from turnout.dialects.reading import ObjectReader


def decode_own_tool(
    fields: ObjectReader,
    kind: str,
    name: str,
    *,
    is_deferred: bool = False,
    cache: CacheLifetime | None = None,
    extras: Fields = (),
) -> Tool:
    """A tool that the client runs; what nobody knows of it is kept behind `extras`."""
    description = fields.string("description") or ""
    if kind == "custom":
        return Tool(
            name,
            description,
            kind="custom",
            format=fields.json("format"),
            is_deferred=is_deferred,
            cache=cache,
            extras=extras + fields.rest(),
        )
    return Tool(
        name,
        description,
        schema=fields.json("parameters"),
        strict=fields.boolean("strict"),
        is_deferred=is_deferred,
        cache=cache,
        extras=extras + fields.rest(),
    )
