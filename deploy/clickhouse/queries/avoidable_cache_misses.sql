-- Which prompts were in a cache within the last hour and had to be sent anew, and why?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    d.harness AS harness,
    multiIf(
        d.incumbent != '' AND d.incumbent != d.targets[1], 'served by another target',
        d.idle_seconds > 300, 'idle for over five minutes',
        'evicted or not expected'
    ) AS cause,
    count() AS misses,
    sum(toInt64(d.previous_prompt_tokens * d.kept_share - d.warm_tokens)) AS tokens_anew,
    avg(d.idle_seconds) AS mean_idle_seconds
FROM decisions AS d
WHERE
    -- The prompt begins with half of the last one at least, and half of that at least is not expected
    -- to be warm; an hour is the longest lifetime that can be bought.
    d.idle_seconds <= 3600 AND d.kept_share >= 0.5
    AND d.warm_tokens < d.previous_prompt_tokens * d.kept_share / 2
    AND d.day BETWEEN since AND until AND (only_tenant = '' OR d.tenant = only_tenant)
GROUP BY harness, cause
ORDER BY tokens_anew DESC, harness, cause
