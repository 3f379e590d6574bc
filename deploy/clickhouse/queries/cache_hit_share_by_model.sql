-- Which share of the prompt tokens came out of the cache, by model?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.served_provider AS served_provider,
    s.served_model AS served_model,
    sum(s.requests) AS requests,
    sum(s.input_total) AS context_tokens,
    sum(s.cache_read) AS cache_read_tokens,
    sum(s.cache_write) AS cache_write_tokens,
    cache_read_tokens / nullIf(context_tokens, 0) AS cache_hit_share
FROM session_hours AS s
WHERE s.outcome = 'answered' AND s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY served_provider, served_model
HAVING context_tokens IS NOT NULL
ORDER BY context_tokens DESC, served_model
