-- What did each tenant cost, and what would its baseline models have cost (repriced)?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.tenant AS tenant,
    sum(s.requests) AS requests,
    uniqExact(s.tenant, s.session) AS sessions,
    sum(s.fresh_input) AS fresh_input,
    sum(s.cache_read) AS cache_read,
    sum(s.cache_write) AS cache_write,
    sum(s.output) AS output,
    sum(s.cost_usd) AS cost_usd,
    cost_usd / nullIf(sessions, 0) AS cost_usd_per_session,
    sum(s.saving_usd) AS saving_usd,
    sum(s.unpriced_requests) AS unpriced_requests
FROM session_hours AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY tenant
ORDER BY cost_usd DESC NULLS LAST, tenant
