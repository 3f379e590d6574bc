-- How often did each rule decide, and how long did deciding take?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    d.action AS action,
    d.reason AS reason,
    d.mode AS mode,
    count() AS decisions,
    uniqCombined(d.thread_key) AS threads,
    avg(d.propensity) AS mean_propensity,
    quantileBFloat16(0.99)(d.look_seconds + d.embed_seconds + d.decide_seconds) AS p99_seconds
FROM decisions AS d
WHERE d.day BETWEEN since AND until AND (only_tenant = '' OR d.tenant = only_tenant)
GROUP BY action, reason, mode
ORDER BY decisions DESC, action, reason
