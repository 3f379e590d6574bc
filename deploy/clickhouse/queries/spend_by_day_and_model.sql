-- What did each model cost on each day, and how many tokens did it take?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.day AS day,
    s.served_provider AS served_provider,
    s.served_model AS served_model,
    sum(s.requests) AS requests,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    sum(s.unpriced_requests) AS unpriced_requests
FROM session_hours AS s
WHERE s.served_model != '' AND s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY day, served_provider, served_model
ORDER BY day DESC, cost_usd DESC, served_model
