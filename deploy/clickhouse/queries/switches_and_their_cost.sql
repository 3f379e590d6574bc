-- Between which targets did threads switch, what was left warm behind, and what did the first request cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.from_target AS from_target,
    s.to_target AS to_target,
    s.reason AS reason,
    count() AS switches,
    sum(s.warm_tokens_left) AS warm_tokens_left,
    sum(r.cost_usd) AS first_request_cost_usd,
    sum(r.cache_write) AS first_request_cache_write
FROM thread_switches AS s
GLOBAL LEFT JOIN
(
    SELECT request_hash, cost_usd, cache_write
    FROM requests
    WHERE request_hash GLOBAL IN (SELECT cityHash64(request_id) FROM thread_switches)
) AS r ON r.request_hash = cityHash64(s.request_id)
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
GROUP BY from_target, to_target, reason
ORDER BY switches DESC, from_target, to_target
