from tests.bus.conftest import nats_server
from tests.learn.built import embedder_root

__all__ = ["embedder_root", "nats_server"]
