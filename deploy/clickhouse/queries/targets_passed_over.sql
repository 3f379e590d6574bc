-- Which targets were not asked although they stood first, why, and what did waiting for them come to?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    arrayStringConcat(arrayPopBack(splitByChar(':', entry)), ':') AS passed_over_target,
    splitByChar(':', entry)[-1] AS reason,
    count() AS requests,
    countIf(r.outcome = 'answered') AS answered,
    sum(r.waited_seconds) AS waited
FROM requests AS r
ARRAY JOIN r.passed_over AS entry
WHERE r.day BETWEEN since AND until AND (only_tenant = '' OR r.tenant = only_tenant)
GROUP BY passed_over_target, reason
ORDER BY requests DESC, passed_over_target, reason
