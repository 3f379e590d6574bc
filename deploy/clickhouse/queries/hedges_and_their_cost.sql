-- How often was a slow call raced by a second one, which won, and what did the losers cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    t.provider AS provider,
    t.model AS model,
    sum(t.first_calls) AS calls,
    sum(t.raced) AS hedges,
    sum(t.won) AS hedges_won,
    hedges / nullIf(calls, 0) AS hedge_share,
    max(t.delay_seconds) AS mean_delay_seconds,
    max(t.losers_usd) AS losers_cost_usd,
    losers_cost_usd / nullIf(max(t.usd), 0) AS share_of_cost
FROM
(
    -- Hedges are few: counting them beside the first calls would read more columns of every call.
    SELECT
        a.provider AS provider,
        a.model AS model,
        count() AS first_calls,
        0 AS raced,
        0 AS won,
        NULL AS delay_seconds,
        NULL AS losers_usd,
        NULL AS usd
    FROM attempts AS a
    WHERE a.kind = 'first' AND a.day BETWEEN since AND until AND (only_tenant = '' OR a.tenant = only_tenant)
    GROUP BY provider, model
    UNION ALL
    SELECT
        a.provider AS provider,
        a.model AS model,
        0 AS first_calls,
        count() AS raced,
        countIf(a.outcome = 'answered') AS won,
        avg(a.hedge_delay_seconds) AS delay_seconds,
        NULL AS losers_usd,
        NULL AS usd
    FROM attempts AS a
    WHERE a.kind = 'hedge' AND a.day BETWEEN since AND until AND (only_tenant = '' OR a.tenant = only_tenant)
    GROUP BY provider, model
    UNION ALL
    SELECT
        h.served_provider AS provider,
        h.served_model AS model,
        0 AS first_calls,
        0 AS raced,
        0 AS won,
        NULL AS delay_seconds,
        sum(h.hedge_cost_usd) AS losers_usd,
        sum(h.cost_usd) AS usd
    FROM session_hours AS h
    WHERE h.served_model != '' AND h.day BETWEEN since AND until AND (only_tenant = '' OR h.tenant = only_tenant)
    GROUP BY provider, model
) AS t
GROUP BY provider, model
ORDER BY hedges DESC, provider, model
