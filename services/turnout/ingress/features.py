"""From a survey to what the scorer and the tracker are asked: features and prefix. Pure."""

from hashlib import blake2b
from typing import Final

from msgspec import structs

from turnout import fact_texts
from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey
from turnout.ingress.chains import Chains
from turnout.policy.evidence import evidence_of
from turnout.policy.request import Features, Prefix, StepKind

DIGEST_BYTES: Final = 16


def features_of(
    survey: Survey, prefix: Prefix, *, dialect: Dialect, step_kind: StepKind
) -> Features:
    """The policy's view of a request."""
    digests, needs = prefix.digests, survey.needs
    if needs.server_tools:
        needs = structs.replace(needs, server_tools=fact_texts.kinds(needs.server_tools))
    is_typed = step_kind == "user_input"
    evidence = evidence_of(survey.outcomes, beginning=digests[0] if digests else "")
    return Features(
        dialect=dialect,
        requested_model=fact_texts.model_name(survey.model),
        step_kind=step_kind,
        stream=survey.stream,
        body_bytes=survey.body_bytes,
        needs=needs,
        message_count=survey.message_count,
        tool_count=survey.tool_count,
        tool_result_count=survey.tool_result_count,
        step_tool_results=len(survey.outcomes),
        step_tool_errors=sum(outcome.is_error for outcome in survey.outcomes),
        head_digest=survey.head_digest,
        head_tokens=head_tokens(survey),
        last_message_digest=digests[-1] if digests else survey.head_digest,
        text_digest=_text_digest(survey, digests) if is_typed else "",
        asks_one_hour=survey.breakpoints[1] > 0,
        has_foreign_thinking=survey.has_foreign_thinking,
        asks_usage=survey.asks_usage,
        check=evidence.check,
        check_framework=evidence.check_framework,
        call_digest=evidence.call_digest,
        edit_digest=evidence.edit_digest,
        lacks_breakpoints=dialect == "anthropic_messages" and not any(survey.breakpoints),
        attachment_tokens=survey.attachment_tokens,
        open_tasks=survey.tasks.open_items if is_typed and survey.ended_turn else 0,
    )


def _text_digest(survey: Survey, digests: tuple[str, ...]) -> str:
    """Whether a text was typed again, and nothing else: the thread's own beginning is mixed in, so
    that equal texts of different threads have nothing in common and no text can be looked up.
    """
    if not survey.text or not digests:
        return ""
    told = blake2b(digests[0].encode(), digest_size=DIGEST_BYTES, person=b"typed")
    told.update(survey.text.encode("utf-8", "surrogatepass"))
    return told.hexdigest()


def head_tokens(survey: Survey) -> int:
    """Estimated tokens of system prompt and tools: what is left of the prompt without messages."""
    messages = survey.message_bytes[-1] if survey.message_bytes else 0
    share = max(0, survey.body_bytes - messages) / max(1, survey.body_bytes)
    return int(survey.needs.prompt_tokens_estimate * share)


def prefix_of(survey: Survey, chains: Chains) -> Prefix:
    """The prompt as a chain of digests with the tokens up to each message."""
    head = head_tokens(survey)
    total = survey.message_bytes[-1] if survey.message_bytes else 0
    per_byte = (survey.needs.prompt_tokens_estimate - head) / total if total else 0.0
    return Prefix(
        head_digest=survey.head_digest,
        digests=chains.of(survey.head_digest, survey.message_digests),
        tokens=tuple([head + int(size * per_byte) for size in survey.message_bytes]),
    )
