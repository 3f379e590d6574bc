"""Keys in every form that clients send them."""

import hashlib
from dataclasses import replace

import pytest

from turnout.capabilities import Dialect
from turnout.errors import NotAuthenticated
from turnout.ingress.callers import Caller, Door, account_of
from turnout.policy.decision import Access
from turnout.policy.request import Tags
from turnout.ports import Credential
from turnout.router_key import RouterKey

KEY = "tk_of-the-team"
ADMIN = "tk_of-the-admin"
REAL = "sk-proj-" + "a" * 60
OAUTH = "sk-ant-oat01-" + "b" * 60
JWT = "eyJ" + "d" * 60


def entry(key: str, name: str, **tags: str) -> RouterKey:
    return RouterKey(
        name=name, sha256=hashlib.sha256(key.encode()).hexdigest(), tenant="acme", **tags
    )


def keyed(*entries: RouterKey) -> Door:
    return Door(
        keys={one.sha256: one for one in entries},
        admin_keys=frozenset({"admin"}),
        environment=(Access("anthropic", "env"),),
        simulated=False,
    )


OPEN = Door(
    keys={}, admin_keys=frozenset(), environment=(Access("openai", "env"),), simulated=False
)
SIMULATED = replace(OPEN, environment=(Access("openai", "simulated"),), simulated=True)
CLOSED = keyed(entry(KEY, "team", team="core", branch="main"), entry(ADMIN, "admin"))


def admit(
    door: Door,
    headers: dict[str, str] | None = None,
    *,
    query: str = "",
    dialect: Dialect = "anthropic_messages",
) -> Caller:
    return door.admit(headers or {}, query, dialect)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-api-key": KEY}, ""),
        ({"authorization": f"Bearer {KEY}"}, ""),
        ({"authorization": f"bearer  {KEY}"}, ""),
        ({"x-goog-api-key": KEY}, ""),
        ({"x-turnout-key": KEY}, ""),
        ({}, f"key={KEY}"),
        ({}, f"beta=true&key={KEY}"),
        ({"x-api-key": f" {KEY} "}, ""),
    ],
)
def test_a_router_key_is_known_in_every_form(headers: dict[str, str], query: str) -> None:
    caller = admit(CLOSED, headers, query=query)
    assert caller.tenant == "acme"
    assert caller.access == (Access("anthropic", "env"),)
    assert caller.credentials == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "tk_wrong"},
        {"x-turnout-key": "anything"},
        {"authorization": "Bearer tk_"},
        {"x-turnout-key": "tk_wrong", "x-api-key": KEY},
    ],
)
def test_a_wrong_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated, match="not known"):
        admit(CLOSED, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"authorization": "Bearer "},
        {"authorization": "Basic dGtfeDp5"},
        {"x-api-key": REAL},
        {"authorization": f"Bearer {OAUTH}"},
    ],
)
def test_where_keys_exist_one_is_needed(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated, match="x-turnout-key"):
        admit(CLOSED, headers)


def test_a_router_key_without_keys_configured_is_an_error_not_a_password() -> None:
    with pytest.raises(NotAuthenticated):
        admit(OPEN, {"x-api-key": KEY})


def test_a_router_key_beside_the_callers_own_credential() -> None:
    caller = admit(CLOSED, {"x-turnout-key": KEY, "authorization": f"Bearer {OAUTH}"})
    assert caller.credentials == (Credential("anthropic", "authorization", f"Bearer {OAUTH}"),)
    assert caller.access == (Access("anthropic", "client"), Access("anthropic", "env"))
    assert caller.principal == admit(CLOSED, {"x-api-key": KEY}).principal


def test_a_router_key_as_api_key_beside_an_oauth_token() -> None:
    caller = admit(CLOSED, {"x-api-key": KEY, "authorization": f"Bearer {OAUTH}"})
    assert [one.header for one in caller.credentials] == ["authorization"]


@pytest.mark.parametrize(
    ("headers", "dialect", "provider"),
    [
        ({"authorization": f"Bearer {REAL}"}, "openai_chat", "openai"),
        ({"x-api-key": REAL}, "anthropic_messages", "anthropic"),
        ({"authorization": f"Bearer {OAUTH}"}, "openai_chat", "anthropic"),
        ({"authorization": f"Bearer {JWT}"}, "openai_responses", "openai"),
        ({"x-goog-api-key": "AIza" + "c" * 40}, "gemini_generate", "gcp.gemini"),
    ],
)
def test_an_own_credential_goes_to_its_own_provider_alone(
    headers: dict[str, str], dialect: Dialect, provider: str
) -> None:
    (credential,) = admit(OPEN, headers, dialect=dialect).credentials
    assert credential.provider == provider
    ((name, value),) = headers.items()
    assert (credential.header, credential.value) == (name, value)


def test_an_own_credential_comes_before_keys_of_ours() -> None:
    caller = admit(OPEN, {"authorization": f"Bearer {REAL}"}, dialect="openai_chat")
    assert caller.access == (Access("openai", "client"), Access("openai", "env"))


def test_one_account_is_one_principal_whatever_header_it_comes_in() -> None:
    bearer = admit(OPEN, {"authorization": f"Bearer {REAL}"})
    header = admit(OPEN, {"x-api-key": REAL})
    assert bearer.principal == header.principal
    assert REAL not in bearer.principal
    assert bearer.principal != admit(OPEN, {"x-api-key": REAL + "x"}).principal


def test_nobody_in_particular_is_local() -> None:
    caller = admit(OPEN)
    assert (caller.principal, caller.tenant) == ("local", "default")
    assert caller.access == (Access("openai", "env"),)


@pytest.mark.parametrize("placeholder", ["dummy", "sk-dummy", "x" * 60, "not-needed"])
def test_placeholders_are_no_credentials_under_simulation(placeholder: str) -> None:
    caller = admit(SIMULATED, {"authorization": f"Bearer {placeholder}"}, dialect="openai_chat")
    assert caller.credentials == ()
    assert caller.access == (Access("openai", "simulated"),)


@pytest.mark.parametrize("real", [REAL, JWT])
def test_a_real_key_under_simulation_goes_to_its_provider_and_nowhere_else(real: str) -> None:
    caller = admit(SIMULATED, {"authorization": f"Bearer {real}"}, dialect="openai_chat")
    assert [one.provider for one in caller.credentials] == ["openai"]
    assert caller.access == (Access("openai", "client"),)


def test_tags_come_from_headers() -> None:
    caller = admit(
        OPEN,
        {
            "x-turnout-team": "core",
            "x-turnout-repository": "acme/shop",
            "x-turnout-branch": "fix/b\xc3\xbcro",
            "x-turnout-ticket": "T" * 500,
        },
    )
    assert caller.tags == Tags(
        team="core", repository="acme/shop", branch="fix/büro", ticket="T" * 200
    )


def test_tags_that_a_key_fixes_cannot_be_changed() -> None:
    caller = admit(CLOSED, {"x-api-key": KEY, "x-turnout-team": "other", "x-turnout-ticket": "T-1"})
    assert caller.tags == Tags(team="core", branch="main", ticket="T-1")


def test_only_named_keys_administer_where_keys_exist() -> None:
    assert admit(OPEN).is_admin
    assert not admit(CLOSED, {"x-api-key": KEY}).is_admin
    assert admit(CLOSED, {"x-api-key": ADMIN}).is_admin


def test_no_repr_shows_a_secret() -> None:
    caller = admit(CLOSED, {"x-turnout-key": KEY, "authorization": f"Bearer {OAUTH}"})
    assert OAUTH not in repr(caller)
    assert KEY not in repr(caller)


def test_the_account_behind_a_rotating_token_is_what_the_harness_names() -> None:
    assert admit(OPEN, {"authorization": f"Bearer {OAUTH}"}).has_rotating_token
    assert not admit(OPEN, {"authorization": f"Bearer {REAL}"}).has_rotating_token
    assert account_of({}, '{"device_id":"d","account_uuid":"u-1"}') == "u-1"
    assert account_of({"chatgpt-account-id": "a-1"}, "") == "a-1"


@pytest.mark.parametrize("field", ["", "user-7", "{", "[1]", '{"account_uuid":null}', "{" * 5000])
def test_a_user_field_that_names_no_account(field: str) -> None:
    assert account_of({}, field) == ""
