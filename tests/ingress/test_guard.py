"""Host and Origin: what a web page can and cannot send."""

import pytest

from turnout.errors import NotAllowed
from turnout.ingress.guard import Guard, guard_for

LOCAL = guard_for(is_loopback=True, hosts=("Router.Lan",), origins=("https://console.example",))
PUBLIC = guard_for(is_loopback=False, hosts=(), origins=("https://console.example",))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost",
        "localhost:8080",
        "LOCALHOST:8080",
        "[::1]",
        "[::1]:8080",
        "router.lan",
        "router.lan:443",
    ],
)
def test_loopback_names_and_named_hosts_are_served(host: str) -> None:
    LOCAL.check(host=host, origin="")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8080",
        "evil.example:127.0.0.1",
        "[::2]:8080",
        "[::1",
        "0.0.0.0:8080",
        "127.0.0.1, evil.example",
    ],
)
def test_a_name_that_is_rebound_to_loopback_is_refused(host: str) -> None:
    with pytest.raises(NotAllowed, match="TURNOUT_INGRESS__ALLOWED_HOSTS"):
        LOCAL.check(host=host, origin="")


@pytest.mark.parametrize("host", ["router.example", "10.0.0.7:8080", ""])
def test_beyond_loopback_the_gateway_in_front_owns_the_name(host: str) -> None:
    PUBLIC.check(host=host, origin="")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://console.example",
    ],
)
def test_pages_of_this_machine_and_named_pages_are_served(origin: str) -> None:
    LOCAL.check(host="127.0.0.1:8080", origin=origin)


FOREIGN = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://127.0.0.1@evil.example",
    "http://console.example",
    "https://console.example:444",
    "null",
    "file://",
    "http://[::1",
    "http://localhost, https://evil.example",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("guard", [LOCAL, PUBLIC], ids=["loopback", "public"])
def test_foreign_pages_are_refused(guard: Guard, origin: str) -> None:
    with pytest.raises(NotAllowed, match="TURNOUT_INGRESS__ALLOWED_ORIGINS"):
        guard.check(host="localhost", origin=origin)


def test_a_page_of_the_servers_own_machine_is_foreign_beyond_loopback() -> None:
    with pytest.raises(NotAllowed):
        PUBLIC.check(host="router.example", origin="http://localhost:3000")


def test_what_is_quoted_of_the_caller_is_short() -> None:
    with pytest.raises(NotAllowed) as refused:
        LOCAL.check(host="x" * 10_000, origin="")
    assert len(refused.value.message) < 300
