-- What came of a tenant's sessions that began since ${since} (unix microseconds) and ran in one mode throughout.
-- Rows of the day before show those that began earlier.
SELECT s.arm AS arm, count() AS sessions, sum(w.success) AS success
FROM
(
    SELECT cityHash64(h.tenant, h.session) AS session_hash, any(h.arm) AS arm
    FROM session_hours AS h
    WHERE h.tenant = '${tenant}' AND h.arm != '' AND h.day >= toDate(fromUnixTimestamp64Micro(${since}), 'UTC') - 1
    GROUP BY session_hash
    HAVING min(h.first_at) >= fromUnixTimestamp64Micro(${since}) AND groupUniqArray(toString(h.mode)) = ['${mode}']
) AS s
GLOBAL INNER JOIN session_success AS w ON w.session_hash = s.session_hash
GROUP BY arm
