"""The requests of a soak: agents whose prompts grow, in every dialect, whole and streamed. Pure.

Rules: a request follows from its number and the seed alone. Most are answered well, quickly or slowly; a
share of them is told by `x-simulate` to fail at the simulated provider in one of the ways in which
providers fail.
"""

import json
import random
from dataclasses import dataclass

from loadtest.answers import MODELS
from turnout.capabilities import Dialect

DIALECTS: tuple[Dialect, ...] = (
    "anthropic_messages",
    "openai_chat",
    "openai_responses",
    "gemini_generate",
)

AGENTS = 40
STEPS = 12
"""Requests of an agent before another one takes its place."""

GOOD = (
    *("tokens=20,gap=0.01", "tokens=40,gap=0.03", "ttft=0.3,gap=0"),
    *("stall=0.5,tokens=10", "pause=0.5,tokens=20", "thinking,tokens=20"),
)
BAD = (
    *("status=500", "status=503", "status=529", "status=429,retry-after=1", "status=400"),
    *("cut=after-start", "cut=after-content", "cut=before-end"),
    *("half", "garbage", "error-in-stream"),
)

OUTPUT_TOKENS = 256
SYSTEM = (
    "You are a coding agent. " + "Read before you write, run the tests, and say what failed. " * 40
)
RESULT = "E       assert parse('') is None\nE       assert 0 is None\n" * 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `is_bad` where its provider is told to fail."""

    number: int
    dialect: Dialect
    stream: bool
    path: str
    body: bytes
    simulate: str
    is_bad: bool


def asked(number: int, *, seed: int, bad_share: float) -> Asked:
    draw = random.Random(f"{seed}:{number}")
    agent, turn = number % AGENTS, number // AGENTS
    dialect = DIALECTS[agent % len(DIALECTS)]
    is_auto = agent // len(DIALECTS) % 2 == 0 and dialect != "gemini_generate"
    stream = draw.random() < 0.7
    is_bad = draw.random() < bad_share
    model = "turnout/auto" if is_auto else MODELS[dialect]
    session = f"soak {seed}, agent {agent} of the {turn // STEPS}th generation"
    return Asked(
        number=number,
        dialect=dialect,
        stream=stream,
        path=_path(dialect, stream=stream),
        body=json.dumps(_body(dialect, model, session, turn % STEPS, stream=stream)).encode(),
        simulate=draw.choice(BAD if is_bad else GOOD),
        is_bad=is_bad,
    )


def _path(dialect: Dialect, *, stream: bool) -> str:
    match dialect:
        case "anthropic_messages":
            return "/v1/messages"
        case "openai_chat":
            return "/v1/chat/completions"
        case "openai_responses":
            return "/v1/responses"
        case "gemini_generate":
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{MODELS[dialect]}:{method}"


def _body(
    dialect: Dialect, model: str, session: str, step: int, *, stream: bool
) -> dict[str, object]:
    texts = [f"This is {session}. Repair the parser.", *(["Done.", RESULT] * step)]
    said = list(zip(("user", "assistant") * len(texts), texts, strict=False))
    messages = [{"role": role, "content": text} for role, text in said]
    match dialect:
        case "anthropic_messages":
            limit: dict[str, object] = {"max_tokens": OUTPUT_TOKENS, "system": SYSTEM}
            return {"model": model, "stream": stream, "messages": messages, **limit}
        case "openai_chat":
            whole = [{"role": "system", "content": SYSTEM}, *messages]
            usage = {"stream_options": {"include_usage": True}} if stream else {}
            return {"model": model, "stream": stream, "messages": whole, **usage}
        case "openai_responses":
            return {"model": model, "stream": stream, "instructions": SYSTEM, "input": messages}
        case "gemini_generate":
            contents = [
                {"role": "user" if role == "user" else "model", "parts": [{"text": text}]}
                for role, text in said
            ]
            return {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents}
