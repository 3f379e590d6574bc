from tests.learn.built import embedder_root

__all__ = ["embedder_root"]
