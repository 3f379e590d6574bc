-- What did keeping prompts cached cost, and how many were found again by the next request of their thread?
--
-- A prompt is found when the request after its last read finds half of it in the cache. Reads whose cost is
-- unknown were sent and broken off; they are in no sum.
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    k.day AS day,
    k.provider AS provider,
    k.model AS model,
    count() AS prompts,
    sum(k.reads) AS reads,
    sum(k.hits) AS hits,
    countIf(r.received_at > k.last_at AND r.cache_read * 2 >= k.prefix_tokens) AS found_again,
    sum(k.cost_usd) AS cost_usd,
    sum(k.unpriced_reads) AS unpriced_reads
FROM
(
    SELECT
        w.request_id AS request_id,
        any(w.thread_key) AS thread_key,
        min(w.day) AS day,
        any(w.provider) AS provider,
        any(w.model) AS model,
        count() AS reads,
        countIf(w.is_hit) AS hits,
        max(w.prefix_tokens) AS prefix_tokens,
        sum(w.cost_usd) AS cost_usd,
        countIf(w.cost_usd IS NULL) AS unpriced_reads,
        max(w.sent_at) AS last_at
    FROM keep_warm_reads AS w
    WHERE w.day BETWEEN since AND until AND (only_tenant = '' OR w.tenant = only_tenant)
    GROUP BY request_id
) AS k
GLOBAL ASOF LEFT JOIN
(
    SELECT thread_key, received_at, cache_read
    FROM requests
    WHERE thread_key GLOBAL IN (SELECT thread_key FROM keep_warm_reads WHERE day BETWEEN since AND until)
        AND request_class != 'auxiliary'
) AS r ON r.thread_key = k.thread_key AND r.received_at > k.last_at
GROUP BY day, provider, model
ORDER BY day DESC, cost_usd DESC NULLS LAST, model
