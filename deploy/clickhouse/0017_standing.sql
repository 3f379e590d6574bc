-- Who was not asked and why, what was waited for and by which sum; which of our changes a refusal is about. The tables of all
-- shards take the columns too, and the views are repeated because they keep the columns that they were made with.
-- Placeholders as in 0004.

ALTER TABLE ${database}.requests_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS passed_over Array(LowCardinality(String)) COMMENT 'What was passed over before the target that was asked, or where none was, with the reason: anthropic/claude-opus-5-5@env:throttled (failing, throttled, at_its_limit); empty where none was' AFTER not_hedged,
    ADD COLUMN IF NOT EXISTS waited_seconds Float64 COMMENT 'Waited for a target that had said when to come back, seconds' AFTER passed_over,
    ADD COLUMN IF NOT EXISTS move_usd Nullable(Float64) COMMENT 'What moving from the target decided on, which throttled, was expected to cost more over the rest of the thread, USD; null where that was not asked, or has no price' AFTER waited_seconds,
    ADD COLUMN IF NOT EXISTS wait_usd Nullable(Float64) COMMENT 'What the wait for that target was worth to the tenant, USD; it was waited for where this was less than move_usd and the wait short' AFTER move_usd;

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS suspect LowCardinality(String) COMMENT 'What of changes a refusal most likely is about, by the field that it names; several words by commas; empty where nothing was refused or it cannot be told' AFTER changes;

-- only on a cluster
ALTER TABLE ${database}.requests_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS passed_over Array(LowCardinality(String)) COMMENT 'What was passed over before the target that was asked, or where none was, with the reason: anthropic/claude-opus-5-5@env:throttled (failing, throttled, at_its_limit); empty where none was' AFTER not_hedged,
    ADD COLUMN IF NOT EXISTS waited_seconds Float64 COMMENT 'Waited for a target that had said when to come back, seconds' AFTER passed_over,
    ADD COLUMN IF NOT EXISTS move_usd Nullable(Float64) COMMENT 'What moving from the target decided on, which throttled, was expected to cost more over the rest of the thread, USD; null where that was not asked, or has no price' AFTER waited_seconds,
    ADD COLUMN IF NOT EXISTS wait_usd Nullable(Float64) COMMENT 'What the wait for that target was worth to the tenant, USD; it was waited for where this was less than move_usd and the wait short' AFTER move_usd;

-- only on a cluster
ALTER TABLE ${database}.attempts_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS suspect LowCardinality(String) COMMENT 'What of changes a refusal most likely is about, by the field that it names; several words by commas; empty where nothing was refused or it cannot be told' AFTER changes;

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
