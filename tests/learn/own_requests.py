"""A tenant's own requests, made up."""

from turnout.dialects.usage import Usage
from turnout.learn.own_tables import OwnRequest

START = 1_800_000_000.0


def own_request(
    number: int,
    *,
    session: str = "s",
    thread: str = "main",
    model: str = "claude-opus-5-5",
    is_subagent: bool = False,
    results: int = 0,
    calls: bool = False,
    kept: float = 1.0,
    success: float | None = None,
) -> OwnRequest:
    """The answer takes five seconds of the minute that lies between two."""
    return OwnRequest(
        tenant="acme",
        repository="acme/app",
        harness="claude_code",
        session=session,
        thread=thread,
        is_subagent=is_subagent,
        task_kind="bug_fix",
        received_at=START + 60.0 * number,
        ended_at=START + 60.0 * number + 5.0,
        model=model,
        usage=Usage(
            fresh_input=3,
            cache_read=1_000 * number,
            cache_write_5m=900,
            cache_write_1h=97,
            output=50,
        ),
        is_reported=True,
        calls_tools=calls,
        finish_reason="end_turn",
        step_tool_results=results,
        step_tool_errors=0,
        kept_share=kept,
        success=success,
    )
