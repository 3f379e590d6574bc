-- What of a cost is of no token, what of it is paid beyond a subscription, and in whose tokens the baseline is told. The tables of all shards take the
-- columns too, and the views are repeated because they keep the columns that they were made with. Placeholders as
-- in 0004.

ALTER TABLE ${database}.requests_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS fee_usd Nullable(Decimal(18, 9)) COMMENT 'Part of cost_usd that is of no token, such as the seconds of a server that is paid by the hour, USD; null where nothing is' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS paid_usd Nullable(Decimal(18, 9)) COMMENT 'What of cost_usd is paid beyond a subscription, USD: 0 where its window covers it; null when unknown' AFTER fee_usd;

-- only on a cluster
ALTER TABLE ${database}.requests_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS fee_usd Nullable(Decimal(18, 9)) COMMENT 'Part of cost_usd that is of no token, such as the seconds of a server that is paid by the hour, USD; null where nothing is' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS paid_usd Nullable(Decimal(18, 9)) COMMENT 'What of cost_usd is paid beyond a subscription, USD: 0 where its window covers it; null when unknown' AFTER fee_usd;

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS fee_usd Nullable(Decimal(18, 9)) COMMENT 'Part of cost_usd that is of no token, such as the seconds of a server that is paid by the hour, USD; null where nothing is' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS paid_usd Nullable(Decimal(18, 9)) COMMENT 'What of cost_usd is paid beyond a subscription, USD: 0 where its window covers it; null when unknown' AFTER fee_usd;

-- only on a cluster
ALTER TABLE ${database}.attempts_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS fee_usd Nullable(Decimal(18, 9)) COMMENT 'Part of cost_usd that is of no token, such as the seconds of a server that is paid by the hour, USD; null where nothing is' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS paid_usd Nullable(Decimal(18, 9)) COMMENT 'What of cost_usd is paid beyond a subscription, USD: 0 where its window covers it; null when unknown' AFTER fee_usd;

ALTER TABLE ${database}.requests_raw ${on_cluster}
    COMMENT COLUMN baseline_cost_usd 'The same text at the baseline model''s prices and in its tokens, USD; null when unknown';

-- only on a cluster
ALTER TABLE ${database}.requests_distributed ${on_cluster}
    COMMENT COLUMN baseline_cost_usd 'The same text at the baseline model''s prices and in its tokens, USD; null when unknown';

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
