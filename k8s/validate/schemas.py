"""Objects against the schemas of Kubernetes and of the custom resources that are used here.

Kubernetes' own come with the package kubernetes-validate, one set for each minor version; those of
custom resources are in k8s/schemas, where README.md says whose they are.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import jsonschema
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from k8s.validate.objects import Thing

VERSIONS_CHECKED = 3
"""The newest minor versions: as many as the Kubernetes project supports at a time."""

CUSTOM = Path(__file__).parent.parent / "schemas"
SHIPPED = "kubernetes-json-schema"

Schema: TypeAlias = bool | Mapping[str, object]


@cache
def versions() -> tuple[str, ...]:
    """The newest minor versions that the installed schemas cover, oldest first."""
    found = {
        tuple(int(part) for part in matched[1].split("."))
        for entry in resources.files("kubernetes_validate").joinpath(SHIPPED).iterdir()
        if (matched := re.fullmatch(r"v(\d+\.\d+)\.\d+-local-strict", entry.name))
    }
    newest = sorted(found)[-VERSIONS_CHECKED:]
    return tuple(f"{major}.{minor}" for major, minor in newest)


def check_schemas(things: Sequence[Thing]) -> Iterator[str]:
    for thing in things:
        # As JSON, so that YAML's dates are judged as the API server gets them.
        found = _wrong(thing.api_version, thing.kind, json.dumps(thing.document, default=str))
        if found:
            yield thing.wrong(found)


@cache
def _wrong(api_version: str, kind: str, document: str) -> str:
    """The first thing that is wrong; kept, because overlays share most of their objects."""
    validators = _validators(api_version, kind)
    for name, validator in validators:
        error = best_match(validator.iter_errors(json.loads(document)))
        if error is not None:
            place = ".".join(str(part) for part in error.absolute_path) or "the object"
            return f"{place}: {error.message} ({name})"
    return "" if validators else f"no schema for {api_version} {kind} is known"


@cache
def _validators(api_version: str, kind: str) -> list[tuple[str, jsonschema.Draft202012Validator]]:
    group, _, version = api_version.rpartition("/")
    custom = CUSTOM / f"{kind.lower()}-{group}-{version}.json"
    if custom.is_file():
        return [(custom.name, jsonschema.Draft202012Validator(_read(custom)))]
    # rbac.authorization.k8s.io/v1 is rbac-v1 there.
    stem = f"{kind.lower()}-{group.partition('.')[0]}-{version}".replace("--", "-")
    return [
        (f"Kubernetes {version}", found)
        for version in versions()
        if (found := _kubernetes(version, stem)) is not None
    ]


@cache
def _kubernetes(version: str, stem: str) -> jsonschema.Draft202012Validator | None:
    directory = resources.files("kubernetes_validate").joinpath(
        SHIPPED, f"v{version}.0-local-strict"
    )
    file = directory.joinpath(f"{stem}.json")
    if not file.is_file():
        return None
    return jsonschema.Draft202012Validator(
        json.loads(file.read_text(encoding="utf-8")), registry=_definitions(version)
    )


@cache
def _definitions(version: str) -> Registry[Schema]:
    directory = resources.files("kubernetes_validate").joinpath(
        SHIPPED, f"v{version}.0-local-strict"
    )
    contents = json.loads(directory.joinpath("_definitions.json").read_text(encoding="utf-8"))
    empty: Registry[Schema] = Registry()
    resource: Resource[Schema] = Resource.from_contents(contents)
    return resource @ empty


@cache
def _read(path: Path) -> dict[str, object]:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
