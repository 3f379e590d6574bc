"""What a tenant may have otherwise than the process, and in which words it is refused."""

import json
from dataclasses import replace

import pytest

from tests.artifacts import CATALOG
from turnout.errors import InvalidRequest
from turnout.policy.arms import Experiment
from turnout.policy.decision import Lock, RoutingSettings
from turnout.routing_section import Routing
from turnout.tenant_settings import BY_TENANT, NOTHING, TenantSettings, routing_by

SUBJECT = TenantSettings(Routing(), CATALOG)


def kept(**settings: object) -> str:
    return json.dumps(settings)


def test_every_field_of_a_decisions_settings_is_a_setting() -> None:
    """`routing_by` takes them by name, so a new field needs no line of its own anywhere here."""
    assert set(RoutingSettings.__struct_fields__) <= set(Routing.model_fields)
    section = Routing(
        value_usd=3.0,
        switch_margin=0.5,
        candidates=("gpt-5.5",),
        baseline_model="gpt-5.5",
        named_model="honour",
        locks={"docs": "gpt-5.5"},
        exploration=0.25,
    )
    settings = routing_by(section).settings
    assert settings.locks == (Lock("docs", "gpt-5.5"),)
    shown: dict[str, object] = section.model_dump()
    for name in RoutingSettings.__struct_fields__:
        if name != "locks":
            assert getattr(settings, name) == shown[name]


def test_a_tenant_has_what_it_sets_and_all_else_of_the_process() -> None:
    own = Routing(named_model="honour", arm_salt="salt")
    told = TenantSettings(own, CATALOG).read(
        kept(locks={"docs": "gpt-5.5"}, quality_bias=0.5, control_share=0.25)
    )
    assert told.settings.locks == (Lock("docs", "gpt-5.5"),)
    assert told.settings.named_model == "honour"
    assert told.quality_bias == 0.5
    assert told.experiment == Experiment(0.25, "salt")


def test_a_tenants_value_goes_before_the_dial_of_the_process() -> None:
    subject = TenantSettings(Routing(quality_bias=0.5), CATALOG)
    assert subject.read(NOTHING).quality_bias == 0.5
    told = subject.read(kept(value_usd=3.0))
    assert (told.quality_bias, told.settings.value_usd) == (None, 3.0)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("locks", {"docs": "gpt-0"}, "locks: 'gpt-0' is not in the catalog; close names: "),
        (
            "locks",
            {"poems": "gpt-5.5"},
            "locks: poems: Input should be 'main', 'subagent', 'compaction' or 'auxiliary', or 'bug_fix', 'feature',"
            " 'tests', 'explore', 'review', 'docs', 'research' or 'other'; Models that always serve",
        ),
        (
            "locks",
            {"docs": "glm5.1"},
            "locks: 'glm5.1' is not in the catalog; close names: glm-5.1",
        ),
        ("locks", {"docs": 3}, "locks: docs: Input should be a valid string; Models that"),
        ("locks", "gpt-5.5", "locks: Input should be a valid dictionary; Models that always serve"),
        ("baseline_model", "gpt-0", "baseline_model: 'gpt-0' is not in the catalog"),
        ("candidates", ["gpt-0"], "candidates: 'gpt-0' is not in the catalog"),
        ("quality_bias", 2, "quality_bias: Input should be less than or equal to 1; The dial"),
        ("quality_bias", "much", "quality_bias: Input should be a valid number"),
        ("value_usd", "nan", "value_usd: Input should be a finite number"),
        ("named_model", "obey", "named_model: Input should be 'honour'"),
        ("qualty_bias", 0.5, "Did you mean quality_bias? There are value_usd, "),
        ("colour", "red", "colour is no setting of a tenant. There are "),
        ("mode", "full", "mode: it has a command of its own, `turnout mode`"),
        ("arm_salt", "x", "arm_salt: it is one for all tenants, TURNOUT_ROUTING__ARM_SALT."),
    ],
)
def test_what_is_wrong_is_refused_by_name(name: str, value: object, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        SUBJECT.with_setting(NOTHING, name, value)
    assert says in refused.value.message
    with pytest.raises(InvalidRequest) as unread:
        SUBJECT.read(kept(**{name: value}))
    assert unread.value.message == refused.value.message


def test_of_value_and_dial_a_tenant_sets_one() -> None:
    for first, second in (("value_usd", "quality_bias"), ("quality_bias", "value_usd")):
        with pytest.raises(InvalidRequest, match="unset one"):
            SUBJECT.with_setting(kept(**{first: 0.5}), second, 0.5)


def test_a_setting_is_kept_as_it_is_read() -> None:
    told = SUBJECT.with_setting(NOTHING, "quality_bias", "0.5")
    told = SUBJECT.with_setting(told, "candidates", ["gpt-5.5"])
    assert json.loads(told) == {"quality_bias": 0.5, "candidates": ["gpt-5.5"]}
    assert SUBJECT.shown(told) == json.loads(told)
    assert json.loads(SUBJECT.without_setting(told, "quality_bias")) == {"candidates": ["gpt-5.5"]}
    assert SUBJECT.without_setting(told, "locks") == SUBJECT.without_setting(told, "exploration")


@pytest.mark.parametrize("value", ["", "[]", "full"])
def test_what_is_no_object_is_refused_and_unsetting_anything_ends_it(value: str) -> None:
    with pytest.raises(InvalidRequest, match="no JSON object"):
        SUBJECT.read(value)
    assert SUBJECT.without_setting(value, "locks") == NOTHING


def test_a_setting_of_a_newer_version_can_be_unset() -> None:
    newer = kept(colour="red", taste="sour", quality_bias=0.5)
    with pytest.raises(InvalidRequest, match="colour"):
        SUBJECT.with_setting(newer, "exploration", 0.0)
    told = SUBJECT.without_setting(SUBJECT.without_setting(newer, "colour"), "taste")
    assert SUBJECT.read(told).quality_bias == 0.5


def test_what_the_process_has_is_shown_by_the_same_names() -> None:
    subject = replace(SUBJECT, own=Routing(locks={"docs": "gpt-5.5"}))
    assert tuple(sorted(subject.shown_own())) == tuple(sorted(BY_TENANT))
    assert subject.shown_own()["locks"] == {"docs": "gpt-5.5"}
