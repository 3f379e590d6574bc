"""The turns of a Gemini request: who speaks after whom, what answers what, and signed thoughts.

Rules of this module: pure; contents come with the names of `gemini_fields`. A turn begins with what
a person says; since Gemini 3 the first function call of each step of the current turn has to carry
the signature it came with (https://ai.google.dev/gemini-api/docs/thought-signatures), and a
signature that is there has to be one that this model made, in any turn.
"""

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, array_of, object_of, text_of
from turnout.simulator.seals import decoded, opens

ROLES = ("user", "model", "")
DATA = frozenset(
    (
        *("text", "inline_data", "file_data", "function_call", "function_response"),
        *("executable_code", "code_execution_result", "tool_call", "tool_response"),
    )
)
MEDIA = ("image/", "audio/", "video/", "text/", "application/pdf", "application/json")

UNCHECKED_SIGNATURES = (
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
)
"""What Google's page says to send with a call that another model made."""

MISSING = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools"
    " to work correctly, and missing thought_signature may lead to degraded model performance."
    " Additional data, function call `default_api:{name}` , position {position}. Please refer to"
    " https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)


def parts_of(content: JsonObject) -> list[JsonObject]:
    return [object_of(part) for part in array_of(content.get("parts"))]


def check_contents(contents: list[JsonObject]) -> None:
    """Roles, parts, and calls with their responses. Raises `Refused`."""
    if not contents:
        raise invalid("contents", "contents is not specified")
    for number, content in enumerate(contents):
        if content.get("role", "") not in ROLES:
            raise Refused("Please use a valid role: user, model.")
        _check_parts(content, f"contents[{number}]")
    calls_before = 0
    for number, content in enumerate(contents):
        calls = sum("function_call" in part for part in parts_of(content))
        responses = sum("function_response" in part for part in parts_of(content))
        if responses and not calls_before:
            raise Refused(
                "Please ensure that function response turn comes immediately after a function call"
                " turn."
            )
        if responses != calls_before:
            raise _unequal()
        if calls and (number == 0 or contents[number - 1].get("role") == "model"):
            raise Refused(
                "Please ensure that function call turn comes immediately after a user turn or after"
                " a function response turn."
            )
        calls_before = calls
    if calls_before:
        raise _unequal()


def check_signatures(contents: list[JsonObject], *, model: str, needed: bool) -> None:
    """Signatures are there where they are `needed`, and made by `model`. Raises `Refused`."""
    turn = max((number for number, content in enumerate(contents) if _is_asked(content)), default=0)
    for number, content in enumerate(contents):
        first_call = True
        for place, part in enumerate(parts_of(content)):
            signature = text_of(part.get("thought_signature"))
            if signature:
                _check_signature(
                    signature, f"contents[{number}].parts[{place}].thought_signature", model
                )
            if "function_call" not in part:
                continue
            if needed and first_call and number > turn and not signature:
                name = text_of(object_of(part["function_call"]).get("name"))
                raise Refused(MISSING.format(name=name, position=number + 1))
            first_call = False


def last_request(contents: list[JsonObject]) -> tuple[str, int]:
    """What a person said last, and how many contents with function responses came after it."""
    steps = 0
    for content in reversed(contents):
        if any("function_response" in part for part in parts_of(content)):
            steps += 1
        elif _is_asked(content):
            texts = [text_of(part.get("text")) for part in parts_of(content)]
            if any(texts):
                return next(text for text in reversed(texts) if text), steps
    return "", steps


def invalid(place: str, what: str) -> Refused:
    """A refusal in the words of Gemini's own checks."""
    return Refused(f"* GenerateContentRequest.{place}: {what}\n")


def _is_asked(content: JsonObject) -> bool:
    """A person speaks: neither the model, nor the results of its calls."""
    return content.get("role") != "model" and not any(
        "function_response" in part for part in parts_of(content)
    )


def _check_parts(content: JsonObject, where: str) -> None:
    parts = parts_of(content)
    if not parts:
        raise invalid(f"{where}.parts", "contents.parts must not be empty.")
    for number, part in enumerate(parts):
        here = f"{where}.parts[{number}]"
        data = DATA & part.keys()
        if not data:
            raise invalid(
                f"{here}.data", "required oneof field 'data' must have one initialized field"
            )
        if len(data) > 1:
            name = sorted(data)[1]
            raise Refused(
                f"Invalid value at '{here}' (oneof), oneof field 'data' is already set. Cannot set"
                f" '{name}'"
            )
        for name in ("function_call", "function_response"):
            if name in part and not text_of(object_of(part[name]).get("name")):
                raise invalid(f"{here}.{name}.name", "Name cannot be empty.")
        _check_called(part, content, here)
        if "inline_data" in part:
            _check_blob(object_of(part["inline_data"]), f"{here}.inline_data")


def _check_called(part: JsonObject, content: JsonObject, here: str) -> None:
    is_model = content.get("role") == "model"
    if "function_call" in part and not is_model:
        raise invalid(f"{here}.function_call", "function calls come from the role 'model'.")
    if "function_response" not in part:
        return
    if is_model:
        raise invalid(f"{here}.function_response", "function responses come from the role 'user'.")
    response = object_of(part["function_response"]).get("response")
    if not isinstance(response, dict):
        raise Refused(
            f"Invalid value at '{here}.function_response.response'"
            " (type.googleapis.com/google.protobuf.Struct)"
        )


def _check_blob(blob: JsonObject, where: str) -> None:
    kind = text_of(blob.get("mime_type"))
    if not kind.startswith(MEDIA):
        raise Refused(f"Unsupported MIME type: {kind}")
    if decoded(text_of(blob.get("data"))) is None:
        raise Refused(f"Invalid value at '{where}.data' (TYPE_BYTES), Base64 decoding failed")


def _check_signature(signature: str, where: str, model: str) -> None:
    sealed = decoded(signature)
    if sealed is None:
        raise Refused(
            f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed for \"{signature}\""
        )
    told = (signature.encode(), sealed)
    if any(free.encode() in told for free in UNCHECKED_SIGNATURES):
        return
    if not opens(sealed, "thought", model=model):
        raise Refused("Corrupted thought signature.")


def _unequal() -> Refused:
    return Refused(
        "Please ensure that the number of function response parts is equal to the number of"
        " function call parts of the function call turn."
    )
