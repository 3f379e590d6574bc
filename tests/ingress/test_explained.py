"""What a developer is told of a request of each harness: what was considered, what it costs, what was warm,
which rule decided, and what would have changed it.
"""

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import msgspec
import pytest

from tests.artifacts import SHIPPED
from tests.ingress.edge import CATALOG, LIMITS, NOW, OPEN_DOOR, ask, edge
from tests.policy import test_harness_requests as harness
from tests.policy.test_harness_requests import Body
from turnout import parts
from turnout.capabilities import Dialect
from turnout.policy.decision import Access
from turnout.policy.request import Harness
from turnout.policy.thread import ThreadState, WarmPrefix
from turnout.settings import Settings

pytestmark = pytest.mark.anyio

LONG: Final = "The module sorts trains by platform and by hour. " * 2_000
GEMINI_PATH: Final = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
ACCESS: Final = tuple(
    Access(name, "env") for name in ("anthropic", "openai", "gcp.gemini", "deepseek")
)


@dataclass(frozen=True)
class Scene:
    """The first request of a thread and the one behind its first tool results."""

    harness: Harness
    dialect: Dialect
    path: str
    headers: tuple[tuple[str, str], ...]
    model: str
    at: str
    first: Body
    second: Body


SCENES: Final = (
    Scene(
        "claude_code",
        "anthropic_messages",
        "/v1/messages",
        (
            ("user-agent", "claude-cli/2.1.330 (external, cli)"),
            ("x-claude-code-session-id", "S"),
        ),
        "claude-opus-5-5",
        "anthropic/claude-opus-5-5@env",
        harness.claude(harness.user(harness.text(LONG))),
        harness.claude(
            harness.user(harness.text(LONG)), harness.CLAUDE_CALL, harness.user(harness.WAS_READ)
        ),
    ),
    Scene(
        "codex",
        "openai_responses",
        "/v1/responses",
        (("originator", "codex_exec"), ("session-id", "S"), *harness.codex_says().items()),
        "gpt-5.5",
        "openai/gpt-5.5@env",
        harness.codex(harness.item("user", LONG)),
        harness.codex(harness.item("user", LONG), *harness.CODEX_CALL),
    ),
    Scene(
        "opencode",
        "openai_chat",
        "/v1/chat/completions",
        (
            ("user-agent", "opencode/1.18.33"),
            ("x-session-id", "S"),
            ("x-session-affinity", "S"),
        ),
        "gpt-5.5",
        "openai/gpt-5.5@env",
        harness.chat(harness.said(LONG)),
        harness.chat(harness.said(LONG), harness.CHAT_CALL, harness.CHAT_RESULT),
    ),
    Scene(
        "gemini_cli",
        "gemini_generate",
        GEMINI_PATH,
        (("x-gemini-api-privileged-user-id", "installation"),),
        "gemini-3.8-flash",
        "gcp.gemini/gemini-3.8-flash@env",
        harness.gemini(harness.part(LONG)),
        harness.gemini(harness.part(LONG), harness.GEMINI_CALL, harness.GEMINI_RESULT),
    ),
    Scene(
        "unknown",
        "openai_chat",
        "/v1/chat/completions",
        (("user-agent", "curl/8"),),
        "gpt-5.5",
        "openai/gpt-5.5@env",
        harness.chat(harness.said(LONG)),
        harness.chat(harness.said(LONG), harness.CHAT_CALL, harness.CHAT_RESULT),
    ),
)


async def told(scene: Scene, body: Body, state: ThreadState) -> list[str]:
    on = edge(
        door=replace(OPEN_DOOR, environment=ACCESS, simulated=False),
        limits=replace(LIMITS, max_body_bytes=1_000_000),
    )
    on.scorer.tables, on.scorer.state = SHIPPED, state
    on.scorer.routing = parts.routing_of(Settings(), CATALOG)
    answer = await ask(
        on,
        "/v1/route",
        body=msgspec.json.encode(body),
        query=f"dialect={scene.dialect}&path={quote(scene.path)}",
        headers=scene.headers,
    )
    assert answer.status == 200, answer.body
    (asked,) = on.scorer.asked
    assert asked.identity.harness == scene.harness
    return msgspec.convert(answer.json["explanation"], list[str])


def warm_at(target: str) -> ThreadState:
    return ThreadState(
        steps=1,
        target=target,
        last_at=NOW - 10.0,
        prompt_tokens=20_000,
        warm=(WarmPrefix(target, 20_000, NOW - 10.0, NOW + 3_000.0, 3_600.0, 1.0),),
    )


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.harness)
async def test_a_new_thread_of_a_harness(scene: Scene) -> None:
    lines = await told(scene, scene.first, ThreadState())

    assert lines[0].startswith(f"{scene.model} was asked for: a step after the user's words, about")
    assert lines[1] == "The thread is new."
    assert "free_window_new_thread): the thread is new, so all candidates compete" in lines[2]
    held_to(scene, lines)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.harness)
async def test_a_warm_thread_of_a_harness(scene: Scene) -> None:
    lines = await told(scene, scene.second, warm_at(scene.at))

    assert lines[0].startswith(f"{scene.model} was asked for: a step after tool results, about")
    assert lines[1] == f"The thread has 1 answered request, the last by {scene.at}."
    assert re.search(r"\((switch, gain_exceeds_break_even|stay, warm_incumbent)\): ", lines[2])
    assert [one for one in lines if f"{scene.at}: " in one and "with 20,000 tokens warm" in one]
    held_to(scene, lines)
    if "gain_exceeds_break_even" in lines[2]:
        assert re.search(rf"It leads {scene.model}, which is warm, by \$", "\n".join(lines))


def held_to(scene: Scene, lines: list[str]) -> None:
    """Who was considered at what cost now and over the horizon, who was not and why, and what would have
    changed it.
    """
    whole = "\n".join(lines)
    figures = (
        r"score -?\$[\d.]+; now \$[\d.]+ with [\d,]+ tokens warm, to go \$[\d.]+; success 0\.\d\d"
    )
    compared = [one for one in lines if re.search(rf"^\d\. \S+: {figures} \(sd 0\.\d\d\)\.$", one)]
    assert len(compared) > 1
    assert any(f" {scene.at}: " in one for one in compared)
    assert re.search(
        r"Costs to go are over about \d+ requests, this one included; score = \$20", whole
    )
    assert re.search(
        rf"^Not eligible: \S+ \(.*dearer than {re.escape(scene.model)} by the list, for a million tokens:"
        r" [a-z ]+ \$[\d.]+ against \$[\d.]+",
        whole,
        re.MULTILINE,
    )
    served = lines[2].partition(" ")[0]
    model = served.partition("/")[2].partition("@")[0]
    assert re.search(
        rf"({re.escape(model)} and \S+ score the same|is behind {re.escape(model)} at any)", whole
    )
    if model != scene.model:
        assert re.search(
            rf"({re.escape(model)} and {re.escape(scene.model)} score|^{re.escape(scene.model)} is behind)",
            whole,
            re.MULTILINE,
        )
        assert f"turnout/{scene.model} as the model's name is served by that model alone." in lines
    assert lines[-1].startswith("If it fails: ")
