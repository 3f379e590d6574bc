"""The word by which a provider finds the machine that holds a session's cache.

A prompt cache lives on one machine or one server behind a provider, and some providers are told by a field or
a header which requests belong together (`Quirks.cache_field`, `cache_header`). Agents write it for the vendor
that they were made for; where a request goes elsewhere nobody does, so it is added.

Rules: what a client wrote stays; the word is a digest, so that no vendor learns another's names of sessions,
and one of the session, because threads of a session share a head.
"""

import hashlib
import json

from turnout.dialects.passthrough import AddField, splice
from turnout.policy.request import Identity
from turnout.quirks import Quirks

ADDED = "added:cache_key"
"""Among the changes of a body."""


def cache_key(identity: Identity) -> str:
    """32 hexadecimal digits."""
    said = f"{identity.principal}\n{identity.session}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def with_cache_key(body: bytes, quirks: Quirks, identity: Identity) -> bytes:
    """The very object that came in where the endpoint has no such field, or the body has it."""
    if not quirks.cache_field:
        return body
    return splice(body, (AddField(quirks.cache_field, json.dumps(cache_key(identity)).encode()),))


def cache_headers(quirks: Quirks, identity: Identity) -> tuple[tuple[str, str], ...]:
    return ((quirks.cache_header, cache_key(identity)),) if quirks.cache_header else ()
