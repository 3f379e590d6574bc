-- What did the latest hours cost, and what would the baseline models have cost (repriced)?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant, -- parameter: a tenant, or empty for all
    20 AS top -- parameter: how many rows
SELECT
    s.hour AS hour,
    sum(s.requests) AS requests,
    uniqExact(s.tenant, s.session) AS sessions,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM session_hours AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY hour
ORDER BY hour DESC
LIMIT top
