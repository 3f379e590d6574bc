"""Where a target is, and whose credential goes there."""

import pytest

from tests.upstream_dispatcher.workbench import CATALOG
from turnout.capabilities import Dialect
from turnout.catalog.models import Endpoint
from turnout.errors import Internal, Unavailable
from turnout.ports import Credential
from turnout.upstream_dispatcher.upstreams import (
    Destination,
    Upstream,
    Upstreams,
    destination,
    split_target,
)

GATEWAY = {
    "openai": Upstream(
        endpoints=(Endpoint(dialect="openai_responses", base_url="http://o/v1", is_original=True),)
    )
}
OWN = Credential("anthropic", "X-Api-Key", "client-secret")
UPSTREAMS = Upstreams(
    {"openai": Upstream("env-secret", (Endpoint(dialect="openai_chat", base_url="http://o/v1/"),))},
    simulated_url="http://s/",
)


def resolve(target: str) -> Destination:
    return destination(
        target, client="openai_chat", catalog=CATALOG, upstreams=UPSTREAMS, credentials=(OWN,)
    )


def test_names_may_hold_slashes_and_ats() -> None:
    assert split_target("openai/ft:a/b@c@env") == ("openai", "ft:a/b@c", "env")


@pytest.mark.parametrize("target", ["", "x", "a/b", "a/b@nobody", "/b@env", "a/@env", "a@env"])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(Internal, match="provider/model@credential"):
        split_target(target)


def test_the_clients_credential_goes_out_as_it_came_to_the_providers_own_address() -> None:
    to = resolve("anthropic/claude-opus-5-5@client")
    assert to.base_url == "https://api.anthropic.com"
    assert to.auth == (("x-api-key", "client-secret"),)


@pytest.mark.parametrize(
    ("client", "value", "upstreams", "base_url"),
    [
        ("openai_responses", "Bearer eyJhbGciOi", {}, "https://chatgpt.com/backend-api/codex"),
        ("openai_responses", "Bearer sk-proj-1", {}, "https://api.openai.com/v1"),
        ("openai_chat", "Bearer eyJhbGciOi", {}, "https://api.openai.com/v1"),
        ("openai_responses", "Bearer eyJhbGciOi", GATEWAY, "http://o/v1"),
    ],
)
def test_a_chatgpt_subscription_is_taken_where_codex_goes_with_it(
    client: Dialect, value: str, upstreams: dict[str, Upstream], base_url: str
) -> None:
    """OpenAI's API takes keys alone, its gateway for ChatGPT tokens alone."""
    to = destination(
        "openai/gpt-5.5@client",
        client=client,
        catalog=CATALOG,
        upstreams=Upstreams(upstreams),
        credentials=[Credential("openai", "authorization", value)],
    )
    assert (to.base_url, to.auth) == (base_url, (("authorization", value),))
    assert to.is_ours is bool(upstreams)


def test_the_clients_credential_goes_to_nobody_else() -> None:
    with pytest.raises(Unavailable):
        resolve("openai/gpt-5.4@client")


def test_ours_comes_from_the_environment() -> None:
    to = resolve("openai/gpt-5.4@env")
    assert (to.base_url, to.auth) == ("http://o/v1", (("authorization", "Bearer env-secret"),))


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(Unavailable, match="ANTHROPIC_API_KEY"):
        resolve("anthropic/claude-opus-5-5@env")


@pytest.mark.parametrize(
    ("target", "base_url"),
    [
        ("anthropic/claude-opus-5-5@simulated", "http://s"),
        ("openai/gpt-5.4@simulated", "http://s/v1"),
    ],
)
def test_the_simulated_provider_is_told_nobodys_secret(target: str, base_url: str) -> None:
    to = resolve(target)
    assert (to.base_url, to.auth) == (base_url, (("authorization", "Bearer simulated"),))


def test_a_model_we_do_not_know_is_sent_as_asked_for() -> None:
    to = resolve("openai/openai/gpt-99[1m]@env")
    assert (to.model, to.upstream_name, to.dialect) == (None, "gpt-99", "openai_chat")


def test_secrets_are_in_no_repr() -> None:
    assert "secret" not in repr(UPSTREAMS)
    assert "secret" not in repr(resolve("anthropic/claude-opus-5-5@client"))
    assert "secret" not in repr(OWN)
