"""Requests and answers of this wire that nobody meant to send."""

from hypothesis import strategies as st

from tests.dialects.hostile import Hostile, holding, values
from turnout.capabilities import Capabilities
from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.gemini_generate.thoughts import mark, sealed

NAMES = st.sampled_from(
    [
        *("contents", "role", "parts", "text", "thought", "thoughtSignature", "functionCall"),
        *("functionResponse", "name", "id", "args", "response", "output", "error", "inlineData"),
        *("mimeType", "data", "fileData", "fileUri", "systemInstruction", "tools", "parameters"),
        *("functionDeclarations", "parametersJsonSchema", "type", "properties", "nullable"),
        *("toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames", "thinkingConfig"),
        *("generationConfig", "thinkingBudget", "thinkingLevel", "responseSchema", "topK"),
        *("responseMimeType", "candidates", "content", "finishReason", "usageMetadata", "index"),
        *("promptTokenCount", "cachedContentTokenCount", "groundingMetadata", "groundingChunks"),
        *("groundingSupports", "segment", "web", "uri", "logprobsResult", "chosenCandidates"),
        *("promptFeedback", "blockReason", "details", "code", "message", "status", "labels"),
        *("generateContentRequest", "thought_signature", "executableCode", "displayName"),
    ]
)
WORDS = st.sampled_from(
    [
        *("user", "model", "function", "image/png", "application/pdf", "files/x", "https://e/a"),
        *("STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "ANY", "OBJECT", "\ud800"),
        mark(Provenance("openai_chat")),
        sealed([Thinking("a", Provenance("openai_chat"))]),
        "dHVybm91dDEu",
        "dHVybm91dDEuW10",
    ]
)
VALUES = values(NAMES, WORDS)
PARTS = st.dictionaries(NAMES, VALUES, max_size=4)
CONTENTS = st.lists(
    st.fixed_dictionaries(
        {"parts": st.lists(PARTS, max_size=3)},
        optional={"role": st.sampled_from(["user", "model", "function"]), "x": VALUES},
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = holding("contents", CONTENTS, st.dictionaries(NAMES, VALUES, max_size=5))
CANDIDATES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.fixed_dictionaries({"parts": st.lists(PARTS, max_size=3)}),
            "finishReason": WORDS | VALUES,
            "groundingMetadata": VALUES,
            "logprobsResult": VALUES,
        },
    ),
    max_size=2,
)
CHUNKS = holding("candidates", CANDIDATES, st.dictionaries(NAMES, VALUES, max_size=3))

HOSTILE = Hostile(
    "gemini_generate",
    requests=REQUESTS,
    events=CHUNKS,
    values=VALUES,
    has=Capabilities(images=True, documents=True, structured_output=True, thinking=True),
    path="/v1beta/models/gemini-3.8-flash:streamGenerateContent",
)
