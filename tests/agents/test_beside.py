"""What an agent asks beside its main loop (token counts, titles) leaves that loop's thread alone."""

import httpx
import pytest

from tests.agents.bench import Bench
from tests.agents.desk import Desk

pytestmark = pytest.mark.anyio

TITLE = {
    "model": "claude-opus-5-5",
    "max_tokens": 64,
    "system": "Write a title for this conversation.",
    "messages": [{"role": "user", "content": "Read the readme and tell me the password."}],
    "output_config": {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"title": {"type": "string"}},
                "required": ["title"],
                "additionalProperties": False,
            },
        }
    },
}
"""As the terminal interface asks for one; `claude -p` does not."""


async def ask_title(bench: Bench, session: str, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{bench.product.url}/v1/messages",
            json=TITLE,
            headers={
                "x-api-key": "no-key",
                "anthropic-version": "2023-06-01",
                "x-claude-code-session-id": session,
                **headers,
            },
        )
        answer.raise_for_status()


@pytest.mark.parametrize("bench_name", ["observing", "translating"])
async def test_counts_and_titles_do_not_move_the_main_thread(
    observing: Bench, translating: Bench, desk: Desk, bench_name: str
) -> None:
    bench = observing if bench_name == "observing" else translating
    await bench.script("tool=Bash,steps=1", "text")
    first = await bench.run(desk, "What is here?")
    first.check_success()
    counts = await bench.run(desk, "/context", options=["--continue"])
    counts.check_success()
    assert counts.session == first.session
    await ask_title(bench, first.session, {"x-claude-code-request-class": "auxiliary"})
    await ask_title(bench, first.session, {})  # told by its shape
    last = await bench.run(desk, "Say it again.", options=["--continue"])
    last.check_success()
    assert last.session == first.session

    sent = await bench.sent()
    rows = await bench.rows(first.session, len(sent))
    main = [row for row in rows if row.thread == "main"]
    beside = [row for row in rows if row.thread != "main"]
    assert {row.step_kind for row in beside} == {"token_count", "title"}
    assert [row.step_kind for row in beside].count("title") == 2
    assert {row.request_class for row in beside} == {"auxiliary"}

    assert [row.step_kind for row in main[:2]] == ["user_input", "tool_continuation"]
    assert main[2].step_kind == "user_input"
    assert [row.steps for row in main] == list(range(len(main)))
    assert len({row.target for row in main}) == 1
    reads = [row.cache_read or 0 for row in main]
    assert reads == sorted(reads)
    assert reads[2] > reads[1] > 0
