-- Which sessions cost most?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant, -- parameter: a tenant, or empty for all
    20 AS top -- parameter: how many rows
SELECT
    s.tenant AS tenant,
    s.session AS session,
    any(s.harness) AS harness,
    any(s.team) AS team,
    any(s.repository) AS repository,
    any(s.branch) AS branch,
    min(s.first_at) AS started_at,
    max(s.last_at) AS ended_at,
    sum(s.requests) AS requests,
    sum(s.cost_usd) AS cost_usd,
    sum(s.baseline_cost_usd) AS baseline_cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM session_hours AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY tenant, session
HAVING cost_usd IS NOT NULL
ORDER BY cost_usd DESC, session
LIMIT top
