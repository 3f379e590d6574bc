"""Who is calling and with what: keys in every form that clients send them.

A key comes as `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `?key=` or, beside a
provider's own credential, `x-turnout-key`. Keys that begin with `tk_` are ours; anything else is
the client's own credential for its own provider, goes nowhere else, and is known here only by the
digest that stands for its account.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from turnout.capabilities import Dialect
from turnout.errors import NotAuthenticated
from turnout.policy.decision import Access
from turnout.policy.identity import principal_of
from turnout.policy.request import Tags
from turnout.ports import Credential
from turnout.router_key import RouterKey

ROUTER_KEY_PREFIX = "tk_"

REAL_KEY_CHARACTERS = 40
"""Provider keys are longer than this; what is shorter is a placeholder like "dummy"."""

ROTATING_TOKENS = ("sk-ant-oat", "eyJ")
"""OAuth tokens of Claude subscriptions, and JWTs as ChatGPT's are: replaced within hours."""

_OWN_PROVIDER: dict[Dialect, str] = {
    "anthropic_messages": "anthropic",
    "openai_chat": "openai",
    "openai_responses": "openai",
    "gemini_generate": "gcp.gemini",
}

TAG_HEADERS = {
    "team": "x-turnout-team",
    "repository": "x-turnout-repository",
    "branch": "x-turnout-branch",
    "ticket": "x-turnout-ticket",
}

TAG_CHARACTERS = 200
"""Longest tag; branch names and repository paths fit."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    Attributes:
        access: providers this caller may be served by, and who pays.
        key_name: of the router key, "" without one.
        is_admin: may change modes, settings and artifacts.
        has_rotating_token: the principal stands for a token that is replaced every few hours; who
            it belongs to is only said in the request (`account_of`).

    """

    tenant: str
    principal: str
    key_name: str
    tags: Tags
    access: tuple[Access, ...]
    credentials: tuple[Credential, ...]
    is_admin: bool
    has_rotating_token: bool


@dataclass(frozen=True, slots=True)
class Door:
    """What decides who comes in; fixed at start.

    Attributes:
        keys: router keys by hash; empty means that loopback is trusted.
        environment: access by our own keys (or the simulated provider's, which needs none).
        simulated: no real provider is configured, so placeholders are no credentials.

    """

    keys: Mapping[str, RouterKey]
    admin_keys: frozenset[str]
    environment: tuple[Access, ...]
    simulated: bool

    def admit(self, headers: Mapping[str, str], query: str, dialect: Dialect) -> Caller:
        """Raises `NotAuthenticated` when a key is wrong or missing."""
        router_key, own = _sort(_keys_in(headers, query))
        known = self._known(router_key)
        bare = "" if own is None else _bare(*own)
        credential = None if own is None else self._credential(own, bare, dialect)
        access: list[Access] = []
        if credential is not None:
            access.append(Access(provider=credential.provider, credential="client"))
        # Made-up answers are for those who brought nothing to pay with: a real session must not be
        # served by them, nor fall over to them when its own provider fails.
        if credential is None or not self.simulated:
            access.extend(self.environment)
        if known is not None:
            principal = principal_of(known.sha256)
        elif credential is not None:
            # One account, whichever header its key comes in.
            principal = principal_of(bare)
        else:
            principal = "local"
        return Caller(
            tenant="default" if known is None else known.tenant,
            principal=principal,
            key_name="" if known is None else known.name,
            tags=_tags(headers, Tags() if known is None else known.tags),
            access=tuple(access),
            credentials=() if credential is None else (credential,),
            is_admin=not self.keys or (known is not None and known.name in self.admin_keys),
            has_rotating_token=known is None and bare.startswith(ROTATING_TOKENS),
        )

    def _known(self, router_key: str | None) -> RouterKey | None:
        if router_key is None:
            if not self.keys:
                return None
            raise NotAuthenticated(
                "A router key is needed: send one (tk_...) as the API key, or as x-turnout-key"
                " beside your own provider credential."
            )
        known = self.keys.get(hashlib.sha256(router_key.encode()).hexdigest())
        if known is None:
            raise NotAuthenticated(
                "This router key is not known here; `turnout keys new` makes one."
            )
        return known

    def _credential(self, own: tuple[str, str], bare: str, dialect: Dialect) -> Credential | None:
        """The client's own credential with the provider that it belongs to."""
        header, value = own
        if bare.startswith("sk-ant-"):
            return Credential(provider="anthropic", header=header, value=value)
        if self.simulated and not (
            len(bare) >= REAL_KEY_CHARACTERS and bare.startswith(("sk-", "eyJ", "AIza"))
        ):
            return None
        return Credential(provider=_OWN_PROVIDER[dialect], header=header, value=value)


def _keys_in(headers: Mapping[str, str], query: str) -> list[tuple[str, str]]:
    """Keys with the header that they go out in; the dedicated header first."""
    found: list[tuple[str, str]] = []
    for name in ("x-turnout-key", "x-api-key", "x-goog-api-key"):
        value = headers.get(name)
        if value:
            found.append((name, value.strip()))
    bearer = headers.get("authorization")
    if bearer and bearer[:7].lower() == "bearer " and bearer[7:].strip():
        found.append(("authorization", bearer))
    if "key=" in query:
        found.extend(("x-goog-api-key", value) for name, value in parse_qsl(query) if name == "key")
    return found


def _sort(keys: list[tuple[str, str]]) -> tuple[str | None, tuple[str, str] | None]:
    """The router key and the client's own credential among what was sent."""
    router_key: str | None = None
    own: tuple[str, str] | None = None
    for header, value in keys:
        bare = _bare(header, value)
        if header == "x-turnout-key" or bare.startswith(ROUTER_KEY_PREFIX):
            router_key = router_key or bare
        elif own is None:
            own = (header, value)
    return router_key, own


def _bare(header: str, value: str) -> str:
    return value[len("Bearer ") :].strip() if header == "authorization" else value


class _ClaudeUser(msgspec.Struct):
    account_uuid: str | None = None


def account_of(headers: Mapping[str, str], user_field: str) -> str:
    """The account behind a subscription's token as the harness names it; "" when it does not.

    Codex sends a header, Claude Code a JSON object inside `metadata.user_id`.
    """
    named = headers.get("chatgpt-account-id", "")
    if named or not user_field.startswith("{"):
        return named
    try:
        return msgspec.json.decode(user_field, type=_ClaudeUser).account_uuid or ""
    except (msgspec.MsgspecError, RecursionError):
        return ""


def _tags(headers: Mapping[str, str], fixed: Tags) -> Tags:
    """Tags from headers; where the key fixes one, the key wins."""
    sent = {field: _text(headers[name]) for field, name in TAG_HEADERS.items() if name in headers}
    if not sent:
        return fixed
    return Tags(
        team=fixed.team or sent.get("team", ""),
        repository=fixed.repository or sent.get("repository", ""),
        branch=fixed.branch or sent.get("branch", ""),
        ticket=fixed.ticket or sent.get("ticket", ""),
    )


def _text(header: str) -> str:
    """A header as what its bytes mean: agents send branch names in UTF-8."""
    with suppress(UnicodeDecodeError):
        header = header.encode("latin-1").decode()
    return header[:TAG_CHARACTERS]
