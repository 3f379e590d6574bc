"""Requests and answers of this wire that nobody meant to send."""

from hypothesis import strategies as st

from tests.dialects.hostile import Hostile, holding, values
from turnout.capabilities import Capabilities
from turnout.dialects.openai_responses.stream_decode import KNOWN
from turnout.errors import InvalidRequest, Unsupported

NAMES = st.sampled_from(
    [
        *("model", "input", "role", "content", "type", "id", "call_id", "name", "arguments"),
        *("tools", "parameters", "tool_choice", "text", "format", "namespace", "execution"),
        *("image_url", "file_id", "file_data", "file_url", "output", "summary", "refusal"),
        *("encrypted_content", "instructions", "reasoning", "include", "metadata", "effort"),
        *("turnout_item", "turnout_plain", "turnout_namespace", "turnout_form", "field"),
        *("item", "part", "response", "delta", "item_id", "output_index", "content_index"),
        *("annotation", "annotations", "logprobs", "usage", "input_tokens", "error", "code"),
        *("status", "incomplete_details", "reason", "message", "input_tokens_details", "token"),
    ]
)
KINDS = st.sampled_from(
    [
        *("message", "reasoning", "function_call", "custom_tool_call", "function_call_output"),
        *("custom_tool_call_output", "tool_search_call", "tool_search_output", "namespace"),
        *("function", "custom", "web_search_call", "compaction", "client", "tool_search"),
        *("additional_tools", "agent_message", "encrypted_content"),
        *("input_text", "output_text", "input_image", "input_file", "refusal", "json_schema"),
    ]
)
WORDS = KINDS | st.sampled_from(
    ["user", "assistant", "developer", "data:image/png;base64,AA", "data:x", "turnout1.x", "\ud800"]
)
VALUES = values(NAMES, WORDS)
ITEM = holding("type", KINDS, st.dictionaries(NAMES, VALUES, max_size=5))
REQUESTS = holding(
    "input",
    st.lists(ITEM, min_size=1, max_size=4),
    st.dictionaries(NAMES, VALUES, max_size=5),
)
EVENTS = holding(
    "type",
    st.sampled_from(sorted(KNOWN)) | st.text(),
    holding("item", ITEM | VALUES, st.dictionaries(NAMES, VALUES, max_size=4)),
)

HOSTILE = Hostile(
    "openai_responses",
    requests=REQUESTS,
    events=EVENTS,
    values=VALUES,
    has=Capabilities(images=True, documents=True, structured_output=True),
    refusals=(InvalidRequest, Unsupported),
    sealed=b'{"encrypted_content":"turnout1.',
)
