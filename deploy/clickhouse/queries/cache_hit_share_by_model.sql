-- Which share of the prompt tokens came out of the cache, by model?
SELECT
    served_provider,
    served_model,
    count() AS requests,
    sum(r.input_total) AS context_tokens,
    sum(r.cache_read) AS cache_read_tokens,
    sum(r.cache_write) AS cache_write_tokens,
    cache_read_tokens / nullIf(context_tokens, 0) AS cache_hit_share
FROM requests AS r
WHERE outcome = 'answered' AND r.input_total IS NOT NULL
GROUP BY served_provider, served_model
ORDER BY context_tokens DESC, served_model
