"""Router keys: made here, kept only as hashes."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.ingress.callers import ROUTER_KEY_PREFIX


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is shown once, and the entry that stands for it in the settings."""

    key: str = field(repr=False)
    entry: str


def new_key(name: str, *, tenant: str, tags: Mapping[str, str]) -> NewKey:
    """256 bits from the system's source; the entry holds its SHA-256."""
    key = ROUTER_KEY_PREFIX + secrets.token_urlsafe(32)
    entry: dict[str, str] = {
        "name": name,
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "tenant": tenant,
        **{tag: value for tag, value in tags.items() if value},
    }
    return NewKey(key=key, entry=json.dumps(entry))
