"""JSON schemas as a target takes them, and which keywords of them were lost.

Rules: what is refused is said in other keywords where it can be (see `respelled`), references are
written out in their place, and what cannot be said so is told to the model in the description, as
Anthropic's SDKs do; a narrowed schema admits at least what it did, but where a target wants objects
closed. Only what was lost is told, in the words of JSON schema. A schema that holds nothing of what
the target refuses comes back in its own characters; the names of properties are no keywords.
"""

from collections.abc import Iterable
from functools import lru_cache
from operator import is_not
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, JsonText, ServerTool, Tool
from turnout.dialects.fit.respelled import (
    as_alternatives,
    beside_no_union,
    enum_as_taken,
    in_other_keywords,
    merged,
)
from turnout.dialects.json_schema import (
    MAX_DEPTH,
    NAMED_SCHEMAS,
    ONE_SCHEMA,
    SCHEMA_LISTS,
    Json,
    fields_of,
    is_list,
    items_of,
    schema_object,
)
from turnout.dialects.reading import MALFORMED
from turnout.errors import Unsupported
from turnout.quirks import Quirks, SchemaQuirks

MAX_NODES: Final = 20_000
"""Of one schema with its references written out: more is a reference that doubles at each level."""

MAX_WORDS: Final = 1_000
"""Characters of what one description is told of lost keywords; longer ones go untold to the model."""

SCHEMAS_KEPT: Final = 512
"""Narrowed ones, of several agents' tools: some 10 MB at most, by `KEPT_CHARACTERS`."""

KEPT_CHARACTERS: Final = 10_000
"""The longest schema that is kept: those of agents' tools are shorter."""

REACHED: Final = "depth"
"""Told where a schema is too deep or too large."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_TELLING: Final = frozenset(
    {
        *("type", "enum", "const", "format", "pattern", "minLength", "maxLength", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "items", "prefixItems"),
        *("additionalItems", "contains", "minContains", "maxContains", "minItems", "maxItems"),
        *("uniqueItems", "properties", "patternProperties", "additionalProperties", "required"),
        *("propertyNames", "minProperties", "maxProperties", "dependentRequired", "nullable"),
        *("dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties"),
        *("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref", "$dynamicRef"),
        *("contentEncoding", "contentMediaType", "contentSchema"),
    }
)
"""Keywords that narrow a value. To a validator all others are remarks: they go without a word."""

_REMARKS: Final = frozenset({"default", "examples", "example"})
"""Remarks that help a model: they go into the description."""

_LookedFor: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
"""The marks of a target's quirks, and the keywords in quotes that it refuses at the top."""


def with_schemas(
    conversation: Conversation, quirks: Quirks
) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation with schemas that its target takes, and `schema:` with each keyword lost.

    Raises `Unsupported` for a tool whose schema is no object where the target wants one.
    """
    gone: list[str] = []
    if quirks.tool_schema is not None:
        taken = quirks.tool_schema
        looked_for = marks(taken), _in_quotes(taken.root_refuses)
        tools = tuple([_with_schema(tool, taken, looked_for, gone) for tool in conversation.tools])
        if any(map(is_not, tools, conversation.tools)):
            conversation = replace(conversation, tools=tools)
    form = conversation.output_format
    if quirks.answer_schema is not None and form is not None and form.schema:
        schema, keywords = narrowed(form.schema, quirks.answer_schema)
        gone += keywords
        if schema is not form.schema:
            conversation = replace(conversation, output_format=replace(form, schema=schema))
    return conversation, tuple(f"schema:{keyword}" for keyword in dict.fromkeys(gone))


def _with_schema(
    tool: Tool | ServerTool, quirks: SchemaQuirks, looked_for: _LookedFor, gone: list[str]
) -> Tool | ServerTool:
    if not isinstance(tool, Tool) or not tool.schema:
        return tool
    if quirks.object_at_root and not tool.schema.lstrip().startswith("{"):
        raise Unsupported(f"tools: the schema of {tool.name} is no JSON object")
    if not _is_concerned(tool.schema, quirks, looked_for):
        return tool
    schema, keywords = _taken(tool.schema, quirks)
    gone += keywords
    return tool if schema is tool.schema else replace(tool, schema=schema)


def narrowed(schema: JsonText, quirks: SchemaQuirks) -> tuple[JsonText, tuple[str, ...]]:
    """The schema as it is taken, and the keywords that are lost; what is no JSON object as it is."""
    looked_for = marks(quirks), _in_quotes(quirks.root_refuses)
    return _taken(schema, quirks) if _is_concerned(schema, quirks, looked_for) else (schema, ())


def _taken(schema: JsonText, quirks: SchemaQuirks) -> tuple[JsonText, tuple[str, ...]]:
    again = _narrowed_again if len(schema) <= KEPT_CHARACTERS else _narrowed
    found, lost = again(schema, quirks)
    return (schema, ()) if found is None else (found, lost)


def _narrowed(schema: JsonText, quirks: SchemaQuirks) -> tuple[JsonText | None, tuple[str, ...]]:
    """None where the schema is taken as it is."""
    root = schema_object(schema)
    if root is None:
        return None, ()
    narrower = _Narrower(root, quirks)
    found = narrower.narrow(root, 0, ())
    if found == root:
        return None, ()
    return msgspec.json.encode(found).decode(), tuple(narrower.lost)


_narrowed_again: Final = lru_cache(maxsize=SCHEMAS_KEPT)(_narrowed)
"""An agent sends the same tools with every step, and a schema of ten objects takes as long as twenty messages."""


def marks(quirks: SchemaQuirks) -> tuple[str, ...]:
    """Keywords, in quotes, one of which is in every schema that is not taken anyway, but for the top
    of schemas, and where every schema has to be looked at (`keywords`, `formats` and the like).
    """
    found = (*quirks.refuses, *quirks.restates)
    if not quirks.types_beside_unions:
        found = (*found, "anyOf", "oneOf")
    return _in_quotes(found)


def _in_quotes(keywords: Iterable[str]) -> tuple[str, ...]:
    return tuple([f'"{keyword}"' for keyword in keywords])


def _is_concerned(schema: JsonText, quirks: SchemaQuirks, looked_for: _LookedFor) -> bool:
    if quirks.keywords or quirks.formats or quirks.enum_types or not quirks.type_lists:
        return True
    if quirks.closed_objects:
        return True
    anywhere, at_root = looked_for
    if any(map(schema.__contains__, anywhere)):
        return True
    # Most schemas begin with their type, and looking for a word is cheaper than reading them.
    is_root_told = not quirks.object_at_root or schema.startswith('{"type":"object"')
    if is_root_told and not any(map(schema.__contains__, at_root)):
        return False
    try:
        members = _MEMBERS.decode(schema)
    except MALFORMED:
        return False
    if quirks.object_at_root and bytes(members.get("type", b"")) != b'"object"':
        return True
    return any(keyword in members for keyword in quirks.root_refuses)


class _Narrower:
    """One schema with its definitions.

    Attributes:
        lost: keywords that are gone and that nothing else says, each once.
    """

    def __init__(self, root: Json, quirks: SchemaQuirks) -> None:
        self._root = root
        self._quirks = quirks
        self._nodes = 0
        self.lost: dict[str, None] = {}

    def narrow(self, schema: Json, depth: int, seen: tuple[str, ...]) -> Json:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self.lost[REACHED] = None
            return {}
        gone: Json = {}
        schema, seen = self._respelled(schema, gone, seen, at_root=depth == 0)
        found: Json = {}
        for name, value in schema.items():
            if self._takes(name, value, at_root=depth == 0):
                found[name] = self._value(name, value, depth, seen)
            elif name in _REMARKS or (name in _TELLING and not _says_nothing(name, value)):
                gone.setdefault(name, value)
        if self._quirks.closed_objects:
            self._close(found, gone)
        _list_required(found)
        return self._told(found, gone)

    def _takes(self, name: str, value: object, *, at_root: bool) -> bool:
        quirks = self._quirks
        if name in quirks.refuses or (at_root and name in quirks.root_refuses):
            return False
        if name == "format" and quirks.formats and value not in quirks.formats:
            return False
        return not quirks.keywords or name in quirks.keywords

    def _respelled(
        self, schema: Json, gone: Json, seen: tuple[str, ...], *, at_root: bool
    ) -> tuple[Json, tuple[str, ...]]:
        quirks = self._quirks
        if not self._takes("$ref", None, at_root=at_root):
            schema, seen = self._resolved(schema, seen)
        if self._restates(schema, "allOf", at_root=at_root):
            whole, left = merged(schema, lambda part: self._resolved(part, seen)[0])
            if not left or not self._takes("allOf", None, at_root=at_root):
                schema = whole
                if left:
                    gone["allOf"] = left
        restated = [
            name
            for name in ("const", "oneOf", "exclusiveMinimum", "exclusiveMaximum", "nullable")
            if self._restates(schema, name, at_root=at_root)
        ]
        if restated:
            schema = in_other_keywords(schema, restated, enum_types=quirks.enum_types)
        if at_root:
            schema = self._one_object(schema, gone, seen)
        if quirks.enum_types:
            schema = enum_as_taken(schema, gone, quirks.enum_types)
        if not quirks.type_lists:
            schema = as_alternatives(schema)
        if not quirks.types_beside_unions:
            schema = beside_no_union(schema)
        return schema, seen

    def _restates(self, schema: Json, name: str, *, at_root: bool) -> bool:
        return name in schema and (
            name in self._quirks.restates or not self._takes(name, None, at_root=at_root)
        )

    def _resolved(self, schema: Json, seen: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """The schema that a reference names, in its place; nothing said where it names itself."""
        while isinstance(reference := schema.get("$ref"), str):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            target = self._target(reference)
            if target is None or reference in seen:
                self.lost["$ref"] = None
                return rest, seen
            schema, seen = target | rest, (*seen, reference)
        return schema, seen

    def _target(self, reference: str) -> Json | None:
        if not reference.startswith("#"):
            return None
        at: object = self._root
        for step in reference[1:].strip("/").split("/"):
            if not step:
                continue
            name = step.replace("~1", "/").replace("~0", "~")
            fields = fields_of(at)
            if fields is None or name not in fields:
                return None
            at = fields[name]
        return fields_of(at)

    def _one_object(self, schema: Json, gone: Json, seen: tuple[str, ...]) -> Json:
        """A union at the top as one object with the properties of all."""
        for union in ("anyOf", "oneOf"):
            if union not in schema or self._takes(union, None, at_root=True):
                continue
            members = [
                self._resolved(fields, seen)[0]
                for member in items_of(schema[union])
                if (fields := fields_of(member)) is not None
            ]
            schema = _united({name: v for name, v in schema.items() if name != union}, members)
            needed = [{"required": one["required"]} for one in members if one.get("required")]
            gone[union] = needed
        if self._quirks.object_at_root and schema.get("type") != "object":
            schema = {"type": "object"} | {n: v for n, v in schema.items() if n != "type"}
        return schema

    def _value(self, name: str, value: object, depth: int, seen: tuple[str, ...]) -> object:
        if name in NAMED_SCHEMAS:
            members = fields_of(value)
            if members is not None:
                return {key: self._inner(one, depth, seen) for key, one in members.items()}
        if name in SCHEMA_LISTS and is_list(value):
            return [self._inner(one, depth, seen) for one in value]
        if name in ONE_SCHEMA:
            fields = fields_of(value)
            return value if fields is None else self.narrow(fields, depth + 1, seen)
        return value

    def _inner(self, value: object, depth: int, seen: tuple[str, ...]) -> object:
        fields = fields_of(value)
        if fields is None:
            # `true` admits everything; in a list or among properties targets want an object.
            return {} if value is True else value
        return self.narrow(fields, depth + 1, seen)

    def _close(self, found: Json, gone: Json) -> None:
        kind = found.get("type")
        if kind == "object" or (is_list(kind) and "object" in kind) or "properties" in found:
            said = found.get("additionalProperties", False)
            if fields_of(said):
                gone["additionalProperties"] = said
            elif said is not False:
                self.lost["additionalProperties"] = None
            found["additionalProperties"] = False

    def _told(self, found: Json, gone: Json) -> Json:
        """With the model told what the keywords no longer say."""
        self.lost.update(dict.fromkeys(name for name in gone if name in _TELLING))
        said = {name: value for name, value in gone.items() if value not in ([], {})}
        words = msgspec.json.encode(said).decode() if said else ""
        if not words or len(words) > MAX_WORDS or not self._takes("description", "", at_root=False):
            return found
        description = found.get("description")
        before = f"{description}\n\n" if isinstance(description, str) and description else ""
        return found | {"description": before + words}


def _united(schema: Json, members: list[Json]) -> Json:
    own = fields_of(schema.get("properties")) or {}
    ways: dict[str, list[object]] = {}
    for member in members:
        for name, one in (fields_of(member.get("properties")) or {}).items():
            if name not in own and one not in ways.setdefault(name, []):
                ways[name].append(one)
    found = dict(schema)
    properties = own | {n: one[0] if len(one) == 1 else {"anyOf": one} for n, one in ways.items()}
    if properties:
        found["properties"] = properties
    needed = [items_of(member.get("required")) for member in members]
    common = [name for name in (needed[0] if needed else ()) if all(name in n for n in needed)]
    required = [*items_of(schema.get("required"))]
    required += [name for name in common if name not in required]
    if required:
        found["required"] = required
    return found


def _says_nothing(name: str, value: object) -> bool:
    if name == "nullable":
        return value is False
    if name in {"additionalProperties", "unevaluatedProperties", "unevaluatedItems"}:
        return value is True or value == {}
    # The definitions are gone where they were written out.
    return name == "$ref"


def _list_required(found: Json) -> None:
    """Google refuses a required property that is not among the properties."""
    required, members = items_of(found.get("required")), fields_of(found.get("properties"))
    if not required or members is None:
        return
    names = [name for name in required if isinstance(name, str)]
    missing = [name for name in names if name not in members]
    if len(names) == len(required) and not missing:
        return
    if found.get("additionalProperties") is False:
        # Nothing can satisfy it: to ask for what is allowed is the nearest.
        names = [name for name in names if name in members]
    else:
        found["properties"] = members | {name: {} for name in missing}
    if names:
        found["required"] = names
    else:
        del found["required"]
