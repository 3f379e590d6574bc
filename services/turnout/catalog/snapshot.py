"""The snapshot file: the catalog's content as JSON bytes and back.

Rules of this module: decode then encode is the identity on bytes that `encode_snapshot` wrote, so
the digest of the content is the digest of those bytes; one provider or model a line, sorted, with
defaults left out, so that a refresh shows as a readable difference.
"""

from dataclasses import MISSING, dataclass, fields, is_dataclass

import msgspec
from typing_extensions import TypeIs

from turnout.catalog.models import Model, Provider
from turnout.errors import InvalidRequest

FORMAT = 2
"""Version of the file; raised when an older reader could misread it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The content of the file. `source` credits where the prices come from."""

    format: int
    source: str
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]


def parse_snapshot(data: bytes) -> Snapshot:
    """Read a snapshot. Raises `InvalidRequest` naming the offending field."""
    try:
        snapshot = msgspec.json.decode(data, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"The catalog snapshot cannot be read: {error}.") from error
    if snapshot.format != FORMAT:
        raise InvalidRequest(
            f"The catalog snapshot has format {snapshot.format}; this version reads {FORMAT}."
        )
    return snapshot


def encode_snapshot(
    *, source: str, providers: tuple[Provider, ...], models: tuple[Model, ...]
) -> bytes:
    """Write a snapshot; the same content always gives the same bytes."""
    provider_lines = [_line(provider) for provider in sorted(providers, key=lambda p: p.name)]
    model_lines = [_line(model) for model in sorted(models, key=lambda m: (m.provider, m.id))]
    head = msgspec.json.encode({"format": FORMAT, "source": source})[:-1]
    return b"".join(
        (
            head,
            b',\n"providers":[\n',
            b",\n".join(provider_lines),
            b'\n],\n"models":[\n',
            b",\n".join(model_lines),
            b"\n]}\n",
        )
    )


def _line(value: Provider | Model) -> bytes:
    return msgspec.json.encode(_sparse(value))


def _sparse(value: object) -> object:
    """Dataclasses as dicts without the fields that hold their default."""
    if is_dataclass(value) and not isinstance(value, type):
        sparse: dict[str, object] = {}
        for field in fields(value):
            item: object = getattr(value, field.name)
            if field.default is MISSING or item != field.default:
                sparse[field.name] = _sparse(item)
        return sparse
    if _is_tuple(value):
        return [_sparse(item) for item in value]
    return value


def _is_tuple(value: object) -> TypeIs[tuple[object, ...]]:
    return isinstance(value, tuple)
