"""What Google's documentation says of a stream of this wire, and what strict clients hold it to.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

import base64
import json
from typing import Any

from turnout.dialects.sse import SseDecoder

FINISHES = {"STOP", "MAX_TOKENS", "SAFETY"}
CHUNK_KEYS = {"candidates", "usageMetadata", "modelVersion", "responseId"}
CANDIDATE_KEYS = {
    *("content", "finishReason", "index", "groundingMetadata", "logprobsResult"),
}
COUNTS = {
    *("promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount"),
    *("thoughtsTokenCount", "totalTokenCount"),
}
DATA = {"text", "functionCall", "executableCode", "codeExecutionResult", "inlineData"}


def check(stream: bytes) -> dict[str, Any]:
    """Assert the grammar; return the answer that a client puts together."""
    decoder = SseDecoder()
    events = decoder.feed(stream)
    assert decoder.at_boundary
    # google-genai takes every line that does not begin so for a piece of JSON.
    assert all(line.startswith(b"data: ") for line in stream.split(b"\n") if line)
    assert not any(event.event for event in events)
    chunks = [json.loads(event.data) for event in events]
    assert chunks
    for chunk in chunks:
        check_chunk(chunk)
        named = (chunk["modelVersion"], chunk["responseId"])
        assert named == (chunks[0]["modelVersion"], chunks[0]["responseId"])
    candidates = [chunk["candidates"][0] for chunk in chunks]
    assert not any("finishReason" in candidate for candidate in candidates[:-1])
    assert candidates[-1]["finishReason"] in FINISHES
    assert "usageMetadata" in chunks[0]
    assert "usageMetadata" in chunks[-1]
    parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
    return summed(parts, candidates[-1], chunks[-1])


def check_cut(stream: bytes) -> None:
    """Assert the grammar of a stream that broke off: chunks, then the error as Google sends it."""
    *told, last = stream.removesuffix(b"\n\n").split(b"\n\n")
    for event in told:
        assert event.startswith(b"data: ")
        chunk = json.loads(event[len(b"data: ") :])
        check_chunk(chunk)
        assert "finishReason" not in chunk["candidates"][0]
    error = json.loads(last)
    assert set(error) == {"error"}
    assert error["error"]["code"] >= 400
    assert error["error"]["status"]
    assert error["error"]["message"]


def check_chunk(chunk: dict[str, Any]) -> None:
    assert set(chunk) <= CHUNK_KEYS
    (candidate,) = chunk["candidates"]
    assert set(candidate) <= CANDIDATE_KEYS
    assert candidate["index"] == 0
    content = candidate["content"]
    assert content["role"] == "model"
    assert content["parts"]
    for part in content["parts"]:
        check_part(part)
    if "usageMetadata" in chunk:
        check_usage(chunk["usageMetadata"])


def check_part(part: dict[str, Any]) -> None:
    assert set(part) <= DATA | {"thought", "thoughtSignature"}
    assert len(DATA & set(part)) == 1, "exactly one field within a part"
    if "thought" in part:
        assert part["thought"] is True
        assert "text" in part
    if "thoughtSignature" in part:
        # Bytes in protobuf's JSON are base64, in either alphabet.
        signature = part["thoughtSignature"].replace("-", "+").replace("_", "/")
        assert base64.b64decode(signature + "=" * (-len(signature) % 4), validate=True)
    if "functionCall" in part:
        call = part["functionCall"]
        assert set(call) == {"id", "name", "args"}
        assert call["id"]
        assert isinstance(call["args"], dict)


def check_usage(usage: dict[str, int]) -> None:
    assert set(usage) == COUNTS
    assert usage["cachedContentTokenCount"] <= usage["promptTokenCount"]
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["totalTokenCount"] == sum(usage[name] for name in parts)
    assert usage["promptTokenCount"] > 0


def summed(
    parts: list[dict[str, Any]], last: dict[str, Any], chunk: dict[str, Any]
) -> dict[str, Any]:
    calls = [part for part in parts if "functionCall" in part]
    if calls:
        assert calls[0].get("thoughtSignature"), "Gemini 3 refuses the next turn without"
    return {
        "text": "".join(p["text"] for p in parts if "text" in p and "thought" not in p),
        "thoughts": "".join(p["text"] for p in parts if "thought" in p),
        "calls": [part["functionCall"] for part in calls],
        "parts": parts,
        "finish": last["finishReason"],
        "candidate": last,
        "usage": chunk["usageMetadata"],
    }
