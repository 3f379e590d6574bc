-- How often does each sign of trouble come up, and how do sessions with it end against those without?
--
-- Signs as in `turnout escalation`, once a step; a request that was sent again says nothing new. Success is the
-- view session_success, of sessions of which it is known. Long sessions have more of everything, so a difference
-- here is no effect yet: what escalating is worth only threads that were left alone can tell.
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    t.told.2 AS signal,
    sum(t.told.3) AS times,
    100 * times / count() AS per_100_sessions,
    countIf(t.told.3 > 0) AS sessions_with,
    countIf(t.told.3 = 0) AS sessions_without,
    avgOrNullIf(t.success, t.told.3 > 0) AS success_with,
    avgOrNullIf(t.success, t.told.3 = 0) AS success_without,
    countIf(t.success IS NOT NULL AND t.told.3 > 0) AS known_with,
    countIf(t.success IS NOT NULL AND t.told.3 = 0) AS known_without
FROM
(
    SELECT
        arrayJoin(s.signals) AS told,
        w.success AS success
    FROM
    (
        SELECT
            cityHash64(f.tenant, f.session) AS session_hash,
            [
                (1, '1 red check', countIf(f.reds = 1)),
                (2, '2 red checks', countIf(f.reds = 2)),
                (3, '3 red checks', countIf(f.reds = 3)),
                (4, '4 red checks', countIf(f.reds = 4)),
                (5, '2 steps with a tool error', countIf(f.errors = 2)),
                (6, '3 steps with a tool error', countIf(f.errors = 3)),
                (7, '4 steps with a tool error', countIf(f.errors = 4)),
                (8, 'same call 2 times', countIf(f.call_digest != '' AND f.steps - f.called_before = 1)),
                (9, 'same call 3 times', countIf(f.call_digest != '' AND f.steps - f.called_twice_before = 2)),
                (10, '4 edits of a file in 12 calls', countIf(f.edit_digest != '' AND f.steps - f.edited_3_before < 12)),
                (11, '6 edits of a file in 12 calls', countIf(f.edit_digest != '' AND f.steps - f.edited_5_before < 12)),
                (12, 'refused answer', countIf(f.last_end = 'refused')),
                (13, 'empty answer', countIf(f.last_end = 'empty')),
                (14, 'answer cut at a limit', countIf(f.last_end = 'cut')),
                (15, 'stopped with open tasks', countIf(f.open_tasks > 0))
            ] AS signals
        FROM
        (
            SELECT
                d.tenant AS tenant,
                d.session AS session,
                d.steps AS steps,
                d.last_end AS last_end,
                d.open_tasks AS open_tasks,
                d.call_digest AS call_digest,
                d.edit_digest AS edit_digest,
                if(d.check = 'failed', d.failing_checks + 1, 0) AS reds,
                if(d.check != 'failed' AND d.step_tool_errors > 0, d.tool_errors + 1, 0) AS errors,
                lagInFrame(toNullable(d.steps), 1) OVER calls AS called_before,
                lagInFrame(toNullable(d.steps), 2) OVER calls AS called_twice_before,
                lagInFrame(toNullable(d.steps), 3) OVER edits AS edited_3_before,
                lagInFrame(toNullable(d.steps), 5) OVER edits AS edited_5_before
            FROM decisions AS d
            WHERE
                NOT d.is_retry AND d.request_class != 'auxiliary'
                AND d.day BETWEEN since AND until AND (only_tenant = '' OR d.tenant = only_tenant)
            WINDOW
                calls AS (
                    PARTITION BY d.tenant, d.thread_key, d.call_digest ORDER BY d.occurred_at
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
                edits AS (
                    PARTITION BY d.tenant, d.thread_key, d.edit_digest ORDER BY d.occurred_at
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ) AS f
        GROUP BY session_hash
    ) AS s
    GLOBAL LEFT JOIN session_success AS w ON w.session_hash = s.session_hash
) AS t
GROUP BY t.told.1, t.told.2
HAVING times > 0
ORDER BY t.told.1
