-- Columns for hedges, escalations and arms; roll-ups; Distributed tables. Placeholders as in 0001, and
-- ${cluster}, its name; ${everywhere}: the suffix of the tables that hold all shards' rows, "raw" on
-- one server and "distributed" on a cluster; ${global}: "GLOBAL" on a cluster, so that the right side of
-- a join or an IN is all shards' too; on one server the word would cost a copy in memory. A statement
-- under the line "only on a cluster" is left out where there is none.
--
-- Facts that do not have a column yet give its default, which means "there was none" or "not known".

ALTER TABLE ${database}.requests_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS hedges Int32 COMMENT 'Attempts that were hedges' AFTER attempts,
    ADD COLUMN IF NOT EXISTS hedge_cost_usd Nullable(Decimal(18, 9)) COMMENT 'Cost of attempts that lost a race, a part of cost_usd, USD; null when unknown or without hedges' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS escalations Int32 COMMENT 'Times the thread has been escalated, this request included' AFTER reason,
    ADD COLUMN IF NOT EXISTS escalation_trigger LowCardinality(String) COMMENT 'Evidence on which this request was escalated; empty when it was not' AFTER escalations,
    ADD COLUMN IF NOT EXISTS request_hash UInt64 MATERIALIZED cityHash64(request_id) CODEC(NONE) COMMENT 'cityHash64 of request_id, by which many requests are found faster',
    ADD INDEX IF NOT EXISTS inserted_at_index inserted_at TYPE minmax GRANULARITY 1;

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS hedge_delay_seconds Nullable(Float64) COMMENT 'From sending the attempt before to sending this hedge, seconds; null when it is none' AFTER sent_at;

ALTER TABLE ${database}.decisions_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS idle_seconds Nullable(Float64) COMMENT 'Since the thread''s last answer, seconds; null in its first step' AFTER steps,
    ADD COLUMN IF NOT EXISTS previous_prompt_tokens Int64 COMMENT 'Size of the thread''s last prompt, tokens; 0 in its first step' AFTER idle_seconds,
    ADD COLUMN IF NOT EXISTS escalations Int32 COMMENT 'Times the thread has been escalated, this decision included' AFTER reason,
    ADD COLUMN IF NOT EXISTS escalation_trigger LowCardinality(String) COMMENT 'Evidence that called for an escalation; empty when there was none' AFTER escalations,
    ADD COLUMN IF NOT EXISTS escalation_withheld Bool COMMENT 'Whether the trigger was left alone by lot, so that the benefit can be measured' AFTER escalation_trigger;

ALTER TABLE ${database}.thread_switches_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS arm LowCardinality(String) COMMENT 'treatment or control; empty when sessions are not assigned' AFTER request_class;

-- What every session did in every hour, counted from deduplicated rows. telemetry counts an hour again
-- whenever rows of it have been inserted, and the fullest count of it stands: a redelivery changes no
-- count, and a count made after old facts were dropped does not replace an older one.

CREATE TABLE IF NOT EXISTS ${database}.session_hours_raw ${on_cluster}
(
    day Date COMMENT 'Day of the hour, UTC',
    hour DateTime('UTC') COMMENT 'Beginning of the hour in which the answers ended, UTC',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    session String COMMENT 'Run of the agent',
    harness LowCardinality(String) COMMENT 'Agent that sent the requests',
    team LowCardinality(String) COMMENT 'Tag: team, empty when not said',
    repository LowCardinality(String) COMMENT 'Tag: repository, empty when not said',
    branch String COMMENT 'Tag: branch, empty when not said',
    mode LowCardinality(String) COMMENT 'How far Turnout was allowed to go: observe or full',
    arm LowCardinality(String) COMMENT 'treatment or control; empty when sessions are not assigned',
    requested_model LowCardinality(String) COMMENT 'Model that was asked for',
    baseline_model LowCardinality(String) COMMENT 'Model that a saving is counted against',
    served_provider LowCardinality(String) COMMENT 'Provider that answered, empty when nobody did',
    served_model LowCardinality(String) COMMENT 'Model that answered, empty when nobody did',
    outcome LowCardinality(String) COMMENT 'answered, failed, rejected or cancelled',
    requests UInt64 COMMENT 'Requests; also which count of an hour stands: the fullest',
    unpriced_requests UInt64 COMMENT 'Answered requests whose cost is unknown',
    unsaved_requests UInt64 COMMENT 'Answered requests whose cost or baseline cost is unknown',
    attempts Int64 COMMENT 'Upstream calls made',
    switches UInt64 COMMENT 'Requests that were switched',
    hedges Int64 COMMENT 'Upstream calls that were hedges',
    escalations UInt64 COMMENT 'Requests that were escalated',
    fresh_input Nullable(Int64) COMMENT 'Prompt tokens neither read from nor written to a cache; null when none is known',
    cache_read Nullable(Int64) COMMENT 'Prompt tokens read from a cache; null when none is known',
    cache_write Nullable(Int64) COMMENT 'Prompt tokens written to a cache of any lifetime; null when none is known',
    input_total Nullable(Int64) COMMENT 'All prompt tokens; null when none is known',
    output Nullable(Int64) COMMENT 'Tokens of answers, reasoning included; null when none is known',
    cost_usd Nullable(Decimal(38, 9)) COMMENT 'Cost of all attempts, USD; null when none is known',
    baseline_cost_usd Nullable(Decimal(38, 9)) COMMENT 'The same tokens at the baseline models'' prices, USD; null when none is known',
    saving_usd Nullable(Decimal(38, 9)) COMMENT 'Baseline cost less cost, where both are known, USD (repriced)',
    hedge_cost_usd Nullable(Decimal(38, 9)) COMMENT 'Cost of attempts that lost a race, USD; null when none is known',
    first_at DateTime64(6, 'UTC') COMMENT 'When the first of the requests arrived, UTC',
    last_at DateTime64(6, 'UTC') COMMENT 'When the last of the answers ended, UTC',
    counted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the hour was counted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree(requests)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, hour, session, harness, team, repository, branch, mode, arm, requested_model, baseline_model, served_provider, served_model, outcome)
COMMENT 'Requests counted by session and hour; read the view session_hours';

CREATE TABLE IF NOT EXISTS ${database}.rollup_progress_raw ${on_cluster}
(
    rollup LowCardinality(String) COMMENT 'Name of the roll-up',
    covered_until DateTime64(3, 'UTC') COMMENT 'Rows inserted before this are counted in it, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree(covered_until)
ORDER BY rollup
COMMENT 'How far the roll-ups have come';

-- All shards' rows under one name. The same fact goes to the same shard whenever it is told, so that
-- what is deduplicated in a shard is deduplicated in all.

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.requests_distributed ${on_cluster}
AS ${database}.requests_raw
ENGINE = Distributed('${cluster}', ${database}, requests_raw, cityHash64(request_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.attempts_distributed ${on_cluster}
AS ${database}.attempts_raw
ENGINE = Distributed('${cluster}', ${database}, attempts_raw, cityHash64(request_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.decisions_distributed ${on_cluster}
AS ${database}.decisions_raw
ENGINE = Distributed('${cluster}', ${database}, decisions_raw, cityHash64(request_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.thread_switches_distributed ${on_cluster}
AS ${database}.thread_switches_raw
ENGINE = Distributed('${cluster}', ${database}, thread_switches_raw, cityHash64(request_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.outcomes_distributed ${on_cluster}
AS ${database}.outcomes_raw
ENGINE = Distributed('${cluster}', ${database}, outcomes_raw, cityHash64(event_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.undecodable_facts_distributed ${on_cluster}
AS ${database}.undecodable_facts_raw
ENGINE = Distributed('${cluster}', ${database}, undecodable_facts_raw, cityHash64(event_id));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.session_hours_distributed ${on_cluster}
AS ${database}.session_hours_raw
ENGINE = Distributed('${cluster}', ${database}, session_hours_raw, cityHash64(session));

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.rollup_progress_distributed ${on_cluster}
AS ${database}.rollup_progress_raw
ENGINE = Distributed('${cluster}', ${database}, rollup_progress_raw, cityHash64(rollup));

CREATE OR REPLACE VIEW ${database}.requests ${on_cluster} AS
SELECT
    *,
    request_hash,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.requests_${everywhere} FINAL;

CREATE OR REPLACE VIEW ${database}.attempts ${on_cluster} AS
SELECT
    *,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.attempts_${everywhere} FINAL;

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_${everywhere} FINAL;

CREATE OR REPLACE VIEW ${database}.thread_switches ${on_cluster} AS
SELECT * FROM ${database}.thread_switches_${everywhere} FINAL;

CREATE OR REPLACE VIEW ${database}.outcomes ${on_cluster} AS
SELECT * FROM ${database}.outcomes_${everywhere} FINAL;

CREATE OR REPLACE VIEW ${database}.undecodable_facts ${on_cluster} AS
SELECT * FROM ${database}.undecodable_facts_${everywhere} FINAL;

-- The hours that rows have come for since the roll-up was made. Two minutes more than that: an insert
-- takes its time between looking at the clock and being seen, and clocks of servers differ.
CREATE OR REPLACE VIEW ${database}.unsettled_hours ${on_cluster} AS
SELECT DISTINCT tenant, toStartOfHour(occurred_at, 'UTC')::DateTime('UTC') AS hour
FROM ${database}.requests_${everywhere}
WHERE inserted_at >=
(
    SELECT max(covered_until) - INTERVAL 2 MINUTE
    FROM ${database}.rollup_progress_${everywhere}
    WHERE rollup = 'session_hours'
);

CREATE OR REPLACE VIEW ${database}.session_hours_counted ${on_cluster} AS
SELECT
    r.day AS day,
    toStartOfHour(r.occurred_at, 'UTC')::DateTime('UTC') AS hour,
    r.tenant AS tenant,
    r.session AS session,
    r.harness AS harness,
    r.team AS team,
    r.repository AS repository,
    r.branch AS branch,
    r.mode AS mode,
    r.arm AS arm,
    r.requested_model AS requested_model,
    r.baseline_model AS baseline_model,
    r.served_provider AS served_provider,
    r.served_model AS served_model,
    r.outcome AS outcome,
    count() AS requests,
    countIf(r.outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced_requests,
    countIf(r.outcome = 'answered' AND (r.cost_usd IS NULL OR r.baseline_cost_usd IS NULL)) AS unsaved_requests,
    sum(r.attempts) AS attempts,
    countIf(r.action = 'switch') AS switches,
    sum(r.hedges) AS hedges,
    countIf(r.escalation_trigger != '') AS escalations,
    sum(r.fresh_input) AS fresh_input,
    sum(r.cache_read) AS cache_read,
    sum(r.cache_write) AS cache_write,
    sum(r.input_total) AS input_total,
    sum(r.output) AS output,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd,
    sum(r.hedge_cost_usd) AS hedge_cost_usd,
    min(r.received_at) AS first_at,
    max(r.occurred_at) AS last_at
FROM ${database}.requests AS r
GROUP BY day, hour, tenant, session, harness, team, repository, branch, mode, arm, requested_model, baseline_model, served_provider, served_model, outcome;

-- Exact at any moment: hours that have settled from the roll-up, the others from the rows themselves.
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
    AND (tenant, hour) ${global} IN (SELECT tenant, hour FROM ${database}.unsettled_hours);

CREATE OR REPLACE VIEW ${database}.requests_by_hour ${on_cluster} AS
SELECT
    s.hour AS hour,
    s.tenant AS tenant,
    s.harness AS harness,
    s.team AS team,
    s.repository AS repository,
    s.mode AS mode,
    s.arm AS arm,
    s.requested_model AS requested_model,
    s.baseline_model AS baseline_model,
    s.served_provider AS served_provider,
    s.served_model AS served_model,
    s.outcome AS outcome,
    sum(s.requests) AS requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.unsaved_requests) AS unsaved_requests,
    sum(s.attempts) AS attempts,
    sum(s.switches) AS switches,
    sum(s.hedges) AS hedges,
    sum(s.escalations) AS escalations,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.input_total) AS input_total,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd,
    sum(s.hedge_cost_usd) AS hedge_cost_usd
FROM ${database}.session_hours AS s
GROUP BY hour, tenant, harness, team, repository, mode, arm, requested_model, baseline_model, served_provider, served_model, outcome;

CREATE OR REPLACE VIEW ${database}.requests_by_day ${on_cluster} AS
SELECT
    s.day AS day,
    s.tenant AS tenant,
    s.harness AS harness,
    s.team AS team,
    s.repository AS repository,
    s.mode AS mode,
    s.arm AS arm,
    s.requested_model AS requested_model,
    s.baseline_model AS baseline_model,
    s.served_provider AS served_provider,
    s.served_model AS served_model,
    s.outcome AS outcome,
    sum(s.requests) AS requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.unsaved_requests) AS unsaved_requests,
    sum(s.attempts) AS attempts,
    sum(s.switches) AS switches,
    sum(s.hedges) AS hedges,
    sum(s.escalations) AS escalations,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.input_total) AS input_total,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd,
    sum(s.hedge_cost_usd) AS hedge_cost_usd
FROM ${database}.session_hours AS s
GROUP BY day, tenant, harness, team, repository, mode, arm, requested_model, baseline_model, served_provider, served_model, outcome;

CREATE OR REPLACE VIEW ${database}.cost_by_day ${on_cluster} AS
SELECT
    s.tenant AS tenant,
    s.day AS day,
    sum(s.requests) AS requests,
    sumIf(s.requests, s.outcome = 'answered') AS answered_requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM ${database}.session_hours AS s
GROUP BY tenant, day;

CREATE OR REPLACE VIEW ${database}.cost_by_model ${on_cluster} AS
SELECT
    s.tenant AS tenant,
    s.day AS day,
    s.served_provider AS served_provider,
    s.served_model AS served_model,
    sum(s.requests) AS requests,
    sumIf(s.requests, s.outcome = 'answered') AS answered_requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM ${database}.session_hours AS s
GROUP BY tenant, day, served_provider, served_model;

CREATE OR REPLACE VIEW ${database}.cost_by_harness ${on_cluster} AS
SELECT
    s.tenant AS tenant,
    s.day AS day,
    s.harness AS harness,
    sum(s.requests) AS requests,
    sumIf(s.requests, s.outcome = 'answered') AS answered_requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM ${database}.session_hours AS s
GROUP BY tenant, day, harness;

CREATE OR REPLACE VIEW ${database}.cost_by_session ${on_cluster} AS
SELECT
    s.tenant AS tenant,
    s.session AS session,
    any(s.harness) AS harness,
    any(s.team) AS team,
    any(s.repository) AS repository,
    any(s.branch) AS branch,
    min(s.first_at) AS started_at,
    max(s.last_at) AS ended_at,
    sum(s.requests) AS requests,
    sumIf(s.requests, s.outcome = 'answered') AS answered_requests,
    sum(s.unpriced_requests) AS unpriced_requests,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM ${database}.session_hours AS s
GROUP BY tenant, session;
