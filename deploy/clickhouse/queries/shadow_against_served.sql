-- What would the candidate artifact have done otherwise, and at what expected cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.served_artifact_digest AS served_artifact,
    s.shadow_artifact_digest AS shadow_artifact,
    s.served_proposal AS served,
    s.shadow_proposal AS shadow,
    s.agrees AS agrees,
    count() AS requests,
    uniqExact(s.session) AS sessions,
    avg(s.served_cost_now_usd) AS mean_served_cost_now_usd,
    avg(s.shadow_cost_now_usd) AS mean_shadow_cost_now_usd,
    avg(s.served_cost_to_go_usd) AS mean_served_cost_to_go_usd,
    avg(s.shadow_cost_to_go_usd) AS mean_shadow_cost_to_go_usd
FROM shadow_decisions AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY served_artifact, shadow_artifact, served, shadow, agrees
ORDER BY shadow_artifact, served_artifact, requests DESC, served, shadow
