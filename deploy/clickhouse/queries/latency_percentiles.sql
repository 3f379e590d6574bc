-- How long do answers take, and how long until their first content, by model?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    r.served_provider AS served_provider,
    r.served_model AS served_model,
    count() AS requests,
    -- Within 1 % of the value, in memory that does not grow with the rows.
    (quantilesBFloat16(0.5, 0.95, 0.99)(r.first_content_seconds) AS first_content)[1] AS first_content_p50,
    first_content[2] AS first_content_p95,
    first_content[3] AS first_content_p99,
    (quantilesBFloat16(0.5, 0.95, 0.99)(r.duration_seconds) AS duration)[1] AS duration_p50,
    duration[2] AS duration_p95,
    duration[3] AS duration_p99,
    quantileBFloat16(0.99)(r.route_seconds) AS route_p99
FROM requests AS r
WHERE r.outcome = 'answered' AND r.day BETWEEN since AND until AND (only_tenant = '' OR r.tenant = only_tenant)
GROUP BY served_provider, served_model
ORDER BY requests DESC, served_model
