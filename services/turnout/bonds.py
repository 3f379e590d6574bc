"""What binds a request to models that its own API serves, beside tools: its name, and how it is refused.

Rules: a survey tells the names among `Needs.server_tools`, so that targets are chosen by them; what a
target is refused for is said in the same words wherever it is noticed: the field first, as clients of
OpenAI's find it in `param`, then what would be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from turnout.capabilities import Dialect


@dataclass(frozen=True, slots=True)
class Bond:
    """Attributes:
    field: of the body.
    why: what is the matter, and what would be right.
    is_vendors: only the dialect's own vendor has it; what any server of the dialect may have, that
        server is asked for where the client named its model.
    """

    field: str
    why: str
    is_vendors: bool = True


def _of_dialect(field: str, what: str, right: str = "") -> Bond:
    why = f"only models of this API know {what}"
    return Bond(field, f"{why}; {right}" if right else why, is_vendors=False)


def _form_of_openai(tool: str) -> Bond:
    return Bond("tools", f"only OpenAI's models know {tool!r} of this form; offer a function")


UPLOADED: Final = "an uploaded file can be read by its provider only; send its content"

_OF_A_SOURCE: Final = (
    "from a source of this kind can be read by Anthropic's models only; send its content"
)

BONDS: Final[Mapping[Dialect, Mapping[str, Bond]]] = MappingProxyType(
    {
        "anthropic_messages": {
            "billing_policy": Bond(
                "billing_policy", "Anthropic's bill alone can be split; leave it out"
            ),
            "compaction": Bond(
                "compaction",
                "a compaction is made and read by Anthropic only; send what it stands for",
            ),
            "container": Bond("container", "containers run at Anthropic only; leave it out"),
            "inference_geo": Bond(
                "inference_geo", "where a model runs can be asked of Anthropic only; leave it out"
            ),
            "max_tokens": Bond(
                "max_tokens", "0 fills the prompt cache of Anthropic's models only; ask for more"
            ),
            "mcp_servers": Bond(
                "mcp_servers", "they are called by Anthropic only; offer their tools as your own"
            ),
            "thread": Bond("thread", "threads are stored at Anthropic only; send all messages"),
            "container_upload": Bond(
                "messages", "a 'container_upload' can be used at Anthropic only; send its content"
            ),
            "file": Bond("messages", UPLOADED),
            "document": Bond("messages", f"a 'document' {_OF_A_SOURCE}"),
            "image": Bond("messages", f"an 'image' {_OF_A_SOURCE}"),
            "unknown_part": Bond(
                "messages", "a block of an unknown type can be told to Anthropic's models only"
            ),
        },
        "openai_responses": {
            "previous_response_id": Bond(
                "previous_response_id",
                "responses are stored at OpenAI only; send the whole input",
            ),
            "conversation": Bond(
                "conversation", "conversations are stored at OpenAI only; send the whole input"
            ),
            "prompt": Bond(
                "prompt", "templates are stored at OpenAI only; send instructions and input"
            ),
            "background": Bond(
                "background", "answers to be fetched later are made at OpenAI only; leave it out"
            ),
            "item_reference": Bond(
                "input", "items are stored at OpenAI only; send the item itself"
            ),
            "compaction": Bond(
                "input",
                "a 'compaction' can be read by OpenAI's models only; send what it stands for",
            ),
            "compaction_trigger": Bond(
                "input", "a 'compaction_trigger' is carried out by OpenAI's models only"
            ),
            "configuration_update": Bond(
                "input", "a 'configuration_update' is carried out by OpenAI's models only"
            ),
            "mcp_approval_response": Bond(
                "input", "a 'mcp_approval_response' is carried out by OpenAI only"
            ),
            "agent_message": Bond(
                "input", "an 'agent_message' under OpenAI's seal can be read by its models only"
            ),
            "file_id": Bond("input", UPLOADED, is_vendors=False),
            "input_audio": _of_dialect("input", "sound ('input_audio')"),
            # Run by the client, and called in items that other models have no word for.
            "local_shell": _form_of_openai("local_shell"),
            "shell": _form_of_openai("shell"),
            "apply_patch": _form_of_openai("apply_patch"),
        },
        "openai_chat": {
            "n": _of_dialect("n", "several choices", "send one request for each"),
            "modalities": _of_dialect("modalities", "an answer in sound"),
            "functions": _of_dialect("functions", "this old form", "use tools"),
            "web_search_options": Bond(
                "web_search_options", "the search is run by OpenAI only; leave it out"
            ),
            "file_id": Bond("messages", UPLOADED, is_vendors=False),
            "input_audio": _of_dialect("messages", "sound ('input_audio')"),
            "audio_url": _of_dialect("messages", "sound ('audio_url')"),
            "video_url": _of_dialect("messages", "film ('video_url')"),
        },
        "gemini_generate": {
            "cachedContent": Bond(
                "cachedContent",
                "what is cached at Google its models alone can read; send the contents",
            ),
            "candidateCount": _of_dialect(
                "generationConfig.candidateCount", "several candidates", "send one request for each"
            ),
            "responseModalities": _of_dialect(
                "generationConfig.responseModalities", "an answer in pictures or sound"
            ),
            "responseMimeType": _of_dialect(
                "generationConfig.responseMimeType",
                "another form than text and JSON",
                "use application/json with a schema",
            ),
            "responseFormat": _of_dialect(
                "generationConfig.responseFormat",
                "this form of an answer",
                "use responseMimeType with a schema",
            ),
            "audio": _of_dialect("contents", "sound ('audio')"),
            "video": _of_dialect("contents", "film ('video')"),
            "inlineData": _of_dialect("contents", "data of this type"),
            "fileData": _of_dialect("contents", "a file at Google's, or of this type"),
        },
    }
)

NAMES: Final = frozenset(name for bonds in BONDS.values() for name in bonds)
"""Of all dialects; no tool of Anthropic's goes by one of them."""

MAX_SHOWN: Final = 40
"""Characters of a type, which is in the client's own words; the longest of a provider's has fewer."""

_NOTHING: Final = frozenset({"null", "false", "[]", "{}", '""', '"global"', '{"enabled":false}'})
"""Values that ask for nothing: "global" is any place to compute at."""


def is_asked(json: str) -> bool:
    """Whether a field with that value asks for something."""
    return json.replace(" ", "") not in _NOTHING


def bond_of(dialect: Dialect, name: str) -> Bond | None:
    """None where it is a tool."""
    return BONDS.get(dialect, {}).get(name)


def refused(dialect: Dialect, name: str) -> str:
    """The message for a target that cannot be asked this."""
    bond = bond_of(dialect, name)
    if bond is None:
        return f"tools: only models of its own API know {name[:MAX_SHOWN]}"
    return f"{bond.field}: {bond.why}"
