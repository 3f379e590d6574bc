"""Responses are known by their id until newer ones have taken their place."""

from turnout.simulator.openai_responses_store import StoredResponses


def test_what_is_kept_is_found_and_what_is_not_is_not() -> None:
    stored = StoredResponses()
    stored.keep("resp_1", [{"type": "message"}])
    assert stored.items_of("resp_1") == ({"type": "message"},)
    assert stored.items_of("resp_2") is None


def test_the_oldest_go_first() -> None:
    stored = StoredResponses(max_responses=2)
    for name in ("a", "b", "a", "c"):
        stored.keep(name, [])
    assert [stored.items_of(name) for name in "abc"] == [(), None, ()]


def test_clear_forgets() -> None:
    stored = StoredResponses()
    stored.keep("resp_1", [])
    stored.clear()
    assert stored.items_of("resp_1") is None
