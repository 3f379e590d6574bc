-- Tenants that have had sessions in an arm since ${since} (unix microseconds), with each mode they were in. Names
-- that no control key can hold are none of ours.
SELECT DISTINCT tenant, mode
FROM session_hours
WHERE day >= toDate(fromUnixTimestamp64Micro(${since}), 'UTC') AND last_at >= fromUnixTimestamp64Micro(${since})
    AND arm != '' AND match(tenant, '^[A-Za-z0-9_-]{1,64}$')
ORDER BY tenant, mode
