-- Which routing settings of tenants were changed, when and by whom?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.occurred_at AS changed_at,
    s.tenant AS tenant,
    s.name AS setting,
    s.from_value AS from_value,
    s.to_value AS to_value,
    s.source AS source,
    s.changed_by AS changed_by
FROM settings_changes AS s
WHERE s.day BETWEEN since AND until AND (only_tenant = '' OR s.tenant = only_tenant)
ORDER BY changed_at DESC, tenant, setting
LIMIT 100
