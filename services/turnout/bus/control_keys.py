"""The keys of the control bucket that several services know: those of modes, settings and artifacts."""

from typing import Literal, TypeAlias

MODE_KEY = "mode."
"""The tenant follows."""

SETTINGS_KEY = "settings."
"""The tenant follows."""

ArtifactRole: TypeAlias = Literal["active", "shadow"]

ARTIFACT_KEY = "artifact."
"""The role follows."""

MOST_ARTIFACT_BYTES = 512 * 1024
"""Eight times what ships. A value is one message, of which a NATS server takes 1 MiB by default, and both
roles with their history have to leave most of the bucket to others."""
