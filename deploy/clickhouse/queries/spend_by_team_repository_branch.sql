-- Who is it for: what did each team, repository and branch cost?
SELECT
    team,
    repository,
    branch,
    uniqExact(tenant, session) AS sessions,
    count() AS requests,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd
FROM requests AS r
GROUP BY team, repository, branch
ORDER BY cost_usd DESC NULLS LAST, team, repository, branch
