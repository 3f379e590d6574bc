"""The shapes of this wire's answers: chunks of a stream and whole ones are the same.

Rules: answers are read leniently; null is the same as absent; a part is kept raw until it is known
whether it is one of ours.
Source: https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from typing import Final

import msgspec

from turnout.dialects.gemini_generate.usage import WireUsage
from turnout.dialects.reading import MALFORMED
from turnout.errors import UpstreamFailed

ABSENT: Final = msgspec.Raw()


class FunctionCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = ABSENT


class WirePart(msgspec.Struct, rename="camel"):
    """Attributes:
    executable_code, code_execution_result: code that Google ran; ours to pass on, not to read.
    """

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class Content(msgspec.Struct):
    role: str | None = None
    parts: list[msgspec.Raw] | None = None


class TokenCandidate(msgspec.Struct, rename="camel"):
    token: str | None = None
    log_probability: float | None = None


class TopCandidates(msgspec.Struct):
    candidates: list[TokenCandidate] | None = None


class Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[TokenCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: msgspec.Raw = ABSENT
    logprobs_result: Logprobs | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class Chunk(msgspec.Struct, rename="camel"):
    """A chunk of a stream or a whole answer."""

    candidates: list[Candidate] | None = None
    usage_metadata: WireUsage | None = None
    prompt_feedback: PromptFeedback | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = ABSENT

    @property
    def has_error(self) -> bool:
        return self.error is not ABSENT and bytes(self.error) != b"null"

    @property
    def candidate(self) -> Candidate | None:
        """The first one: only one was asked for."""
        for one in self.candidates or ():
            if not one.index:
                return one
        return None

    @property
    def finish_reason(self) -> str:
        """Why the answer ended; for a prompt that was blocked, why it never began."""
        candidate = self.candidate
        if candidate is not None and candidate.finish_reason:
            word = candidate.finish_reason
            return "" if word == "FINISH_REASON_UNSPECIFIED" else word
        if self.prompt_feedback is not None and self.prompt_feedback.block_reason:
            return self.prompt_feedback.block_reason
        return ""

    @property
    def is_blocked(self) -> bool:
        return self.prompt_feedback is not None and bool(self.prompt_feedback.block_reason)

    @property
    def is_answer(self) -> bool:
        """Where it is all that came."""
        return bool(self.candidates) or self.is_blocked


_CHUNK: Final = msgspec.json.Decoder(Chunk)
_PART: Final = msgspec.json.Decoder(WirePart)


def decode_chunk(raw: bytes | bytearray) -> Chunk:
    try:
        return _CHUNK.decode(raw)
    except MALFORMED as error:
        raise _foreign(error) from None


def decode_part(raw: msgspec.Raw) -> WirePart:
    try:
        return _PART.decode(raw)
    except MALFORMED as error:
        raise _foreign(error) from None


def _foreign(error: Exception) -> UpstreamFailed:
    return UpstreamFailed(f"the upstream sent what is no answer of Gemini's API: {error}")
