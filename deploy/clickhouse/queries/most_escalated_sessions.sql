-- Which sessions were escalated most often, and what did they cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant, -- parameter: a tenant, or empty for all
    20 AS top -- parameter: how many rows
SELECT
    s.tenant AS tenant,
    s.session AS session,
    any(s.harness) AS harness,
    any(s.repository) AS repository,
    any(s.branch) AS branch,
    sum(s.escalations) AS escalations,
    sum(s.requests) AS requests,
    sum(s.cost_usd) AS cost_usd,
    min(s.first_at) AS started_at
FROM session_hours AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY tenant, session
HAVING escalations > 0
ORDER BY escalations DESC, cost_usd DESC NULLS LAST, tenant, session
LIMIT top
