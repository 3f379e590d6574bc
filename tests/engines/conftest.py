from tests.engines.fixtures import clickhouse, nats_url, redis_url

__all__ = ["clickhouse", "nats_url", "redis_url"]
