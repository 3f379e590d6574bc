"""The fields of a Gemini request, and what Google's JSON parser says about others.

Rules of this module: pure. The messages are those of google-genai 3.6.1 for the Gemini API; names
come in camelCase or snake_case and leave in snake_case, those of a schema in camelCase because that
is JSON Schema's spelling. Whatever a message does not know is an error with its place, all of them
at once, as Google answers: a JSON schema keyword outside the fields of `Schema` is the usual case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, is_array, is_object

CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
SNAKE_JOINT = re.compile(r"_([a-z])")

MESSAGES: Mapping[str, Mapping[str, str]] = {
    "Request": {
        "model": "string",
        "contents": "[Content]",
        "system_instruction": "Content",
        "tools": "[Tool]",
        "tool_config": "ToolConfig",
        "generation_config": "GenerationConfig",
        "safety_settings": "any",
        "cached_content": "string",
        "service_tier": "string",
        "store": "bool",
    },
    "CountRequest": {
        "model": "string",
        "contents": "[Content]",
        "generate_content_request": "Request",
    },
    "Content": {"parts": "[Part]", "role": "string"},
    "Part": {
        "text": "string",
        "inline_data": "Blob",
        "file_data": "FileData",
        "function_call": "FunctionCall",
        "function_response": "FunctionResponse",
        "executable_code": "any",
        "code_execution_result": "any",
        "tool_call": "any",
        "tool_response": "any",
        "thought": "bool",
        "thought_signature": "string",
        "video_metadata": "any",
        "part_metadata": "any",
        "media_resolution": "any",
    },
    "Blob": {"mime_type": "string", "data": "string", "display_name": "string"},
    "FileData": {"mime_type": "string", "file_uri": "string", "display_name": "string"},
    "FunctionCall": {"id": "string", "name": "string", "args": "any"},
    "FunctionResponse": {
        "id": "string",
        "name": "string",
        "response": "any",
        "parts": "any",
        "will_continue": "bool",
        "scheduling": "string",
    },
    "Tool": {
        "function_declarations": "[FunctionDeclaration]",
        "google_search": "any",
        "google_search_retrieval": "any",
        "google_maps": "any",
        "code_execution": "any",
        "url_context": "any",
        "computer_use": "any",
        "file_search": "any",
        "mcp_servers": "any",
    },
    "FunctionDeclaration": {
        "name": "string",
        "description": "string",
        "behavior": "string",
        "parameters": "Schema",
        "parameters_json_schema": "any",
        "response": "Schema",
        "response_json_schema": "any",
    },
    "ToolConfig": {
        "function_calling_config": "FunctionCallingConfig",
        "retrieval_config": "any",
        "include_server_side_tool_invocations": "bool",
    },
    "FunctionCallingConfig": {"mode": "string", "allowed_function_names": "[string]"},
    "GenerationConfig": {
        "candidate_count": "number",
        "stop_sequences": "[string]",
        "max_output_tokens": "number",
        "temperature": "number",
        "top_p": "number",
        "top_k": "number",
        "seed": "number",
        "presence_penalty": "number",
        "frequency_penalty": "number",
        "response_logprobs": "bool",
        "logprobs": "number",
        "response_mime_type": "string",
        "response_schema": "Schema",
        "response_json_schema": "any",
        "response_modalities": "[string]",
        "response_format": "any",
        "enable_enhanced_civic_answers": "bool",
        "speech_config": "any",
        "image_config": "any",
        "media_resolution": "string",
        "thinking_config": "ThinkingConfig",
    },
    "ThinkingConfig": {
        "include_thoughts": "bool",
        "thinking_budget": "number",
        "thinking_level": "string",
    },
    "Schema": {
        "type": "string",
        "format": "string",
        "title": "string",
        "description": "string",
        "nullable": "bool",
        "enum": "[string]",
        "items": "Schema",
        "max_items": "number",
        "min_items": "number",
        "properties": "{Schema}",
        "required": "[string]",
        "min_properties": "number",
        "max_properties": "number",
        "minimum": "number",
        "maximum": "number",
        "min_length": "number",
        "max_length": "number",
        "pattern": "string",
        "example": "any",
        "any_of": "[Schema]",
        "property_ordering": "[string]",
        "default": "any",
    },
}
"""Fields by message: a message, `[repeated]`, `{mapped}`, a scalar, or any JSON."""

PROTO_TYPES = {"string": "TYPE_STRING", "number": "TYPE_DOUBLE", "bool": "TYPE_BOOL"}
PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta"


def read_message(value: object, message: str) -> JsonObject:
    """The fields of a whole request. Raises `Refused` with everything that is no field."""
    reader = _Reader()
    fields = reader.message(value, message, "")
    if reader.wrong:
        raise Refused(
            "\n".join(description for _, description in reader.wrong),
            details=[
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [
                        {"field": place, "description": description}
                        for place, description in reader.wrong
                    ],
                }
            ],
        )
    return fields


@dataclass(slots=True)
class _Reader:
    """Reads messages and keeps the places where something is wrong."""

    wrong: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def message(self, value: object, message: str, where: str) -> JsonObject:
        if not is_object(value):
            self._refuse(where, f"Invalid value at '{where}' ({PACKAGE}.{message})")
            return {}
        known = MESSAGES[message]
        found: JsonObject = {}
        for key, item in value.items():
            name = CAMEL_HUMP.sub(r"_\1", key).lower()
            if name not in known:
                self._refuse(where, _unknown(key, where, "Cannot find field."))
            elif item is not None:
                kept = _camel(name) if message == "Schema" else name
                inner = f"{where}.{name}".lstrip(".")
                found[kept] = self._value(item, known[name], key, inner, outer=where)
        return found

    def _value(self, value: object, kind: str, key: str, where: str, *, outer: str) -> object:
        if kind == "any":
            return value
        if kind.startswith("["):
            # A single value stands for a list of one.
            items = value if is_array(value) else [value]
            inner = kind.strip("[]")
            return [
                self._value(item, inner, key, f"{where}[{number}]", outer=outer)
                for number, item in enumerate(items)
            ]
        if is_array(value):
            told = _unknown(key, outer, "Proto field is not repeating, cannot start list.")
            self._refuse(outer, told)
            return None
        if kind.startswith("{"):
            pairs = value.items() if is_object(value) else ()
            return {
                name: self.message(item, kind.strip("{}"), f"{where}[{number}].value")
                for number, (name, item) in enumerate(pairs)
            }
        return (
            self._scalar(value, kind, where)
            if kind in PROTO_TYPES
            else self.message(value, kind, where)
        )

    def _scalar(self, value: object, kind: str, where: str) -> object:
        match kind:
            case "string":
                fits = isinstance(value, str)
            case "bool":
                fits = isinstance(value, bool)
            case _:
                # JSON of protocol buffers takes 64-bit numbers as texts too.
                number = isinstance(value, int | float) and not isinstance(value, bool)
                fits = number or (isinstance(value, str) and value.lstrip("-").isdigit())
        if not fits:
            self._refuse(where, f"Invalid value at '{where}' ({PROTO_TYPES[kind]}), {value}")
        return value

    def _refuse(self, where: str, description: str) -> None:
        self.wrong.append((where, description))


def _unknown(key: str, where: str, why: str) -> str:
    place = f" at '{where}'" if where else ""
    return f'Invalid JSON payload received. Unknown name "{key}"{place}: {why}'


def _camel(name: str) -> str:
    return SNAKE_JOINT.sub(lambda joint: joint[1].upper(), name)
