"""Requests and answers of this wire that nobody meant to send."""

from hypothesis import strategies as st

from tests.dialects.hostile import Hostile, holding, values
from turnout.capabilities import Capabilities
from turnout.errors import InvalidRequest, Unsupported

NAMES = st.sampled_from(
    [
        *("model", "messages", "role", "content", "tool_calls", "function", "name", "arguments"),
        *("tools", "type", "custom", "parameters", "tool_choice", "response_format", "text"),
        *("image_url", "url", "file", "file_data", "tool_call_id", "id", "stream_options", "stop"),
        *("json_schema", "schema", "allowed_tools", "metadata", "cache_control", "ttl", "refusal"),
        *("reasoning_content", "function_call", "safety_identifier", "input", "index"),
        *("choices", "delta", "message", "usage", "prompt_tokens", "error", "finish_reason"),
        *("prompt_tokens_details", "completion_tokens_details", "stop_reason", "created", "code"),
    ]
)
WORDS = st.sampled_from(
    [
        *("user", "system", "assistant", "tool", "function", "custom", "image_url", "file", "text"),
        *("data:image/png;base64,AA", "data:x", "json_schema", "allowed_tools", "\ud800"),
    ]
)
VALUES = values(NAMES, WORDS)
ROLES = st.sampled_from(["user", "system", "assistant", "tool"])
MESSAGES = st.lists(
    st.builds(
        lambda role, rest: {"role": role} | rest, ROLES, st.dictionaries(NAMES, VALUES, max_size=4)
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = holding("messages", MESSAGES, st.dictionaries(NAMES, VALUES, max_size=5))
CHOICES = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=2)
CHUNKS = holding("choices", CHOICES, st.dictionaries(NAMES, VALUES, max_size=3))

HOSTILE = Hostile(
    "openai_chat",
    requests=REQUESTS,
    events=CHUNKS,
    values=VALUES,
    has=Capabilities(images=True, documents=True),
    refusals=(InvalidRequest, Unsupported),
)
