"""Where things are: one namespace that exists, and patches that reach what they are written for."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from k8s.validate.files import shaped
from k8s.validate.objects import Thing, of_kind

CLUSTER_WIDE = ("Namespace", "GatewayClass")
"""Kinds of ours that are in no namespace."""


class Target(msgspec.Struct, frozen=True):
    kind: str = ".*"
    name: str = ".*"


class Patch(msgspec.Struct, frozen=True):
    target: Target | None = None


class Kustomization(msgspec.Struct, frozen=True):
    resources: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()


def check_namespaces(things: Sequence[Thing]) -> Iterator[str]:
    """Names and selectors reach no other namespace, so that everything is in one."""
    made = sorted(thing.metadata.name for thing in of_kind(things, "Namespace"))
    for thing in things:
        if thing.kind not in CLUSTER_WIDE and [thing.metadata.namespace] != made:
            yield thing.wrong(f"namespace is {thing.metadata.namespace!r}; expected {made}")


def check_patches(directory: Path, things: Sequence[Thing], root: Path) -> Iterator[str]:
    """kustomize passes over a patch whose target is nothing; each word of a target names something."""
    file = str((directory / "kustomization.yaml").relative_to(root))
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
