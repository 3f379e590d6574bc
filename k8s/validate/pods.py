"""Pods against the code: arguments, variables, ports, probes, and what a pod may do.

Each check answers lines; a line names the file, the object, what is wrong and what would be right.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from k8s.validate import known
from k8s.validate.admission import quantity
from k8s.validate.objects import (
    Container,
    PodSpec,
    Probe,
    Thing,
    WorkloadSpec,
    of_kind,
    workloads,
)
from turnout.bus.publisher import DRAIN_SECONDS
from turnout.running import drain_seconds
from turnout.settings import BadSetting, Settings

PROVIDER_KEYS = "turnout-provider-keys"

FILE_SECRETS: Mapping[str, tuple[str, ...]] = {"turnout-grpc-tls": ("tls.crt", "tls.key", "ca.crt")}
"""Secrets that are mounted, and the files in them."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of our services as an overlay runs it, with the settings it would start with."""

    name: str
    thing: Thing
    spec: WorkloadSpec
    container: Container
    settings: Settings


def services_of(things: Sequence[Thing]) -> tuple[list[Service], list[str]]:
    """The services whose arguments and settings are right, and what is wrong with the others."""
    found: list[Service] = []
    wrong: list[str] = []
    for thing in workloads(things):
        spec = thing.spec(WorkloadSpec)
        container = spec.template.spec.containers[0]
        if container.command:
            continue
        name = container.args[0] if len(container.args) == 1 else ""
        refused = known.service_error(name)
        if refused:
            wrong.append(thing.wrong(f"args {list(container.args)} start nothing: {refused}"))
            continue
        unknown = [
            *_missing_config_maps(things, thing, container),
            *_unknown_variables(thing, container),
        ]
        wrong += unknown
        if unknown:
            continue
        try:
            told = known.settings_of(name, environment_of(things, container))
        except BadSetting as reason:
            wrong.append(_setting_line(things, thing, str(reason)))
            continue
        found.append(Service(name, thing, spec, container, told))
    running = {service.name for service in found}
    if not wrong:
        wrong += [
            f"{things[0].file if things else 'k8s/overlays'}: no workload runs `turnout run {name}`"
            for name in known.SERVICES
            if name not in running
        ]
    return found, wrong


def environment_of(things: Sequence[Thing], container: Container) -> dict[str, str]:
    """What the container's process would see; Secrets stand for themselves with samples."""
    maps = {thing.metadata.name: thing for thing in of_kind(things, "ConfigMap")}
    values: dict[str, str] = {}
    for source in container.env_from:
        if source.config_map_ref is not None and source.config_map_ref.name in maps:
            values.update(data_of(maps[source.config_map_ref.name]))
    for one in container.env:
        secret = one.value_from.secret_key_ref if one.value_from else None
        values[one.name] = known.SECRET_SAMPLES.get(one.name, "") if secret else one.value
    # The files are in a Secret; that they can be read is checked by the mounts.
    return values


def data_of(config_map: Thing) -> dict[str, str]:
    return msgspec.convert(config_map.document.get("data", {}), dict[str, str])


def _setting_line(things: Sequence[Thing], thing: Thing, reason: str) -> str:
    """The line of a wrong setting names the ConfigMap when the value is from there."""
    container = thing.spec(WorkloadSpec).template.spec.containers[0]
    read = {source.config_map_ref.name for source in container.env_from if source.config_map_ref}
    own = {one.name for one in container.env}
    for config_map in of_kind(things, "ConfigMap"):
        for name, value in data_of(config_map).items():
            if config_map.metadata.name in read and name not in own and reason.startswith(name):
                return config_map.wrong(f"{name}={value}: {reason}")
    return thing.wrong(reason)


def check_config_maps(things: Sequence[Thing]) -> Iterator[str]:
    """Keys of a ConfigMap of ours are settings."""
    for thing in of_kind(things, "ConfigMap"):
        if thing.metadata.name.startswith("turnout-settings"):
            for name in data_of(thing):
                if not known.is_variable(name):
                    yield thing.wrong(f"{name} is no setting{known.meant(name)}")


def _missing_config_maps(
    things: Sequence[Thing], thing: Thing, container: Container
) -> Iterator[str]:
    maps = {one.metadata.name: one.written_name for one in of_kind(things, "ConfigMap")}
    for source in container.env_from:
        told = source.config_map_ref
        if told is not None and told.name not in maps:
            names = sorted(maps.values())
            expected = difflib.get_close_matches(told.name, names, n=1) or names
            yield thing.wrong(f"there is no ConfigMap {told.name}; expected {', '.join(expected)}")


def _unknown_variables(thing: Thing, container: Container) -> Iterator[str]:
    for one in container.env:
        if not known.is_variable(one.name):
            yield thing.wrong(f"{one.name} is no setting{known.meant(one.name)}")
            continue
        reference = one.value_from.secret_key_ref if one.value_from else None
        if reference is not None and reference.key != one.name:
            yield thing.wrong(
                f"Secret {reference.name} has no key {reference.key}; the key of {one.name} is"
                f" {one.name}"
            )
        elif reference is not None and one.name not in known.SECRET_SAMPLES:
            yield thing.wrong(f"{one.name} is no secret; put it into the ConfigMap")
        elif reference is not None and one.name not in known.SECRETS.get(reference.name, ()):
            holder = next(name for name, keys in known.SECRETS.items() if one.name in keys)
            yield thing.wrong(f"Secret {reference.name} has no {one.name}; expected {holder}")


def check_references(things: Sequence[Thing]) -> Iterator[str]:
    """Secrets that a pod takes its environment and files from are documented."""
    for thing in workloads(things):
        pod = thing.spec(WorkloadSpec).template.spec
        for source in pod.containers[0].env_from:
            if source.secret_ref is not None and source.secret_ref.name != PROVIDER_KEYS:
                yield thing.wrong(
                    f"Secret {source.secret_ref.name} is not known; expected {PROVIDER_KEYS}"
                )
        for volume in pod.volumes:
            if volume.secret is not None and volume.secret.secret_name not in FILE_SECRETS:
                yield thing.wrong(
                    f"Secret {volume.secret.secret_name} is not known; expected"
                    f" {sorted(FILE_SECRETS)}"
                )


def check_service(service: Service) -> Iterator[str]:
    """Ports, probes, files and times of one service."""
    thing, container = service.thing, service.container
    expected = known.ports_of(service.name, service.settings)
    found = {port.name: port.container_port for port in container.ports}
    for name, (port, setting) in expected.items():
        if found.get(name) != port:
            yield thing.wrong(f"port {name} is {found.get(name)}; expected {port} ({setting})")
    for name in found.keys() - expected.keys():
        yield thing.wrong(f"port {name} is not served; expected {sorted(expected)}")
    yield from _check_probes(service, expected)
    yield from _check_files(service)
    yield from _check_times(service)


def _check_probes(service: Service, expected: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    container = service.container
    for word, probe in (
        ("startupProbe", container.startup_probe),
        ("readinessProbe", container.readiness_probe),
        ("livenessProbe", container.liveness_probe),
    ):
        reason = "is missing" if probe is None else _wrong_probe(service, probe, expected)
        if reason:
            yield service.thing.wrong(f"{word} {reason}")


def _wrong_probe(service: Service, probe: Probe, expected: Mapping[str, tuple[int, str]]) -> str:
    names = {name: port for name, (port, _) in expected.items()}
    is_tls = service.settings.tls.certificate_file is not None
    if probe.grpc is not None:
        port = names.get("grpc")
        if probe.grpc.port != port:
            return f"asks gRPC port {probe.grpc.port}; expected {port}"
        return "speaks no TLS; ask /metrics at port metrics" if is_tls else ""
    if probe.http_get is None:
        return "asks nothing; expected grpc or httpGet"
    asked = probe.http_get
    port_name = next((name for name, port in names.items() if asked.port in (name, port)), "")
    if port_name not in ("http", "metrics"):
        return f"asks port {asked.port}; expected one of {sorted(names.keys() - {'grpc'})}"
    paths = known.PROBED_PATHS if port_name == "http" else known.METRICS_PORT_PATHS
    return "" if asked.path in paths else f"asks {asked.path}; expected one of {list(paths)}"


def _check_files(service: Service) -> Iterator[str]:
    """The data directory is a volume; facts wait on one that outlives the pod."""
    thing, pod = service.thing, service.spec.template.spec
    mounts = {PurePosixPath(one.mount_path): one for one in service.container.volume_mounts}
    directory = PurePosixPath(service.settings.data_dir)
    claims = {claim.metadata.name: claim for claim in service.spec.volume_claim_templates}
    mount = mounts.get(directory)
    if mount is None:
        yield thing.wrong(f"TURNOUT_DATA_DIR={directory} is no volume; mount one there")
    elif service.name != "telemetry":
        claim = claims.get(mount.name)
        needed = service.settings.telemetry.spool_bytes
        kept = service.spec.persistent_volume_claim_retention_policy
        if claim is None:
            yield thing.wrong(f"{directory} is volume {mount.name}; expected a volumeClaimTemplate")
        elif (kept.when_deleted, kept.when_scaled) != ("Retain", "Retain"):
            yield thing.wrong(
                "persistentVolumeClaimRetentionPolicy: expected Retain: facts wait there"
            )
        elif not pod.security_context.fs_group:
            yield thing.wrong(
                f"securityContext.fsGroup is missing; else nobody may write {directory}"
            )
        elif (quantity(claim.spec.resources.requests.get("storage", 0)) or 0) <= needed:
            yield thing.wrong(
                f"claim {mount.name} holds {claim.spec.resources.requests.get('storage', 0)};"
                f" expected more than TURNOUT_TELEMETRY__SPOOL_BYTES={needed}"
            )
    volumes = {volume.name for volume in pod.volumes} | claims.keys()
    for one in service.container.volume_mounts:
        if one.name not in volumes:
            yield thing.wrong(f"volumeMount {one.name} has no volume; expected {sorted(volumes)}")
    tls = service.settings.tls
    for file in (tls.certificate_file, tls.key_file, tls.authority_file):
        if file is not None and str(file) not in set(_secret_files(service)):
            yield thing.wrong(
                f"{file} is in no volume; expected {sorted(_secret_files(service)) or 'a Secret'}"
            )


def _secret_files(service: Service) -> Iterator[str]:
    pod = service.spec.template.spec
    for mount in service.container.volume_mounts:
        for volume in pod.volumes:
            if volume.name == mount.name and volume.secret is not None:
                for name in FILE_SECRETS.get(volume.secret.secret_name, ()):
                    yield f"{mount.mount_path}/{name}"


def _check_times(service: Service) -> Iterator[str]:
    """Kubernetes waits as long as the service drains."""
    if service.name == "telemetry":
        return
    sleep = service.container.lifecycle.pre_stop
    before = sleep.sleep.seconds if sleep is not None and sleep.sleep is not None else 0
    if not before:
        yield service.thing.wrong("lifecycle.preStop.sleep is missing; callers need time to notice")
    if service.name == "ingress":
        drain = service.settings.ingress.drain_seconds
    else:
        drain = drain_seconds(known.rpc_service(service.name), service.settings)
    needed = before + drain + DRAIN_SECONDS
    granted = service.spec.template.spec.termination_grace_period_seconds
    if granted <= needed:
        yield service.thing.wrong(
            f"terminationGracePeriodSeconds is {granted}; expected more than {needed:g}"
            " (preStop, drain, spool)"
        )


def check_pod(thing: Thing) -> Iterator[str]:
    """What a pod of ours may do and must say."""
    pod = thing.spec(WorkloadSpec).template.spec
    yield from (thing.wrong(reason) for reason in _loose(pod))
    for container in pod.containers:
        if container.image.rpartition("/")[2] != known.IMAGE:
            yield thing.wrong(f"image is {container.image}; expected …/{known.IMAGE}")
        if container.command:
            served = [one.container_port for one in container.ports]
            for reason in known.simulator_errors(container.command, container.args, served):
                yield thing.wrong(reason)
        if "memory" not in container.resources.limits or "cpu" not in container.resources.requests:
            yield thing.wrong("resources: expected requests.cpu and limits.memory")


def _loose(pod: PodSpec) -> Iterator[str]:
    context = pod.security_context
    if pod.enable_service_links:
        yield "enableServiceLinks is on; expected false: its variables are no settings of ours"
    if pod.automount_service_account_token:
        yield "automountServiceAccountToken is on; expected false"
    if not context.run_as_non_root or not context.run_as_user:
        yield "securityContext: expected runAsNonRoot and a numeric runAsUser"
    if context.seccomp_profile.type != "RuntimeDefault":
        yield "securityContext.seccompProfile.type: expected RuntimeDefault"
    for container in pod.containers:
        own = container.security_context
        if not own.read_only_root_filesystem:
            yield "securityContext.readOnlyRootFilesystem: expected true"
        if own.allow_privilege_escalation:
            yield "securityContext.allowPrivilegeEscalation: expected false"
        if own.capabilities.drop != ("ALL",) or own.capabilities.add:
            yield "securityContext.capabilities: expected drop [ALL] and nothing added"
