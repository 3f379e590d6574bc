"""A value that a JSON schema accepts, with the required properties and no more.

Rules of this module: pure; covers the keywords that agents' tool schemas use; what it does not
know it ignores. Values are harmless when a real agent runs them: a listing, a readme, no writes.
"""

from collections.abc import Mapping

from turnout.simulator.json_types import JsonObject, array_of, is_object, object_of

MAX_DEPTH = 12
"""Deeper schemas are recursive; the branch ends in null there."""

HARMLESS: Mapping[str, str] = {
    "command": "ls",
    "cmd": "ls",
    "description": "List the files here",
    "file_path": "README.md",
    "filepath": "README.md",
    "path": ".",
    "pattern": "import",
    "query": "entry point",
    "url": "https://example.com/",
    "prompt": "Say what this directory holds.",
}
"""Arguments by property name that do nothing to the machine they are run on."""

EXAMPLE_PATCH = "*** Begin Patch\n*** Add File: example.txt\n+example\n*** End Patch\n"
"""What Codex's `apply_patch` takes; it adds a file and changes none."""

FORMATS: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "a@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: object, *, name: str = "", root: object = None, depth: int = 0) -> object:
    """A value for `schema`; `name` is the property it stands under, `root` holds `$defs`."""
    if not is_object(schema) or depth > MAX_DEPTH:
        return None
    top = schema if root is None else root
    if "const" in schema:
        return schema["const"]
    if enum := array_of(schema.get("enum")):
        return enum[0]
    if isinstance(reference := schema.get("$ref"), str):
        return example(_resolve(reference, top), name=name, root=top, depth=depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if choices := array_of(schema.get(keyword)):
            return example(choices[0], name=name, root=top, depth=depth + 1)
    return _by_type(schema, name=name, root=top, depth=depth)


def freeform_example(grammar: str) -> str:
    """A text for a tool without a schema; of the grammars, only that of patches is known."""
    return EXAMPLE_PATCH if "*** Begin Patch" in grammar else "example"


def _by_type(schema: JsonObject, *, name: str, root: object, depth: int) -> object:
    kind = schema.get("type")
    if kinds := array_of(kind):
        kind = next((item for item in kinds if item != "null"), "null")
    kind = kind.lower() if isinstance(kind, str) else ""
    if kind == "object" or (not kind and "properties" in schema):
        return _object(schema, root=root, depth=depth)
    match kind:
        case "array":
            count = _whole(schema.get("minItems"))
            return [
                example(schema.get("items"), name=name, root=root, depth=depth + 1)
                for _ in range(count)
            ]
        case "integer" | "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum"))
            above = 1 if "exclusiveMinimum" in schema else 0
            return (int(low) + above) if isinstance(low, int | float) else 1
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return _string(schema, name=name)


def _object(schema: JsonObject, *, root: object, depth: int) -> dict[str, object]:
    properties = object_of(schema.get("properties"))
    return {
        key: example(properties.get(key, {}), name=key, root=root, depth=depth + 1)
        for key in array_of(schema.get("required"))
        if isinstance(key, str)
    }


def _string(schema: JsonObject, *, name: str) -> str:
    form = schema.get("format")
    text = HARMLESS.get(name.lower(), "example")
    if isinstance(form, str):
        text = FORMATS.get(form, text)
    return text.ljust(_whole(schema.get("minLength")), "x")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _resolve(reference: str, root: object) -> object:
    node = root
    for step in reference.removeprefix("#/").split("/"):
        node = object_of(node).get(step)
    return node
