-- Reads that only keep prompts cached, and what they cost among all that is spent. Placeholders as in 0004.

CREATE TABLE IF NOT EXISTS ${database}.keep_warm_reads_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the read was over, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the request whose prompt was kept',
    traceparent String COMMENT 'W3C trace context of that request',
    tenant LowCardinality(String) COMMENT 'Whose settings, mode and budget applied',
    principal String COMMENT 'Digest of the router key or provider account; never a token',
    harness LowCardinality(String) COMMENT 'Agent that sent that request',
    session String COMMENT 'Run of the agent',
    thread String COMMENT 'Growing prompt within the session',
    thread_key String COMMENT 'Digest of principal, session and thread',
    is_subagent Bool COMMENT 'Whether the thread belongs to a subagent',
    request_class LowCardinality(String) COMMENT 'Class of that request',
    team LowCardinality(String) COMMENT 'Tag: team, empty when not said',
    repository LowCardinality(String) COMMENT 'Tag: repository, empty when not said',
    branch String COMMENT 'Tag: branch, empty when not said',
    ticket String COMMENT 'Tag: ticket, empty when not said',
    mode LowCardinality(String) COMMENT 'How far Turnout was allowed to go',
    arm LowCardinality(String) COMMENT 'treatment; empty when sessions are not assigned',
    requested_model LowCardinality(String) COMMENT 'Model that that request asked for',
    baseline_model LowCardinality(String) COMMENT 'Model that a saving is counted against',
    target LowCardinality(String) COMMENT 'Where the prompt is cached',
    provider LowCardinality(String) COMMENT 'Provider of the target',
    model LowCardinality(String) COMMENT 'Model of the target',
    number Int32 COMMENT 'Place among the reads that followed that request, from 1',
    outcome LowCardinality(String) COMMENT 'answered, failed or cancelled',
    status Int32 COMMENT 'HTTP status of the provider, 0 when there was no answer',
    error LowCardinality(String) COMMENT 'Kind of error, empty when there was none',
    sent_at DateTime64(6, 'UTC') COMMENT 'When it was sent, UTC',
    duration_seconds Float64 COMMENT 'From sending to the end, seconds',
    prefix_tokens Int64 COMMENT 'What was to be found in the cache, tokens',
    is_hit Bool COMMENT 'Whether most of it was found',
    fresh_input Nullable(Int64) COMMENT 'Prompt tokens neither read from nor written to a cache; null when unknown',
    cache_read Nullable(Int64) COMMENT 'Prompt tokens read from a cache; null when unknown',
    cache_write_5m Nullable(Int64) COMMENT 'Prompt tokens written for five minutes; null when unknown',
    cache_write_1h Nullable(Int64) COMMENT 'Prompt tokens written for an hour; null when unknown',
    cache_write_other Nullable(Int64) COMMENT 'Prompt tokens written for another time; null when unknown',
    output Nullable(Int64) COMMENT 'Tokens of the answer, of which none is asked for; null when unknown',
    reasoning Nullable(Int64) COMMENT 'Part of output that is reasoning; null when unknown',
    cost_usd Nullable(Decimal(18, 9)) COMMENT 'Cost at catalog prices, USD; null when unknown',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, session, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'KeepWarmReadEnded: one row per read that only kept a prompt cached; read the view keep_warm_reads';

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.keep_warm_reads_distributed ${on_cluster}
AS ${database}.keep_warm_reads_raw
ENGINE = Distributed('${cluster}', ${database}, keep_warm_reads_raw, cityHash64(request_id));

CREATE OR REPLACE VIEW ${database}.keep_warm_reads ${on_cluster} AS
SELECT
    *,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.keep_warm_reads_${everywhere} FINAL;

-- As in 0004, and beside the requests the reads: of these the cost and the calls alone. They are no
-- requests, and their tokens would be counted as prompts that somebody has sent.
CREATE OR REPLACE VIEW ${database}.session_hours ${on_cluster} AS
SELECT
    day, hour, tenant, session,
    harness, team, repository, branch, mode,
    arm, requested_model, baseline_model, served_provider, served_model,
    outcome,
    requests, unpriced_requests, unsaved_requests, attempts, switches, hedges,
    escalations, fresh_input, cache_read, cache_write, input_total, output,
    cost_usd, baseline_cost_usd, saving_usd, hedge_cost_usd, first_at, last_at
FROM ${database}.session_hours_${everywhere} FINAL
WHERE (tenant, hour) ${global} NOT IN (SELECT tenant, hour FROM ${database}.unsettled_hours)
UNION ALL
SELECT
    day, hour, tenant, session,
    harness, team, repository, branch, mode,
    arm, requested_model, baseline_model, served_provider, served_model,
    outcome,
    requests, unpriced_requests, unsaved_requests, attempts, switches, hedges,
    escalations, fresh_input, cache_read, cache_write, input_total, output,
    cost_usd, baseline_cost_usd, saving_usd, hedge_cost_usd, first_at, last_at
FROM ${database}.session_hours_counted
WHERE day ${global} IN (SELECT toDate(hour) FROM ${database}.unsettled_hours)
    AND (tenant, hour) ${global} IN (SELECT tenant, hour FROM ${database}.unsettled_hours)
UNION ALL
SELECT
    k.day AS day,
    toStartOfHour(k.occurred_at, 'UTC')::DateTime('UTC') AS hour,
    k.tenant AS tenant,
    k.session AS session,
    k.harness AS harness,
    k.team AS team,
    k.repository AS repository,
    k.branch AS branch,
    k.mode AS mode,
    k.arm AS arm,
    k.requested_model AS requested_model,
    k.baseline_model AS baseline_model,
    k.provider AS served_provider,
    k.model AS served_model,
    k.outcome AS outcome,
    toUInt64(0) AS requests,
    countIf(k.cost_usd IS NULL) AS unpriced_requests,
    countIf(k.cost_usd IS NULL) AS unsaved_requests,
    toInt64(count()) AS attempts,
    toUInt64(0) AS switches,
    toInt64(0) AS hedges,
    toUInt64(0) AS escalations,
    CAST(NULL AS Nullable(Int64)) AS fresh_input,
    CAST(NULL AS Nullable(Int64)) AS cache_read,
    CAST(NULL AS Nullable(Int64)) AS cache_write,
    CAST(NULL AS Nullable(Int64)) AS input_total,
    CAST(NULL AS Nullable(Int64)) AS output,
    sum(k.cost_usd) AS cost_usd,
    CAST(NULL AS Nullable(Decimal(38, 9))) AS baseline_cost_usd,
    -sum(k.cost_usd) AS saving_usd,
    CAST(NULL AS Nullable(Decimal(38, 9))) AS hedge_cost_usd,
    min(k.sent_at) AS first_at,
    max(k.occurred_at) AS last_at
FROM ${database}.keep_warm_reads AS k
GROUP BY day, hour, tenant, session, harness, team, repository, branch, mode, arm, requested_model, baseline_model, served_provider, served_model, outcome;

-- What a decision says of it. The view is repeated because it keeps the columns that it was made with.

ALTER TABLE ${database}.decisions_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS keep_warm_json String COMMENT 'For which pauses reads keep the prompt cached, as JSON; empty where none do' AFTER write_lifetime;

-- only on a cluster
ALTER TABLE ${database}.decisions_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS keep_warm_json String COMMENT 'For which pauses reads keep the prompt cached, as JSON; empty where none do' AFTER write_lifetime;

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_${everywhere} FINAL;
