"""What is decided for a tenant over HTTP: its mode, its own routing settings, and who changed them."""

import json
from collections.abc import Sequence

import pytest

from tests.ingress.edge import NOW, Answer, Edge, ask, edge, error_of
from tests.ingress.test_control import ADMIN, CLOSED, TEAM, get
from turnout.bus.control import SetBy
from turnout.errors import Unavailable
from turnout.facts import ModeChanged, RequestRouted, SettingsChanged

pytestmark = pytest.mark.anyio

# -- /v1/modes ---------------------------------------------------------------------------------


async def put_mode(
    on: Edge,
    mode: object,
    *headers: tuple[str, str],
    tenant: str = "default",
) -> Answer:
    body = json.dumps({"mode": mode}).encode()
    return await ask(on, f"/v1/modes/{tenant}", method="PUT", body=body, headers=headers)


async def test_a_mode_is_effective_at_the_next_request_and_kept() -> None:
    on = edge()
    answer = await put_mode(on, "observe")
    assert (answer.status, answer.json) == (200, {"default": "observe"})
    assert on.store.values == {"mode.default": "observe"}
    assert (await ask(on)).headers["turnout-mode"] == "observe"
    assert (await get(on, "/v1/modes")).json == {"default": "observe"}


async def test_who_changed_a_mode_is_recorded_and_setting_it_again_is_no_change() -> None:
    """What held by default is set, and so changed, when somebody sets it first."""
    on = edge(door=CLOSED)
    key = ("x-turnout-key", ADMIN)
    for mode in ("full", "full", "cache", "cache"):
        assert (await put_mode(on, mode, key, tenant="acme")).status == 200
    local = edge()
    await put_mode(local, "observe")
    found = [fact for one in (on, local) for fact in one.facts.all if isinstance(fact, ModeChanged)]
    assert [(one.tenant, one.from_mode, one.to_mode, one.changed_by) for one in found] == [
        ("acme", "full", "full", "admin"),
        ("acme", "full", "cache", "admin"),
        ("default", "full", "observe", "local"),
    ]
    assert {one.source for one in found} == {"person"}


async def test_without_the_bus_a_mode_holds_here_and_the_answer_says_so() -> None:
    on = edge()
    on.store.is_down = True
    answer = await put_mode(on, "observe")
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert on.modes.mode_of("default") == "observe"


@pytest.mark.parametrize("mode", ["fast", None, 7, ["full"]])
async def test_a_mode_that_is_none(mode: object) -> None:
    on = edge()
    answer = await put_mode(on, mode)
    assert answer.status == 400
    assert "mode" in error_of(answer)[1]
    assert on.modes.mode_of("default") == "full"


@pytest.mark.parametrize("tenant", ["a.b", "*", ">", "a b", "x" * 65])
async def test_a_tenant_that_no_control_key_can_hold(tenant: str) -> None:
    on = edge()
    assert (await put_mode(on, "observe", tenant=tenant)).status == 400
    assert not on.store.values


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 401),
        ([("x-turnout-key", "tk_wrong")], 401),
        ([("x-turnout-key", TEAM)], 403),
        ([("x-turnout-key", ADMIN)], 200),
    ],
)
async def test_where_keys_exist_modes_need_one_that_may(
    headers: Sequence[tuple[str, str]], status: int
) -> None:
    on = edge(door=CLOSED)
    assert (await put_mode(on, "observe", *headers, tenant="acme")).status == status
    assert (on.modes.mode_of("acme") == "observe") == (status == 200)


async def test_modes_are_not_for_strangers() -> None:
    assert (await get(edge(door=CLOSED), "/v1/modes")).status == 401


async def test_a_mode_is_told_with_who_set_it_and_when() -> None:
    on = edge(door=CLOSED)
    key = ("x-turnout-key", ADMIN)

    async def told() -> dict[str, object]:
        return (await get(on, "/v1/modes/acme", key)).json

    assert await told() == {"mode": "full"}
    await put_mode(on, "cache", key, tenant="acme")
    by_person = {"source": "person", "changed_by": "admin", "changed_at": NOW}
    assert await told() == {"mode": "cache", **by_person}
    on.modes.set_mode("acme", "observe")
    assert await told() == {"mode": "observe"}, "what holds here is not what is kept"
    on.store.set("mode.acme", "observe", by=SetBy("guardrail"))
    assert await told() == {"mode": "observe", "source": "guardrail", "changed_at": NOW}
    on.store.set("mode.acme", "observe")
    assert await told() == {"mode": "observe", "changed_at": NOW}, "as earlier versions set it"
    on.store.is_down = True
    assert await told() == {"mode": "observe"}
    assert (await get(on, "/v1/modes/acme")).status == 401


# -- /v1/settings ------------------------------------------------------------------------------


async def put_setting(
    on: Edge, name: str, value: object, *headers: tuple[str, str], tenant: str = "default"
) -> Answer:
    body = json.dumps({"value": value}).encode()
    return await ask(on, f"/v1/settings/{tenant}/{name}", method="PUT", body=body, headers=headers)


async def unset(on: Edge, name: str, *headers: tuple[str, str], tenant: str = "default") -> Answer:
    return await get(on, f"/v1/settings/{tenant}/{name}", *headers, method="DELETE")


async def tenants_of(on: Edge, *headers: tuple[str, str]) -> dict[str, object]:
    told = (await get(on, "/v1/settings", *headers)).json["tenants"]
    assert isinstance(told, dict)
    return told


def changes(on: Edge) -> list[SettingsChanged]:
    return [fact for fact in on.facts.all if isinstance(fact, SettingsChanged)]


BY_LOCAL = {"source": "person", "changed_by": "local", "changed_at": NOW}


async def test_settings_are_set_told_and_unset() -> None:
    on = edge()
    assert await tenants_of(on) == {}
    answer = await put_setting(on, "locks", {"docs": "gpt-5.5"})
    state = {"settings": {"locks": {"docs": "gpt-5.5"}}, **BY_LOCAL}
    assert (answer.status, answer.json) == (200, {"default": state})
    assert on.store.values == {"settings.default": '{"locks":{"docs":"gpt-5.5"}}'}
    await put_setting(on, "quality_bias", 0.25, tenant="acme")
    assert await tenants_of(on) == {
        "acme": {"settings": {"quality_bias": 0.25}, **BY_LOCAL},
        "default": state,
    }
    assert (await unset(on, "locks")).status == 200
    assert (await unset(on, "locks")).status == 200
    assert list(await tenants_of(on)) == ["acme"]
    own = (await get(on, "/v1/settings")).json["own"]
    assert isinstance(own, dict)
    assert (own["named_model"], own["quality_bias"]) == ("ceiling", None)


async def test_a_setting_is_effective_at_the_next_request() -> None:
    """Without the scorer, so that it is the ingress's own."""
    on = edge()
    on.scorer.failure = Unavailable("down")
    await put_setting(on, "candidates", ["gpt-5.5"])
    await put_setting(on, "control_share", 0.9)
    arms: set[str] = set()
    for number in range(40):
        await ask(on, headers=[("x-claude-code-session-id", f"s{number}")])
        (fact,) = [one for one in on.facts.all if isinstance(one, RequestRouted)][-1:]
        assert fact.inputs.settings.candidates == ("gpt-5.5",)
        arms.add(fact.inputs.identity.arm)
    assert arms == {"control", "treatment"}
    await unset(on, "control_share")
    await unset(on, "candidates")
    await ask(on)
    (fact,) = [one for one in on.facts.all if isinstance(one, RequestRouted)][-1:]
    assert "claude-opus-5-5" in fact.inputs.settings.candidates


async def test_who_changed_a_setting_is_recorded_and_setting_it_again_is_no_change() -> None:
    on = edge(door=CLOSED)
    key = ("x-turnout-key", ADMIN)
    for value in (0.25, "0.5", 0.5):
        assert (await put_setting(on, "quality_bias", value, key, tenant="acme")).status == 200
    await unset(on, "quality_bias", key, tenant="acme")
    await unset(on, "quality_bias", key, tenant="acme")
    assert [(one.name, one.from_value, one.to_value) for one in changes(on)] == [
        ("quality_bias", "", "0.25"),
        ("quality_bias", "0.25", "0.5"),
        ("quality_bias", "0.5", ""),
    ]
    assert {(one.tenant, one.source, one.changed_by) for one in changes(on)} == {
        ("acme", "person", "admin")
    }


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("default/colour", b'{"value": 1}', "colour is no setting of a tenant"),
        ("default/locks", b'{"value": {"docs": "gpt-0"}}', "locks: 'gpt-0' is not in the catalog"),
        ("default/quality_bias", b'{"value": 2}', "quality_bias: Input should be less"),
        ("default/quality_bias", b'{"value": NaN}', "no setting, such as"),
        ("default/quality_bias", b"{}", "`value`"),
        ("default/quality_bias", b'{"value": 1, "also": 2}', "`also`"),
        ("default/quality_bias", b"\xff", "no setting, such as"),
        ("a.b/quality_bias", b'{"value": 1}', "tenant: "),
        ("default/" + "x" * 81, b'{"value": 1}', "name: "),
    ],
)
async def test_a_wrong_setting_says_what_is_wrong_and_leaves_nothing(
    path: str, body: bytes, says: str
) -> None:
    on = edge()
    answer = await ask(on, f"/v1/settings/{path}", method="PUT", body=body)
    assert answer.status == 400
    assert says in error_of(answer)[1]
    assert not on.store.stands
    assert not changes(on)


async def test_what_another_version_has_kept_is_told_and_can_be_unset() -> None:
    on = edge()
    on.store.set("settings.acme", '{"colour":"red"}')
    on.tenants.on_control("settings.acme", '{"colour":"red"}')
    (state,) = (await tenants_of(on)).values()
    assert isinstance(state, dict)
    assert "colour is no setting of a tenant" in state["refused"]
    assert (await put_setting(on, "exploration", 0, tenant="acme")).status == 400
    assert (await unset(on, "colour", tenant="acme")).status == 200
    assert await tenants_of(on) == {}


async def test_of_two_who_change_settings_at_once_one_is_told_to_look_again() -> None:
    on = edge()
    await put_setting(on, "exploration", 0.1)
    stale = await on.store.stand("settings.default", deadline_seconds=1)
    await put_setting(on, "exploration", 0.2)
    on.store.shows = {"settings.default": stale}
    answer = await put_setting(on, "quality_bias", 0.5)
    assert answer.status == 503
    assert "just been changed by somebody else" in error_of(answer)[1]
    assert on.store.values == {"settings.default": '{"exploration":0.2}'}


async def test_without_the_bus_settings_are_not_to_be_had_and_nothing_changes_here() -> None:
    on = edge()
    await put_setting(on, "exploration", 0.1)
    on.store.is_down = True
    assert (await put_setting(on, "exploration", 0.2)).status == 503
    assert (await unset(on, "exploration")).status == 503
    assert (await get(on, "/v1/settings")).status == 503
    assert len(changes(on)) == 1


@pytest.mark.parametrize(
    ("headers", "may_read", "may_change"),
    [
        ([], 401, 401),
        ([("x-turnout-key", TEAM)], 200, 403),
        ([("x-turnout-key", ADMIN)], 200, 200),
    ],
)
async def test_where_keys_exist_settings_need_one_that_may(
    headers: Sequence[tuple[str, str]], may_read: int, may_change: int
) -> None:
    on = edge(door=CLOSED)
    assert (await get(on, "/v1/settings", *headers)).status == may_read
    assert (await put_setting(on, "exploration", 0.1, *headers)).status == may_change
    assert bool(on.store.stands) == (may_change == 200)
    assert (await unset(on, "exploration", *headers)).status == may_change
