"""Answers as clients get them: whole, an error of the dialect, or neither."""

import json

import pytest

from loadtest.soak_answers import Verdict, judge
from loadtest.soak_requests import BAD, DIALECTS, asked
from turnout.capabilities import Dialect

OVERLOADED = '"message":"Overloaded"'
CHAT_ERROR = f'{{"error":{{"type":"server_error",{OVERLOADED}}}}}'
MESSAGES_ERROR = f'{{"type":"error","error":{{"type":"api_error",{OVERLOADED}}}}}'
GEMINI_ERROR = f'{{"error":{{"code":503,"status":"UNAVAILABLE",{OVERLOADED}}}}}'
RESPONSES_FAILED = (
    f'{{"type":"response.failed","response":{{"error":{{"code":"server_error",{OVERLOADED}}}}}}}'
)

WHOLE: dict[Dialect, str] = {
    "anthropic_messages": '{"type":"message","stop_reason":"end_turn"}',
    "openai_chat": '{"choices":[{"finish_reason":"stop"}]}',
    "openai_responses": '{"status":"completed"}',
    "gemini_generate": '{"candidates":[{"finishReason":"STOP"}]}',
}
ERRORS: dict[Dialect, str] = {
    "anthropic_messages": MESSAGES_ERROR,
    "openai_chat": CHAT_ERROR,
    "openai_responses": CHAT_ERROR,
    "gemini_generate": GEMINI_ERROR,
}
ENDS: dict[Dialect, str] = {
    "anthropic_messages": 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    "openai_chat": 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "openai_responses": 'event: response.completed\ndata: {"type":"response.completed"}\n\n',
    "gemini_generate": 'data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n',
}
ERROR_ENDS: dict[Dialect, str] = {
    "anthropic_messages": f"event: error\ndata: {MESSAGES_ERROR}\n\n",
    "openai_chat": f"data: {CHAT_ERROR}\n\n",
    "openai_responses": f"event: response.failed\ndata: {RESPONSES_FAILED}\n\n",
    "gemini_generate": GEMINI_ERROR + "\n\n",
}
FIRST: dict[Dialect, str] = {
    "anthropic_messages": 'event: ping\ndata: {"type":"ping"}\n\n',
    "openai_chat": ': keep-alive\n\ndata: {"choices":[{}]}\n\n',
    "openai_responses": 'data: {"type":"response.created"}\n\n',
    "gemini_generate": 'data: {"candidates":[{}]}\r\n\r\n',
}


def verdict(dialect: Dialect, body: str, *, stream: bool, status: int = 200) -> Verdict:
    return judge(dialect, stream=stream, status=status, body=body.encode()).verdict


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_is_whole_with_its_end_alone(dialect: Dialect) -> None:
    assert verdict(dialect, WHOLE[dialect], stream=False) == "answered"
    assert verdict(dialect, "{}", stream=False) == "improper"
    assert verdict(dialect, WHOLE[dialect][:-1], stream=False) == "improper"
    assert verdict(dialect, WHOLE[dialect], stream=False, status=503) == "improper"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_is_one_in_the_words_of_the_dialect(dialect: Dialect) -> None:
    assert verdict(dialect, ERRORS[dialect], stream=False, status=503) == "failed"
    assert verdict(dialect, ERRORS[dialect], stream=True, status=503) == "failed"
    assert verdict(dialect, ERRORS[dialect], stream=False) == "improper"
    assert verdict(dialect, '{"detail":"Not Found"}', stream=False, status=404) == "improper"
    assert verdict(dialect, "Internal Server Error", stream=False, status=500) == "improper"
    nameless = json.dumps({"error": {"message": "Overloaded"}})
    assert verdict(dialect, nameless, stream=False, status=503) == "improper"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_judged_by_its_last_event(dialect: Dialect) -> None:
    first, end, error = FIRST[dialect], ENDS[dialect], ERROR_ENDS[dialect]
    assert verdict(dialect, first + end, stream=True) == "answered"
    assert verdict(dialect, first + error, stream=True) == "failed"
    assert verdict(dialect, first, stream=True) == "improper"
    assert verdict(dialect, first + end[:-3], stream=True) == "improper"
    assert verdict(dialect, "", stream=True) == "improper"


def test_an_error_of_one_dialect_is_none_of_another() -> None:
    assert verdict("anthropic_messages", CHAT_ERROR, stream=False, status=503) == "improper"
    assert verdict("openai_chat", MESSAGES_ERROR[:-2], stream=False, status=503) == "improper"
    assert verdict("gemini_generate", CHAT_ERROR, stream=False, status=503) == "improper"
    stream = FIRST["openai_responses"] + ERROR_ENDS["openai_chat"]
    assert verdict("openai_responses", stream, stream=True) == "improper"


def test_geminis_error_may_stand_in_a_stream_over_several_lines() -> None:
    error = '{\n  "error": {\n    "message": "Overloaded",\n    "status": "UNAVAILABLE"\n  }\n}\n'
    assert verdict("gemini_generate", FIRST["gemini_generate"] + error, stream=True) == "failed"


def test_requests_follow_from_number_and_seed() -> None:
    made = [asked(number, seed=7, bad_share=0.1) for number in range(400)]
    assert made == [asked(number, seed=7, bad_share=0.1) for number in range(400)]
    assert made != [asked(number, seed=8, bad_share=0.1) for number in range(400)]
    assert {(one.dialect, one.stream) for one in made} == {
        (dialect, stream) for dialect in DIALECTS for stream in (False, True)
    }
    assert all(one.is_bad == (one.simulate in BAD) for one in made)
    assert 20 <= sum(one.is_bad for one in made) <= 60
    assert len(made[40].body) > len(made[0].body), "a thread grows"
    assert made[40].dialect == made[0].dialect
