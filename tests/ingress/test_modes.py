"""The mode board: what is told over the control bucket is effective at the next look."""

import pytest

from turnout.ingress.modes import ModeBoard


def test_a_tenant_without_a_mode_of_its_own_has_the_default() -> None:
    assert ModeBoard("observe").mode_of("acme") == "observe"


def test_a_change_is_one_tenants() -> None:
    board = ModeBoard("observe")
    board.on_control("mode.acme", "full")
    assert board.mode_of("acme") == "full"
    assert board.mode_of("other") == "observe"
    assert board.modes() == {"default": "observe", "acme": "full"}


def test_a_key_that_is_gone_gives_the_default_back() -> None:
    board = ModeBoard("full")
    board.on_control("mode.acme", "observe")
    board.on_control("mode.acme", None)
    board.on_control("mode.acme", None)
    assert board.mode_of("acme") == "full"


@pytest.mark.parametrize(("key", "value"), [("mode.acme", "fast"), ("key.acme", "full")])
def test_what_is_not_understood_changes_nothing(key: str, value: str) -> None:
    board = ModeBoard("observe")
    board.on_control(key, value)
    assert board.modes() == {"default": "observe"}


def test_the_default_tenant_can_be_switched() -> None:
    board = ModeBoard("full")
    board.on_control("mode.default", "observe")
    assert board.mode_of("default") == "observe"
    assert board.modes()["default"] == "observe"


def test_an_account_of_its_own_is_not_routed_by_the_default_for_made_up_answers() -> None:
    board = ModeBoard("full", paying_default="observe")
    assert board.mode_of("default") == "full"
    assert board.mode_of("default", pays=True) == "observe"
    board.set_mode("default", "full")
    assert board.mode_of("default", pays=True) == "full"
