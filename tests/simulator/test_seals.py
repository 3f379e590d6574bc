"""A seal opens for what it was made for, and for nothing else."""

import base64

import pytest

from turnout.simulator.seals import decoded, opens, seal

SEALED = seal("thinking", model="claude-opus-5-5", content="hm")


def test_a_seal_opens_for_its_model_purpose_and_content() -> None:
    assert opens(SEALED, "thinking", model="claude-opus-5-5", content="hm")
    assert opens(SEALED, "thinking", model="claude-opus-5-5")


def test_a_seal_opens_for_nothing_else() -> None:
    assert not opens(SEALED, "thinking", model="claude-haiku-5-5")
    assert not opens(SEALED, "reasoning", model="claude-opus-5-5")
    assert not opens(SEALED, "thinking", model="claude-opus-5-5", content="other")
    assert not opens(SEALED[:-1], "thinking", model="claude-opus-5-5")
    assert not opens(b"", "thinking", model="claude-opus-5-5")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets_are_read_with_and_without_padding(encode: object) -> None:
    assert callable(encode)
    text = encode(b"\xfb\xff\xfe\x00").decode()
    assert decoded(text) == decoded(text.rstrip("=")) == b"\xfb\xff\xfe\x00"


@pytest.mark.parametrize("text", ["not base64!", "gründe"])
def test_what_is_no_base64_has_no_bytes(text: str) -> None:
    assert decoded(text) is None
