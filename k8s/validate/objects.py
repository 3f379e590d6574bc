"""Kubernetes objects as far as the checks read them.

Unknown fields are ignored here: the schemas judge those. Every object knows the file it comes from.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import yaml

from k8s.validate.files import Unreadable

LOADER = yaml.CSafeLoader
"""Reads as safe_load does, ten times as fast."""

HASH = re.compile(r"-[2456789bcdfghkmt]{10}$")
"""kustomize's, in its own alphabet."""

ORIGIN = "config.kubernetes.io/origin"

Quantity: TypeAlias = str | int | float
"""An amount as a manifest has it."""

T = TypeVar("T")


class Json(msgspec.Struct, frozen=True, rename="camel"):
    """What every object and part of one is: camel case, unknown fields passed over."""


class Metadata(Json, frozen=True):
    name: str
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Selector(Json, frozen=True):
    """Matches labels as a label selector does."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple["Expression", ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.match_labels.items()) and all(
            one.operator == "In" and labels.get(one.key) in one.values
            for one in self.match_expressions
        )


class Expression(Json, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class KeyRef(Json, frozen=True):
    name: str = ""
    key: str = ""
    optional: bool = False


class ValueFrom(Json, frozen=True):
    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None


class Variable(Json, frozen=True):
    name: str
    value: str = ""
    value_from: ValueFrom | None = None


class EnvFrom(Json, frozen=True):
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class ContainerPort(Json, frozen=True):
    container_port: int
    name: str = ""


class GrpcProbe(Json, frozen=True):
    port: int
    service: str = ""


class HttpProbe(Json, frozen=True):
    port: int | str
    path: str = "/"


class Probe(Json, frozen=True):
    grpc: GrpcProbe | None = None
    http_get: HttpProbe | None = None
    tcp_socket: HttpProbe | None = None


class Capabilities(Json, frozen=True):
    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()


class SeccompProfile(Json, frozen=True):
    type: str = ""


class SecurityContext(Json, frozen=True):
    run_as_non_root: bool = False
    run_as_user: int = 0
    fs_group: int = 0
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool = True
    capabilities: Capabilities = Capabilities()
    seccomp_profile: SeccompProfile = SeccompProfile()


class VolumeMount(Json, frozen=True):
    name: str
    mount_path: str
    read_only: bool = False


class Resources(Json, frozen=True):
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


class Sleep(Json, frozen=True):
    seconds: int


class PreStop(Json, frozen=True):
    sleep: Sleep | None = None


class Lifecycle(Json, frozen=True):
    pre_stop: PreStop | None = None


class Container(Json, frozen=True):
    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    security_context: SecurityContext = SecurityContext()
    volume_mounts: tuple[VolumeMount, ...] = ()
    resources: Resources = Resources()
    lifecycle: Lifecycle = Lifecycle()


class EmptyDir(Json, frozen=True):
    size_limit: Quantity = 0


class SecretVolume(Json, frozen=True):
    secret_name: str = ""


class Volume(Json, frozen=True):
    name: str
    empty_dir: EmptyDir | None = None
    secret: SecretVolume | None = None


class Spread(Json, frozen=True):
    topology_key: str
    label_selector: Selector = Selector()


class PodSpec(Json, frozen=True):
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()
    automount_service_account_token: bool = True
    enable_service_links: bool = True
    security_context: SecurityContext = SecurityContext()
    termination_grace_period_seconds: int = 30
    topology_spread_constraints: tuple[Spread, ...] = ()


class PodMetadata(Json, frozen=True):
    labels: dict[str, str] = {}


class PodTemplate(Json, frozen=True):
    spec: PodSpec
    metadata: PodMetadata = PodMetadata()


class ClaimSpec(Json, frozen=True):
    resources: Resources = Resources()


class Claim(Json, frozen=True):
    metadata: Metadata
    spec: ClaimSpec


class ClaimRetention(Json, frozen=True):
    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class WorkloadSpec(Json, frozen=True):
    template: PodTemplate
    selector: Selector
    replicas: int = 1
    service_name: str = ""
    volume_claim_templates: tuple[Claim, ...] = ()
    persistent_volume_claim_retention_policy: ClaimRetention = ClaimRetention()


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One object of an overlay."""

    file: str
    kind: str
    api_version: str
    metadata: Metadata
    document: dict[str, object]

    @property
    def written_name(self) -> str:
        """As its file has it: kustomize ends a generated name with the hash of the content."""
        name = self.metadata.name
        return HASH.sub("", name) if self.kind == "ConfigMap" else name

    def wrong(self, what: str) -> str:
        """The line that says what is wrong with it."""
        return f"{self.file}: {self.kind} {self.written_name}: {what}"

    def spec(self, shape: type[T]) -> T:
        return msgspec.convert(self.document.get("spec", {}), shape, strict=False)


def things_of(text: str, *, directory: Path, root: Path) -> list[Thing]:
    """The objects of a build. Their files are told from `directory` and named from `root`.

    Raises `Unreadable` for one whose metadata is of another form.
    """
    documents = [one for one in yaml.load_all(text, Loader=LOADER) if one]
    return [_thing(document, directory, root) for document in documents]


def _thing(document: dict[str, object], directory: Path, root: Path) -> Thing:
    file = _file_of(document, directory, root)
    kind = str(document.get("kind"))
    if not document.get("apiVersion"):
        raise Unreadable(f"{file}: {kind}: apiVersion is missing")
    try:
        metadata = msgspec.convert(document.get("metadata"), Metadata, strict=False)
    except msgspec.ValidationError as reason:
        raise Unreadable(f"{file}: {kind}: metadata: {reason}") from None
    return Thing(
        file=file,
        kind=kind,
        api_version=str(document["apiVersion"]),
        metadata=metadata,
        document=_as_applied(document),
    )


class Annotated(Json, frozen=True):
    annotations: dict[str, object] = {}


def _file_of(document: dict[str, object], directory: Path, root: Path) -> str:
    metadata = msgspec.convert(document.get("metadata"), Annotated)
    origin = yaml.safe_load(str(metadata.annotations.get(ORIGIN, ""))) or {}
    told = str(origin.get("path") or origin.get("configuredIn") or "")
    return os.path.relpath(os.path.normpath(directory / told), root)


def _as_applied(document: dict[str, object]) -> dict[str, object]:
    """Without the origin, which is there only because the checks ask for it."""
    metadata = msgspec.convert(document["metadata"], dict[str, object])
    told = msgspec.convert(metadata.get("annotations", {}), dict[str, str])
    annotations = {name: value for name, value in told.items() if name != ORIGIN}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def of_kind(things: Sequence[Thing], *kinds: str) -> list[Thing]:
    return [thing for thing in things if thing.kind in kinds]


def workloads(things: Sequence[Thing]) -> list[Thing]:
    return of_kind(things, "StatefulSet", "Deployment")
