-- What was asked for, what served it, and what would the baseline model have cost (repriced)?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.requested_model AS requested_model,
    s.baseline_model AS baseline_model,
    s.served_model AS served_model,
    sum(s.requests) AS requests,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd,
    sum(s.unsaved_requests) AS unpriced_requests
FROM session_hours AS s
WHERE s.outcome = 'answered' AND s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY requested_model, baseline_model, served_model
ORDER BY requests DESC, requested_model, served_model
