-- What may providers have refused because of what was changed for them?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    suspect AS changed,
    a.target AS refused_by,
    count() AS refusals,
    uniqExact(a.request_id) AS requests,
    max(a.occurred_at) AS newest
FROM attempts AS a
ARRAY JOIN splitByChar(',', toString(a.suspect)) AS suspect
WHERE a.suspect != '' AND a.day BETWEEN since AND until AND (only_tenant = '' OR a.tenant = only_tenant)
GROUP BY changed, refused_by
ORDER BY refusals DESC, changed, refused_by
