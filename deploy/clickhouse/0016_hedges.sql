-- Why a silent call was not raced, and the outcome of one that lost a race. The tables of all shards take the column too, and
-- the view is repeated because it keeps the columns that it was made with. Placeholders as in 0004.

ALTER TABLE ${database}.requests_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS not_hedged LowCardinality(String) COMMENT 'Why a silent call was not raced by a second one: failing, throttled, at_its_limit, price_unknown, no_requests_left, no_dollars_left, nobody; empty where none was considered, or one was' AFTER hedges;

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    COMMENT COLUMN outcome 'answered, failed, rejected (the provider found the request wrong or too long), cancelled or lost (another attempt had content first)';

-- only on a cluster
ALTER TABLE ${database}.requests_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS not_hedged LowCardinality(String) COMMENT 'Why a silent call was not raced by a second one: failing, throttled, at_its_limit, price_unknown, no_requests_left, no_dollars_left, nobody; empty where none was considered, or one was' AFTER hedges;

-- only on a cluster
ALTER TABLE ${database}.attempts_distributed ${on_cluster}
    COMMENT COLUMN outcome 'answered, failed, rejected (the provider found the request wrong or too long), cancelled or lost (another attempt had content first)';

CREATE OR REPLACE VIEW ${database}.requests ${on_cluster} AS
SELECT
    *,
    request_hash,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.requests_${everywhere} FINAL;
