from tests.engines.fixtures import redis_url

__all__ = ["redis_url"]
