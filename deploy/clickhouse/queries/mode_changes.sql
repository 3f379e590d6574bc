-- Which modes were changed, when, and by a person or the guardrail?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    m.occurred_at AS changed_at,
    m.tenant AS tenant,
    m.from_mode AS from_mode,
    m.to_mode AS to_mode,
    m.source AS source,
    m.changed_by AS changed_by,
    m.difference AS outcome_difference,
    m.low AS low,
    m.high AS high,
    m.treatment_sessions AS treatment_sessions,
    m.control_sessions AS control_sessions
FROM mode_changes AS m
WHERE m.day BETWEEN since AND until AND (only_tenant = '' OR m.tenant = only_tenant)
ORDER BY changed_at DESC, tenant
LIMIT 100
