"""One overlay: built, read, and put through every check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from k8s.validate import network, places, pods, scaling
from k8s.validate.admission import check_admission
from k8s.validate.files import Unreadable
from k8s.validate.kubectl import build
from k8s.validate.objects import Thing, things_of, workloads
from k8s.validate.policies import check_policies
from k8s.validate.schemas import check_schemas


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one overlay."""

    name: str
    objects: int
    wrong: tuple[str, ...]


def overlays(root: Path) -> list[Path]:
    """Everything that somebody may apply."""
    return sorted(path.parent for path in (root / "k8s/overlays").glob("*/kustomization.yaml"))


def check_overlay(kustomization: Path, *, root: Path, binary: Path) -> Report:
    """Raises `BuildFailed` when it cannot even be built."""
    built = build(kustomization, root=root, binary=binary)
    name = str(kustomization.relative_to(root))
    try:
        things = things_of(built.text, directory=built.directory, root=root)
    except Unreadable as reason:
        return Report(name=name, objects=0, wrong=(str(reason),))
    wrong = list(check_schemas(things))
    if not wrong:
        try:
            wrong = list(check_admission(things)) or [
                *places.check_patches(kustomization, things, root),
                *check_things(things, root=root),
            ]
        except Unreadable as reason:
            wrong = [str(reason)]
        except msgspec.ValidationError as reason:
            wrong = [f"{name}: {reason}"]
    return Report(name=name, objects=len(things), wrong=tuple(wrong))


def check_things(things: Sequence[Thing], *, root: Path) -> Iterator[str]:
    """What the schemas cannot know."""
    if misplaced := list(places.check_namespaces(things)):
        # Nothing here finds what is in another namespace.
        yield from misplaced
        return
    charts = network.charts_of(root)
    misnamed = list(pods.check_config_maps(things))
    # What the services would start with only follows from names that are no settings.
    services, wrong = ([], misnamed) if misnamed else pods.services_of(things)
    yield from wrong
    yield from pods.check_references(things)
    for thing in workloads(things):
        yield from pods.check_pod(thing)
    for service in services:
        yield from pods.check_service(service)
    yield from scaling.check_selectors(things)
    yield from network.check_services(things)
    yield from scaling.check_autoscalers(things, root)
    yield from scaling.check_adapter(root, charts)
    yield from scaling.check_monitors(things)
    yield from scaling.check_dashboards(things, root / "deploy/grafana/dashboards", root)
    if wrong:
        # The rest is judged by the settings of all services.
        return
    yield from network.check_addresses(services, things, charts)
    yield from network.check_route(services, things)
    yield from check_policies(services, things, charts)
