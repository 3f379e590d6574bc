"""The artifact as services load it: the shipped file or another one, bound to the embedder.

Rules of this module: an artifact made with another embedder is refused, because its centroids
would be compared with vectors of another space and every answer would look plausible.
"""

from importlib import resources
from pathlib import Path

from turnout.catalog.catalog import Catalog
from turnout.errors import TurnoutError, Unavailable
from turnout.policy.artifact import Artifact, ArtifactInvalid, parse_artifact
from turnout.policy.decision import RoutingSettings
from turnout.policy.first_requests import first_inputs
from turnout.policy.switch import decide

VARIABLE = "TURNOUT_SCORER__ARTIFACT"
TRAIN_COMMAND = "turnout train --data DIR --out FILE"


class ArtifactRefused(Unavailable):
    """The artifact does not belong to the running embedder."""


def load_artifact(path: Path | None, *, embedder_digest: str | None) -> Artifact:
    """The artifact in `path`, or the shipped one for None; for any embedder if none is named.

    Raises `Unavailable` when it cannot be read, `ArtifactInvalid` when it is not whole and
    `ArtifactRefused` when it belongs to another embedder.
    """
    try:
        data = _shipped() if path is None else path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"The artifact {path} cannot be read: {error.strerror}; set {VARIABLE} to one that can."
        ) from error
    try:
        return bound_artifact(data, embedder_digest=embedder_digest)
    except ArtifactInvalid as reason:
        raise ArtifactInvalid(
            f"{path or 'The artifact that is shipped'} is no artifact: {reason.message.rstrip('.')};"
            f" set {VARIABLE} to a file that `turnout train` made."
        ) from reason
    except ArtifactRefused as reason:
        raise ArtifactRefused(f"{path or 'What is shipped'}: {reason.message}") from reason


def bound_artifact(data: bytes, *, embedder_digest: str | None) -> Artifact:
    """The artifact in a file's bytes. Raises `ArtifactInvalid` and `ArtifactRefused`."""
    artifact = parse_artifact(data)
    if embedder_digest not in (None, artifact.content.embedder_digest):
        raise ArtifactRefused(
            f"The artifact was trained with the embedder {artifact.content.embedder_digest}, but the"
            f" running one is {embedder_digest}. Retrain it with: {TRAIN_COMMAND}"
        )
    return artifact


def tried_artifact(
    data: bytes, *, embedder_digest: str, settings: RoutingSettings, catalog: Catalog
) -> Artifact:
    """An artifact that has decided the first requests that it holds: tables that no check finds fault
    with may still fail in every decision. Takes tens of milliseconds; raises as `bound_artifact` does.
    """
    artifact = bound_artifact(data, embedder_digest=embedder_digest)
    for one in artifact.content.first_requests:
        inputs = first_inputs(
            one, settings=settings, catalog=catalog, artifact_digest=artifact.digest
        )
        try:
            decide(inputs, catalog=catalog, tables=artifact)
        except TurnoutError:
            # Nobody can serve it here, which the tables have no part in.
            continue
        except Exception as reason:
            raise ArtifactInvalid(
                f"The artifact fails in a decision ({type(reason).__name__}). Run `turnout train`."
            ) from reason
    return artifact


def _shipped() -> bytes:
    return resources.files("turnout.scorer").joinpath("artifact.json").read_bytes()
