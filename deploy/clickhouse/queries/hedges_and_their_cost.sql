-- How often was a slow call raced by a second one, which won, and what did the losers cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    a.provider AS provider,
    a.model AS model,
    countIf(a.kind = 'first') AS calls,
    countIf(a.kind = 'hedge') AS hedges,
    countIf(a.kind = 'hedge' AND a.outcome = 'answered') AS hedges_won,
    hedges / nullIf(calls, 0) AS hedge_share,
    avg(a.hedge_delay_seconds) AS mean_delay_seconds,
    any(s.hedge_cost_usd) AS losers_cost_usd,
    any(s.hedge_cost_usd) / nullIf(any(s.cost_usd), 0) AS share_of_cost
FROM attempts AS a
GLOBAL LEFT JOIN
(
    SELECT
        h.served_provider AS served_provider,
        h.served_model AS served_model,
        sum(h.hedge_cost_usd) AS hedge_cost_usd,
        sum(h.cost_usd) AS cost_usd
    FROM session_hours AS h
    WHERE h.day BETWEEN since AND until AND (only_tenant = '' OR h.tenant = only_tenant)
    GROUP BY served_provider, served_model
) AS s ON s.served_provider = a.provider AND s.served_model = a.model
WHERE a.day BETWEEN since AND until AND (only_tenant = '' OR a.tenant = only_tenant)
GROUP BY provider, model
ORDER BY hedges DESC, provider, model
