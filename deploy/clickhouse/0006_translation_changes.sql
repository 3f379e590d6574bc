-- What of a request was changed for the target of an attempt. The table of all shards takes the column
-- too, and the view is repeated because it keeps the columns that it was made with. Placeholders as in
-- 0004.

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS changes Array(LowCardinality(String)) COMMENT 'What of the request was changed for the target: tool_name, dropped:top_k, ...; empty when it went out as it came' AFTER finish_reason;

-- only on a cluster
ALTER TABLE ${database}.attempts_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS changes Array(LowCardinality(String)) COMMENT 'What of the request was changed for the target: tool_name, dropped:top_k, ...; empty when it went out as it came' AFTER finish_reason;

CREATE OR REPLACE VIEW ${database}.attempts ${on_cluster} AS
SELECT
    *,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.attempts_${everywhere} FINAL;
