-- What people query: deduplicated rows, and costs over them. A view is replaced as a whole, so a later
-- migration that adds a column repeats the view.

CREATE OR REPLACE VIEW ${database}.requests ${on_cluster} AS
SELECT
    *,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.requests_raw FINAL;

CREATE OR REPLACE VIEW ${database}.attempts ${on_cluster} AS
SELECT
    *,
    cache_write_5m + cache_write_1h + cache_write_other AS cache_write,
    fresh_input + cache_read + cache_write AS input_total
FROM ${database}.attempts_raw FINAL;

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_raw FINAL;

CREATE OR REPLACE VIEW ${database}.thread_switches ${on_cluster} AS
SELECT * FROM ${database}.thread_switches_raw FINAL;

CREATE OR REPLACE VIEW ${database}.outcomes ${on_cluster} AS
SELECT * FROM ${database}.outcomes_raw FINAL;

CREATE OR REPLACE VIEW ${database}.undecodable_facts ${on_cluster} AS
SELECT * FROM ${database}.undecodable_facts_raw FINAL;

-- Costs: cost_usd sums what is known, unpriced_requests counts answers whose cost is not. saving_usd is
-- repriced: the same tokens at the baseline's prices, over requests where both prices are known.

CREATE OR REPLACE VIEW ${database}.cost_by_day ${on_cluster} AS
SELECT
    tenant,
    day,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    countIf(outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced_requests,
    sum(r.fresh_input) AS fresh_input,
    sum(r.cache_read) AS cache_read,
    sum(r.cache_write) AS cache_write,
    sum(r.output) AS output,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd
FROM ${database}.requests AS r
GROUP BY tenant, day;

CREATE OR REPLACE VIEW ${database}.cost_by_model ${on_cluster} AS
SELECT
    tenant,
    day,
    served_provider,
    served_model,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    countIf(outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced_requests,
    sum(r.fresh_input) AS fresh_input,
    sum(r.cache_read) AS cache_read,
    sum(r.cache_write) AS cache_write,
    sum(r.output) AS output,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd
FROM ${database}.requests AS r
GROUP BY tenant, day, served_provider, served_model;

CREATE OR REPLACE VIEW ${database}.cost_by_harness ${on_cluster} AS
SELECT
    tenant,
    day,
    harness,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    countIf(outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced_requests,
    sum(r.fresh_input) AS fresh_input,
    sum(r.cache_read) AS cache_read,
    sum(r.cache_write) AS cache_write,
    sum(r.output) AS output,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd
FROM ${database}.requests AS r
GROUP BY tenant, day, harness;

CREATE OR REPLACE VIEW ${database}.cost_by_session ${on_cluster} AS
SELECT
    tenant,
    session,
    any(r.harness) AS harness,
    any(r.team) AS team,
    any(r.repository) AS repository,
    any(r.branch) AS branch,
    min(received_at) AS started_at,
    max(occurred_at) AS ended_at,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    countIf(outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced_requests,
    sum(r.fresh_input) AS fresh_input,
    sum(r.cache_read) AS cache_read,
    sum(r.cache_write) AS cache_write,
    sum(r.output) AS output,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd
FROM ${database}.requests AS r
GROUP BY tenant, session;
