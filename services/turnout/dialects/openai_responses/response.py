"""A whole response from its events.

Rules: an answer that failed or did not end is no answer, its error is raised; one that was cut has
status `incomplete` and says why.
"""

from collections.abc import Sequence

import msgspec

from turnout.dialects.conversation import Refusal
from turnout.dialects.openai_responses.asked import repeated
from turnout.dialects.openai_responses.output import (
    Status,
    output_of,
    response_object,
)
from turnout.dialects.openai_responses.stop import encode_stop
from turnout.dialects.stream import StreamEvent, accumulate_whole
from turnout.dialects.usage import final_usage


def encode_response(
    events: Sequence[StreamEvent],
    *,
    response_id: str,
    model: str,
    created_at: int,
    input_estimate: int,
    asked: bytes,
) -> bytes:
    """Raises the error that the events end in, `UpstreamFailed` when they do not end."""
    answer, stop = accumulate_whole(events)
    has_refusal = any(isinstance(part, Refusal) and part.text for part in answer.parts)
    reason = encode_stop(stop, has_refusal=has_refusal)
    status: Status = "completed" if reason is None else "incomplete"
    shown = response_object(
        response_id=response_id,
        model=model,
        created_at=created_at,
        completed_at=created_at if reason is None else None,
        status=status,
        asked=repeated(asked),
        output=output_of(answer.parts, response_id=response_id, status=status),
        reason=reason,
        usage=final_usage(
            answer.usage, input_estimate=input_estimate, output_bytes=answer.said_bytes
        ),
    )
    return msgspec.json.encode(shown)
