-- What did threads escalate on, and how many triggers were left alone for comparison?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    d.escalation_trigger AS escalation_trigger,
    countIf(NOT d.escalation_withheld) AS escalated,
    countIf(d.escalation_withheld) AS withheld,
    uniqExact(d.tenant, d.session) AS sessions,
    countIf(d.escalations > 1) AS repeated,
    avg(d.steps) AS mean_step
FROM decisions AS d
WHERE d.escalation_trigger != '' AND d.day BETWEEN since AND until AND (only_tenant = '' OR d.tenant = only_tenant)
GROUP BY escalation_trigger
ORDER BY escalated DESC, escalation_trigger
