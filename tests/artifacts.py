"""Artifacts that differ from the shipped one, for tests of what follows from that."""

from dataclasses import replace

from turnout.policy.artifact import Estimate, encode_artifact
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

SHIPPED = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)


def renamed(created: str) -> bytes:
    """The same tables under another digest."""
    return encode_artifact(replace(SHIPPED.content, created=created))


def favouring(model: str) -> bytes:
    """Tables in which one model always succeeds and all others never do."""
    content = SHIPPED.content
    success = {
        kind: {
            name: Estimate(mean=0.99 if name == model else 0.01, sd=0.0, items=1_000)
            for name in content.abilities
        }
        for kind in content.kinds
    }
    return encode_artifact(replace(content, success=success, cluster_effects=()))


def foreign() -> bytes:
    """Tables that belong to another embedder."""
    return encode_artifact(replace(SHIPPED.content, embedder_digest="another"))


def damaged() -> bytes:
    """A file whose content is not what its digest says."""
    return renamed("2030-01-01").replace(b"2030-01-01", b"2030-01-02")


def failing() -> bytes:
    """A file that passes every check and fails in every decision: a lifetime has no logarithm."""
    hits = tuple(replace(curve, lifetime_seconds=0.0) for curve in SHIPPED.content.hits)
    return encode_artifact(replace(SHIPPED.content, hits=hits))
