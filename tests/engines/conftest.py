from tests.engines.fixtures import nats_url, redis_url

__all__ = ["nats_url", "redis_url"]
