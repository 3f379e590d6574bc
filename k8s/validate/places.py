"""Where things are: files that are named exist, one namespace that exists, and patches that reach
what they are written for.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from k8s.validate.files import documents_of, shaped, text_of, until_unreadable
from k8s.validate.objects import Thing, of_kind

CLUSTER_WIDE = ("Namespace", "GatewayClass")
"""Kinds of ours that are in no namespace."""


class Target(msgspec.Struct, frozen=True):
    kind: str = ".*"
    name: str = ".*"


class Patch(msgspec.Struct, frozen=True):
    target: Target | None = None
    path: str = ""


class Generator(msgspec.Struct, frozen=True):
    envs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Kustomization(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = "Kustomization"
    resources: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    config_map_generator: tuple[Generator, ...] = ()

    @property
    def files(self) -> list[str]:
        """What it names beside itself."""
        patches = [patch.path for patch in self.patches if patch.path]
        generated = [
            name.rpartition("=")[2]
            for one in self.config_map_generator
            for name in (*one.envs, *one.files)
        ]
        return [*self.resources, *self.components, *patches, *generated]


KUSTOMIZATION = "kustomization.yaml"
CHECKED = ("k8s", "deploy")
SUFFIXES = (".yaml", ".yml")
MANIFESTS = ("k8s/base", "k8s/components", "k8s/overlays")


def check_files(root: Path) -> Iterator[str]:
    """What kubectl would say too, with the cause behind every directory that it came through."""
    for directory in CHECKED:
        for path in sorted((root / directory).rglob("*")):
            if path.suffix in SUFFIXES:
                file = str(path.relative_to(root))
                yield from until_unreadable(_wrong_file(root, file))


def _wrong_file(root: Path, file: str) -> Iterator[str]:
    documents = documents_of(root, file)
    directory = (root / file).parent
    if not file.endswith(f"/{KUSTOMIZATION}"):
        if file.startswith(MANIFESTS) and not any(documents):
            yield f"{file}: it is empty"
        return
    told = shaped(root, file, Kustomization)
    lines = text_of(root, file).splitlines()
    for name in told.files:
        if not (directory / name).exists():
            at = next((at for at, line in enumerate(lines, 1) if line.endswith(name)), 1)
            yield f"{file}:{at}: there is no {name}"
        elif (directory / name).is_dir() and not (directory / name / KUSTOMIZATION).is_file():
            yield f"{file}: {name} has no {KUSTOMIZATION}"
    if told.kind == "Kustomization" and not told.resources and not told.config_map_generator:
        yield f"{file}: it has no resources; expected the manifests that it builds"


def check_namespaces(things: Sequence[Thing]) -> Iterator[str]:
    """Names and selectors reach no other namespace, so that everything is in one."""
    made = sorted(thing.metadata.name for thing in of_kind(things, "Namespace"))
    for thing in things:
        if thing.kind not in CLUSTER_WIDE and [thing.metadata.namespace] != made:
            yield thing.wrong(f"namespace is {thing.metadata.namespace!r}; expected {made}")


def check_patches(directory: Path, things: Sequence[Thing], root: Path) -> Iterator[str]:
    """kustomize passes over a patch whose target is nothing; each word of a target names something."""
    file = str((directory / KUSTOMIZATION).relative_to(root))
    told = shaped(root, file, Kustomization)
    for other in (*told.resources, *told.components):
        if (directory / other).is_dir():
            yield from check_patches((directory / other).resolve(), things, root)
    for patch in told.patches:
        if patch.target is None:
            continue
        told_kind, told_name = patch.target.kind, patch.target.name
        for kind, name in [
            *((kind, told_name) for kind in alternatives(told_kind)),
            *((told_kind, name) for name in alternatives(told_name)),
        ]:
            if not any(
                re.fullmatch(kind, one.kind) and re.fullmatch(name, one.metadata.name)
                for one in things
            ):
                yield f"{file}: a patch has target {kind} {name}, which is nothing here"


def alternatives(pattern: str) -> list[str]:
    """`a-(b|c)` as `a-b` and `a-c`, and `a|b` as both."""
    matched = re.fullmatch(r"(.*)\((.*)\)(.*)", pattern)
    if matched is None:
        return pattern.split("|")
    return [f"{matched[1]}{one}{matched[3]}" for one in matched[2].split("|")]
