"""Whatever comes in, only errors of ours come out. What is sent stands beside each dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.gemini_generate.hostile import HOSTILE as GEMINI
from tests.dialects.hostile import Hostile, spoilt, written
from tests.dialects.openai_chat.hostile import HOSTILE as CHAT
from tests.dialects.openai_responses.hostile import HOSTILE as RESPONSES

every_dialect = pytest.mark.parametrize(
    "hostile", [CHAT, RESPONSES, GEMINI], ids=lambda hostile: hostile.dialect
)


@every_dialect
@given(data=st.data())
def test_requests(hostile: Hostile, data: st.DataObject) -> None:
    hostile.is_survived_as_request(written(data.draw(hostile.requests)))


@every_dialect
@given(data=st.data())
def test_answers(hostile: Hostile, data: st.DataObject) -> None:
    events = data.draw(st.lists(hostile.events, max_size=4))
    hostile.is_survived_as_answer([written(event) for event in events])


def test_an_annotation_that_is_no_object_is_survived() -> None:
    event = {"type": "response.output_text.annotation.added", "annotation": []}
    RESPONSES.is_survived_as_answer([written(event)])


@every_dialect
@given(data=st.data(), status=st.integers(100, 599))
def test_errors(hostile: Hostile, data: st.DataObject, status: int) -> None:
    hostile.is_survived_as_error(written(data.draw(hostile.values)), status)


@every_dialect
@given(raw=st.binary())
def test_bytes(hostile: Hostile, raw: bytes) -> None:
    hostile.is_survived_as_request(raw)
    hostile.is_survived_as_bytes(raw)


@every_dialect
@given(data=st.data())
def test_a_byte_that_is_no_text(hostile: Hostile, data: st.DataObject) -> None:
    hostile.is_survived_as_request(spoilt(written(data.draw(hostile.requests)), data))
    hostile.is_survived_as_bytes(spoilt(written(data.draw(hostile.events)), data))
