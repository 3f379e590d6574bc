"""A board of control values: what cannot be read is left and told, and what was read last stays."""

from turnout.bus.board import Board


def board() -> Board[int]:
    return Board("number.", 7, int)


def test_a_key_without_a_value_has_the_own_one() -> None:
    on = board()
    on.on_control("number.acme", "1")
    on.on_control("numb.acme", "2")
    assert (on.of("acme"), on.of("other")) == (1, 7)
    assert on.known == {"acme": 1}
    on.on_control("number.acme", None)
    on.on_control("number.acme", None)
    assert on.of("acme") == 7


def test_what_cannot_be_read_is_told_and_the_last_one_stays() -> None:
    on = board()
    on.on_control("number.acme", "1")
    for value in ("one", None):
        on.on_control("number.never", value)
    on.on_control("number.acme", "two")
    assert on.of("acme") == 1
    assert set(on.refused) == {"acme"}
    assert "'two'" in on.refused["acme"]
    on.on_control("number.acme", "2")
    assert on.of("acme") == 2
    assert not on.refused
