-- The facts, one table each. Placeholders: ${database}, ${on_cluster} ("" or "ON CLUSTER '...'") and
-- ${replicated} ("" or "Replicated"), filled in by turnout.telemetry.schema.
--
-- The same fact may be inserted more than once. Within a block that is told again the insert token
-- drops it; everywhere else ReplacingMergeTree does, by the sorting key, which is made of parts of the
-- fact alone and ends in event_id. Read the views without _raw: they are deduplicated.
--
-- Partitions are months: few enough for years of facts, and a month is what is dropped or moved. The
-- day is in the sorting key behind the tenant, so that a range of days reads only those days, and the
-- partition's column is in the key, so that duplicates always meet in one partition and FINAL never
-- merges across them. Outcomes are few and may be reported again at another time: they have no
-- partitions and no day in the key.

CREATE TABLE IF NOT EXISTS ${database}.requests_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the answer ended, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the request; also in the answer header turnout-request-id',
    traceparent String COMMENT 'W3C trace context of the request',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    principal String COMMENT 'Digest of the router key or provider account; never a token',
    harness LowCardinality(String) COMMENT 'Agent that sent the request: claude_code, codex, ...',
    session String COMMENT 'Run of the agent, as the harness names it or as fingerprinted',
    thread String COMMENT 'Growing prompt within the session: the main loop or a subagent',
    thread_key String COMMENT 'Digest of principal, session and thread',
    is_subagent Bool COMMENT 'Whether the thread belongs to a subagent',
    is_explicit Bool COMMENT 'Whether the harness named session and thread itself',
    request_class LowCardinality(String) COMMENT 'main, subagent, compaction or auxiliary',
    user_turn String COMMENT 'The harness''s mark of the user''s turn, empty when it sends none',
    team LowCardinality(String) COMMENT 'Tag: team, empty when not said',
    repository LowCardinality(String) COMMENT 'Tag: repository, empty when not said',
    branch String COMMENT 'Tag: branch, empty when not said',
    ticket String COMMENT 'Tag: ticket, empty when not said',
    mode LowCardinality(String) COMMENT 'How far Turnout was allowed to go: observe or full',
    arm LowCardinality(String) COMMENT 'treatment or control; empty when sessions are not assigned',
    dialect LowCardinality(String) COMMENT 'Wire format of the client',
    step_kind LowCardinality(String) COMMENT 'What the request was for',
    action LowCardinality(String) COMMENT 'stay, switch, pin, escalate or passthrough; empty when rejected before a decision',
    reason LowCardinality(String) COMMENT 'Rule that decided; empty when rejected before a decision',
    requested_model LowCardinality(String) COMMENT 'Model that was asked for',
    baseline_model LowCardinality(String) COMMENT 'Model that a saving is counted against',
    proposal LowCardinality(String) COMMENT 'Target that the policy would choose if the mode let it',
    served_model LowCardinality(String) COMMENT 'Model that answered, empty when nobody did',
    served_provider LowCardinality(String) COMMENT 'Provider that answered, empty when nobody did',
    target LowCardinality(String) COMMENT 'Target that answered, empty when nobody did',
    outcome LowCardinality(String) COMMENT 'answered, failed, rejected or cancelled',
    status Int32 COMMENT 'HTTP status that the client got',
    error LowCardinality(String) COMMENT 'Kind of error, empty when there was none',
    stream Bool COMMENT 'Whether the client asked for a stream',
    attempts Int32 COMMENT 'Upstream calls made',
    body_bytes Int64 COMMENT 'Size of the request body, bytes',
    answer_bytes Int64 COMMENT 'Bytes sent to the client',
    message_count Int64 COMMENT 'Messages in the prompt',
    tool_count Int64 COMMENT 'Tools offered in the prompt',
    received_at DateTime64(6, 'UTC') COMMENT 'When the whole request had arrived, UTC',
    route_seconds Float64 COMMENT 'Time the decision took, seconds',
    first_content_seconds Nullable(Float64) COMMENT 'From arrival to the first content, seconds; null when none came',
    duration_seconds Float64 COMMENT 'From arrival to the end of the answer, seconds',
    fresh_input Nullable(Int64) COMMENT 'Prompt tokens neither read from nor written to a cache; null when unknown',
    cache_read Nullable(Int64) COMMENT 'Prompt tokens read from a cache; null when unknown',
    cache_write_5m Nullable(Int64) COMMENT 'Prompt tokens written to a cache for five minutes; null when unknown',
    cache_write_1h Nullable(Int64) COMMENT 'Prompt tokens written to a cache for an hour; null when unknown',
    cache_write_other Nullable(Int64) COMMENT 'Prompt tokens written to a cache of another lifetime; null when unknown',
    output Nullable(Int64) COMMENT 'Tokens of the answer, reasoning included; null when unknown',
    reasoning Nullable(Int64) COMMENT 'Tokens of reasoning, a part of output; null when unknown',
    usage_source LowCardinality(String) COMMENT 'Who counted the tokens: reported, estimated or partial',
    cost_usd Nullable(Decimal(18, 9)) COMMENT 'Cost of all attempts, USD; null when a price is unknown',
    baseline_cost_usd Nullable(Decimal(18, 9)) COMMENT 'The same tokens at the baseline model''s prices, USD; null when unknown',
    finish_reason LowCardinality(String) COMMENT 'Why the answer ended, in the provider''s word',
    degraded Array(LowCardinality(String)) COMMENT 'Parts that were missing when the decision was made',
    artifact_digest LowCardinality(String) COMMENT 'Digest of the tables that the scorer used',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC',
    INDEX request_id_index request_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, session, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'RequestCompleted: one row per request, the grain of cost; read the view requests';

CREATE TABLE IF NOT EXISTS ${database}.attempts_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the upstream call ended, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the request',
    traceparent String COMMENT 'W3C trace context of the request',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    number Int32 COMMENT 'Place among the attempts of the request, from 1',
    kind LowCardinality(String) COMMENT 'first, hedge, retry or fallback',
    target LowCardinality(String) COMMENT 'Target that was called',
    provider LowCardinality(String) COMMENT 'Provider that was called',
    model LowCardinality(String) COMMENT 'Model that was called',
    dialect LowCardinality(String) COMMENT 'Wire format of the target',
    outcome LowCardinality(String) COMMENT 'answered, failed or cancelled',
    status Int32 COMMENT 'HTTP status of the provider, 0 when there was no answer',
    error LowCardinality(String) COMMENT 'Kind of error, empty when there was none',
    sent_at DateTime64(6, 'UTC') COMMENT 'When the call was sent, UTC',
    first_byte_seconds Nullable(Float64) COMMENT 'From sending to the first byte, seconds; null when none came',
    first_content_seconds Nullable(Float64) COMMENT 'From sending to the first content, seconds; null when none came',
    duration_seconds Float64 COMMENT 'From sending to the end, seconds',
    fresh_input Nullable(Int64) COMMENT 'Prompt tokens neither read from nor written to a cache; null when unknown',
    cache_read Nullable(Int64) COMMENT 'Prompt tokens read from a cache; null when unknown',
    cache_write_5m Nullable(Int64) COMMENT 'Prompt tokens written to a cache for five minutes; null when unknown',
    cache_write_1h Nullable(Int64) COMMENT 'Prompt tokens written to a cache for an hour; null when unknown',
    cache_write_other Nullable(Int64) COMMENT 'Prompt tokens written to a cache of another lifetime; null when unknown',
    output Nullable(Int64) COMMENT 'Tokens of the answer, reasoning included; null when unknown',
    reasoning Nullable(Int64) COMMENT 'Tokens of reasoning, a part of output; null when unknown',
    usage_source LowCardinality(String) COMMENT 'Who counted the tokens: reported, estimated or partial',
    cost_usd Nullable(Decimal(18, 9)) COMMENT 'Cost of this call, USD; null when a price is unknown',
    response_model LowCardinality(String) COMMENT 'Model that the provider says has answered',
    response_id String COMMENT 'Id that the provider gave the answer',
    finish_reason LowCardinality(String) COMMENT 'Why the answer ended, in the provider''s word',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC',
    INDEX request_id_index request_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, provider, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'AttemptEnded: one row per upstream call; read the view attempts';

CREATE TABLE IF NOT EXISTS ${database}.decisions_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the decision was made, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the request',
    traceparent String COMMENT 'W3C trace context of the request',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    principal String COMMENT 'Digest of the router key or provider account; never a token',
    harness LowCardinality(String) COMMENT 'Agent that sent the request',
    session String COMMENT 'Run of the agent',
    thread String COMMENT 'Growing prompt within the session',
    thread_key String COMMENT 'Digest of principal, session and thread',
    is_subagent Bool COMMENT 'Whether the thread belongs to a subagent',
    request_class LowCardinality(String) COMMENT 'main, subagent, compaction or auxiliary',
    team LowCardinality(String) COMMENT 'Tag: team, empty when not said',
    repository LowCardinality(String) COMMENT 'Tag: repository, empty when not said',
    branch String COMMENT 'Tag: branch, empty when not said',
    ticket String COMMENT 'Tag: ticket, empty when not said',
    mode LowCardinality(String) COMMENT 'How far Turnout was allowed to go',
    arm LowCardinality(String) COMMENT 'treatment or control; empty when sessions are not assigned',
    dialect LowCardinality(String) COMMENT 'Wire format of the client',
    requested_model LowCardinality(String) COMMENT 'Catalog id of what was asked for, or the client''s words',
    step_kind LowCardinality(String) COMMENT 'What the request was for',
    task_kind LowCardinality(String) COMMENT 'What the thread is about',
    prompt_tokens_estimate Int64 COMMENT 'Size of the prompt estimated from its bytes, tokens',
    head_tokens Int64 COMMENT 'Estimated size of system prompt and tools, tokens',
    message_count Int64 COMMENT 'Messages in the prompt',
    tool_count Int64 COMMENT 'Tools offered in the prompt',
    step_tool_results Int64 COMMENT 'Tool results in the newest step',
    step_tool_errors Int64 COMMENT 'Tool errors in the newest step',
    steps Int64 COMMENT 'Answered requests of the thread so far',
    incumbent LowCardinality(String) COMMENT 'Target that served the thread last, empty when none did',
    kept_share Float64 COMMENT 'Share of the last prompt that this one begins with, 0 to 1',
    is_retry Bool COMMENT 'Whether this very prompt was seen before',
    tool_errors Int64 COMMENT 'Consecutive newest steps with a tool error',
    cluster Int64 COMMENT 'Cluster of the text in the artifact, -1 when the text was not used',
    similarity Float64 COMMENT 'Cosine of the text to its cluster',
    text_skipped LowCardinality(String) COMMENT 'Why the text was not used, empty when it was',
    action LowCardinality(String) COMMENT 'stay, switch, pin, escalate or passthrough',
    reason LowCardinality(String) COMMENT 'Rule that decided',
    targets Array(LowCardinality(String)) COMMENT 'Targets in the order in which they are tried',
    model LowCardinality(String) COMMENT 'Model of the first target',
    provider LowCardinality(String) COMMENT 'Provider of the first target',
    baseline_model LowCardinality(String) COMMENT 'Model that a saving is counted against',
    proposal LowCardinality(String) COMMENT 'Target that the policy would choose if the mode let it',
    horizon_steps Float64 COMMENT 'Steps expected to remain, this one included',
    propensity Float64 COMMENT 'Chance that this target was chosen given the inputs, 0 to 1',
    draw Float64 COMMENT 'The random number that entered the decision, 0 to 1',
    warm_tokens Nullable(Float64) COMMENT 'Expected cached prompt tokens at the first target; null when it is no candidate',
    cost_now_usd Nullable(Float64) COMMENT 'Expected cost of this request at the first target, USD; null when unknown',
    cost_to_go_usd Nullable(Float64) COMMENT 'Expected cost of this request and the steps after it, USD; null when unknown',
    quality Nullable(Float64) COMMENT 'Expected chance of success at the first target, 0 to 1',
    score Nullable(Float64) COMMENT 'Value of quality less cost to go at the first target, USD; null when unknown',
    degraded Array(LowCardinality(String)) COMMENT 'Parts that were missing when the decision was made',
    catalog_digest LowCardinality(String) COMMENT 'Digest of the prices',
    artifact_digest LowCardinality(String) COMMENT 'Digest of the tables that the scorer used',
    look_seconds Float64 COMMENT 'Time to ask the tracker, seconds',
    embed_seconds Float64 COMMENT 'Time to embed the text, seconds',
    decide_seconds Float64 COMMENT 'Time of the policy itself, seconds',
    inputs_json String CODEC(ZSTD(3)) COMMENT 'Every input of the decision, as JSON; replaying it gives the same decision',
    candidates_json String CODEC(ZSTD(3)) COMMENT 'Every candidate with its arithmetic, as JSON',
    standing UInt8 DEFAULT has(degraded, 'scorer') COMMENT 'Which record of a decision stands: one made without the scorer (1) over that of a scorer that was late (0)',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC',
    INDEX request_id_index request_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ${replicated}ReplacingMergeTree(standing)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, session, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'RequestRouted: one row per decision with everything it depends on; read the view decisions';

CREATE TABLE IF NOT EXISTS ${database}.thread_switches_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the thread was served elsewhere, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the first request at the new target',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    principal String COMMENT 'Digest of the router key or provider account; never a token',
    harness LowCardinality(String) COMMENT 'Agent that sent the request',
    session String COMMENT 'Run of the agent',
    thread String COMMENT 'Growing prompt within the session',
    thread_key String COMMENT 'Digest of principal, session and thread',
    is_subagent Bool COMMENT 'Whether the thread belongs to a subagent',
    request_class LowCardinality(String) COMMENT 'main, subagent, compaction or auxiliary',
    from_target LowCardinality(String) COMMENT 'Target that served the thread before',
    to_target LowCardinality(String) COMMENT 'Target that serves it now',
    reason LowCardinality(String) COMMENT 'Rule that decided',
    step Int64 COMMENT 'Step of the thread at which it happened',
    warm_tokens_left Int64 COMMENT 'Prompt tokens that were still warm at the old target',
    prompt_tokens_estimate Int64 COMMENT 'Size of the prompt estimated from its bytes, tokens',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, session, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'ThreadSwitched: one row per change of target; read the view thread_switches';

CREATE TABLE IF NOT EXISTS ${database}.outcomes_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When it happened, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    tenant LowCardinality(String) COMMENT 'Who reported it',
    request_id String COMMENT 'Request it is about, empty when not said',
    session String COMMENT 'Session it is about, empty when not said',
    repository LowCardinality(String) COMMENT 'Repository it is about, empty when not said',
    branch String COMMENT 'Branch it is about, empty when not said',
    commit String COMMENT 'Commit it is about, empty when not said',
    kind LowCardinality(String) COMMENT 'score, label, tests, merge, revert, human_edits or abandoned',
    score Nullable(Float64) COMMENT 'Score, 0 to 1; null when it is of another kind',
    label String COMMENT 'Word of the reporter, empty when it is of another kind',
    tests_passed Nullable(Int64) COMMENT 'Tests that passed; null when it is of another kind',
    tests_failed Nullable(Int64) COMMENT 'Tests that failed; null when it is of another kind',
    lines_kept Nullable(Int64) COMMENT 'Lines of the agent still there; null when not said',
    lines_changed Nullable(Int64) COMMENT 'Lines of the agent changed by people; null when not said',
    source LowCardinality(String) COMMENT 'What reported it: ci, git, a user, ...',
    reported_by String COMMENT 'Digest of the key that reported it',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (tenant, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'OutcomeReported: what came of the work; read the view outcomes';

CREATE TABLE IF NOT EXISTS ${database}.undecodable_facts_raw ${on_cluster}
(
    event_id String COMMENT 'Stream sequence of the message and place of the fact in it',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the bus took the message, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    subject LowCardinality(String) COMMENT 'Subject of the message',
    reason String COMMENT 'Why it could not be read',
    payload String CODEC(ZSTD(3)) COMMENT 'The bytes as they came, base64',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What telemetry could not read, kept aside so that nothing waits for it';
