"""Artifacts that differ from the shipped one, for tests of what follows from that."""

from dataclasses import replace

from msgspec.structs import replace as replaced

from turnout.bus.board import Board
from turnout.bus.control_keys import SETTINGS_KEY
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.policy.arms import NO_EXPERIMENT
from turnout.policy.artifact import Estimate, encode_artifact
from turnout.policy.decision import RoutingSettings
from turnout.policy.tenant import TenantRouting
from turnout.routing_section import Routing
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.tenant_settings import TenantSettings

CATALOG = parse_catalog(snapshot_bytes())
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


def finding(share: float) -> bytes:
    """Tables in which this share of a prompt is found again, at every provider and after any gap."""
    hits = tuple(
        replace(curve, shares=tuple(share for _ in curve.shares)) for curve in SHIPPED.content.hits
    )
    return encode_artifact(replace(SHIPPED.content, hits=hits))


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


def undialled(settings: RoutingSettings, bias: float | None) -> RoutingSettings:
    """Shows a place of the dial as the value itself."""
    return settings if bias is None else replaced(settings, value_usd=bias)


def tenants(settings: RoutingSettings) -> Board[TenantRouting]:
    """Tenants over settings of a test."""
    return Board(
        SETTINGS_KEY,
        TenantRouting(settings, None, NO_EXPERIMENT),
        TenantSettings(Routing(), CATALOG).read,
    )
