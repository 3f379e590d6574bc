"""The names of span attributes, as a type: a typo does not pass the type check.

`gen_ai.*` is spelled as the GenAI semantic conventions spell it (status Development):
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
They left the main repository with its commit c9e48b1d1, and the Python constants of the
incubating package are deprecated for it, so the words stand here. What is ours is under `turnout.`,
never under `gen_ai.`. No name here holds the content of a prompt or of an answer: the conventions'
`gen_ai.input.messages` and its like are opt-in, and there is no way in.
"""

from typing import Literal, TypeAlias

AttributeName: TypeAlias = Literal[
    # What was asked of a model, and by which name.
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.stream",
    # The thread: one growing prefix.
    "gen_ai.conversation.id",
    # What came back.
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    # Seconds from sending to the first content event.
    "gen_ai.response.time_to_first_chunk",
    # Every token of the prompt, cached and written ones included (notes 13 to 17).
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    # Reasoning included.
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "server.address",
    "server.port",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.batch.message_count",
    "rpc.system.name",
    "turnout.request_id",
    "turnout.session",
    "turnout.harness",
    "turnout.tenant",
    "turnout.mode",
    "turnout.requested_model",
    "turnout.served_model",
    "turnout.step_kind",
    "turnout.outcome",
    "turnout.cost_usd",
    "turnout.attempts",
    "turnout.degraded",
    "turnout.decision.action",
    "turnout.decision.reason",
    "turnout.decision.from_target",
    "turnout.decision.target",
    # What the chosen target's cache is expected to hold of the prompt now.
    "turnout.session.warm_tokens",
    # First 16 digits of the digest.
    "turnout.artifact.version",
    "turnout.attempt.kind",
    "turnout.attempt.number",
    "turnout.attempt.target",
    "turnout.attempt.first_byte_seconds",
    # Who counted the tokens: reported, estimated, partial.
    "turnout.usage.source",
    "turnout.thread.steps",
    "turnout.rows",
]
