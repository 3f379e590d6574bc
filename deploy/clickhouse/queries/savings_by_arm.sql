-- What do treated sessions cost against control ones, with the 95 % interval of the ratio (measured)?
--
-- Of sessions beyond observe mode whose cost is known whole. The saving is the ratio per session, or per success
-- (view session_success) where outcomes are reported. Per request and per million prompt tokens are normalised
-- for size: a model that takes more steps for the same work looks cheap there. Intervals are of the logarithm
-- of a ratio of sums (delta method), for one look; a hundred sessions in each arm are few.
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    p.measure.2 AS usd_per,
    sumIf(p.sessions, p.arm = 'treatment') AS treatment_sessions,
    sumIf(p.sessions, p.arm = 'control') AS control_sessions,
    sumIf(p.usd_each, p.arm = 'treatment') AS treatment_usd,
    sumIf(p.usd_each, p.arm = 'control') AS control_usd,
    treatment_usd / nullIf(control_usd, 0) AS ratio,
    ratio * exp(-1.96 * sqrt(sum(p.variance))) AS ratio_low,
    ratio * exp(1.96 * sqrt(sum(p.variance))) AS ratio_high
FROM
(
    SELECT
        r.arm AS arm,
        r.measure AS measure,
        count() AS sessions,
        sum(r.usd) / nullIf(sum(r.units), 0) AS usd_each,
        -- Of the logarithm of usd_each: the squares of what each session is off it.
        (sum(r.usd * r.usd) - 2 * usd_each * sum(r.usd * r.units) + usd_each * usd_each * sum(r.units * r.units))
            * sessions / nullIf(sessions - 1, 0) / nullIf(sum(r.usd) * sum(r.usd), 0) AS variance
    FROM
    (
        SELECT
            s.arm AS arm,
            s.cost_usd AS usd,
            arrayJoin([
                (0, 'session', CAST(1 AS Nullable(Float64))),
                (1, 'request', toFloat64(s.requests)),
                (2, 'million prompt tokens', s.input_total / 1e6),
                (3, 'success', w.success)]) AS measured,
            (measured.1, measured.2) AS measure,
            measured.3 AS units
        FROM
        (
            SELECT
                cityHash64(h.tenant, h.session) AS session_hash,
                any(h.arm) AS arm,
                min(h.first_at) AS started_at,
                sum(h.requests) AS requests,
                sum(h.input_total) AS input_total,
                toFloat64(sum(h.cost_usd)) AS cost_usd
            FROM session_hours AS h
            WHERE h.arm != '' AND (only_tenant = '' OR h.tenant = only_tenant)
            GROUP BY session_hash
            HAVING countIf(h.mode = 'observe') = 0 AND sum(h.unpriced_requests) = 0
        ) AS s
        GLOBAL LEFT JOIN session_success AS w ON w.session_hash = s.session_hash
        WHERE toDate(s.started_at) BETWEEN since AND until AND s.cost_usd IS NOT NULL
    ) AS r
    WHERE r.units IS NOT NULL
    GROUP BY arm, measure
) AS p
GROUP BY p.measure
HAVING treatment_sessions > 0 AND control_sessions > 0
ORDER BY p.measure
