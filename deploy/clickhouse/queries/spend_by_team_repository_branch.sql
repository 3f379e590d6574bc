-- Who is it for: what did each team, repository and branch cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant, -- parameter: a tenant, or empty for all
    20 AS top -- parameter: how many rows
SELECT
    s.team AS team,
    s.repository AS repository,
    s.branch AS branch,
    uniqExact(s.tenant, s.session) AS sessions,
    sum(s.requests) AS requests,
    sum(s.cost_usd) AS cost_usd,
    sum(s.saving_usd) AS saving_usd
FROM session_hours AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY team, repository, branch
ORDER BY cost_usd DESC NULLS LAST, team, repository, branch
LIMIT top
