-- What the prompt of a decision is written for. The table of all shards takes the column too, and the view is
-- repeated because it keeps the columns that it was made with. Placeholders as in 0004.

ALTER TABLE ${database}.decisions_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS write_lifetime LowCardinality(String) COMMENT 'What the cache breakpoints are written for: 5m, 1h, or empty as the client wrote them' AFTER propensity;

-- only on a cluster
ALTER TABLE ${database}.decisions_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS write_lifetime LowCardinality(String) COMMENT 'What the cache breakpoints are written for: 5m, 1h, or empty as the client wrote them' AFTER propensity;

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_${everywhere} FINAL;
