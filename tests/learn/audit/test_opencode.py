"""The tables of opencode 2, with rows as 1.18.33 and 2.0 were seen to write them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.learn.audit.homes import TEXT
from turnout.dialects.usage import Usage
from turnout.learn.audit.call import Call
from turnout.learn.audit.transcripts import AGENTS, Found, gather

START: Final = 1_796_078_090_000

TOOL: Final = {
    "type": "tool",
    "id": "toolu_1",
    "name": "read",
    "state": {"status": "completed", "input": {"path": TEXT}, "content": [], "structured": [TEXT]},
    "time": {"created": START + 2_400, "ran": START + 2_500, "completed": START + 3_900},
}


def at(created: int, **more: int) -> dict[str, int]:
    return {"created": START + created, **{name: START + one for name, one in more.items()}}


def answer(time: dict[str, int], *content: object, cost: float = 0.25) -> dict[str, object]:
    """Of three tokens in and 66 out."""
    tokens = {"input": 3, "output": 60, "reasoning": 6, "cache": {"read": 100, "write": 3_768}}
    model = {"id": "claude-sonnet-4-5", "providerID": "anthropic", "variant": "default"}
    told = {"time": time, "agent": "build", "model": model, "content": content, "finish": "stop"}
    return {**told, "cost": cost, "tokens": tokens}


FILES: Final = [{"uri": TEXT, "mime": "image/png", "name": TEXT}]

ROWS: Final = (
    ("msg_1", "user", {"time": at(0), "text": TEXT, "files": FILES}),
    ("msg_2", "synthetic", {"time": at(1), "text": TEXT}),
    ("msg_3", "model-switched", {"time": at(2), "model": {"id": "x"}, "content": TEXT}),
    (
        "msg_4",
        "assistant",
        answer(
            at(2_000, completed=4_000),
            {"type": "reasoning", "text": TEXT, "time": at(2_001, completed=2_300)},
            {"type": "text", "text": TEXT},
            TOOL,
        ),
    ),
    ("msg_5", "assistant", answer(at(5_000, completed=6_000), {"type": "text", "text": TEXT})),
    ("msg_6", "idle", {"time": at(6_001), "outcome": "succeeded"}),
    (
        "msg_7",
        "compaction",
        {**answer(at(7_000), cost=0.5), "status": "completed", "summary": TEXT},
    ),
    ("msg_8", "user", {"time": at(8_000), "text": TEXT}),
    (
        "msg_9",
        "assistant",
        answer(at(9_000, streamed=9_500, completed=12_000), {"type": "text", "text": TEXT}, TOOL),
    ),
)


def write(database: Path, *, sessions: str = "session_v2") -> None:
    with closing(sqlite3.connect(database)) as made, made:
        made.execute(f"CREATE TABLE {sessions} (id, parent_id, directory, version, time_created)")
        made.execute("CREATE TABLE session_message (id, session_id, type, seq, data TEXT)")
        made.execute(f"INSERT INTO {sessions} VALUES ('ses_1', NULL, '/w/app', '2.0.26', 1)")
        made.execute(f"INSERT INTO {sessions} VALUES ('ses_2', 'ses_1', '/w/app', '2.0.26', 2)")
        for seq, (id_, kind, data) in enumerate(ROWS):
            row = (id_, "ses_1", kind, seq * 3, json.dumps(data))
            made.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?)", row)
        row = ("msg_s", "ses_2", "assistant", 1, json.dumps(answer(at(3_000, completed=3_500))))
        made.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?)", row)


def read(database: Path) -> tuple[list[Call], Found]:
    gathered = gather([(database, AGENTS)])
    return list(gathered.calls), gathered.found["opencode"]


@pytest.mark.parametrize("sessions", ["session", "session_v2"])
def test_rows_are_read_as_answers(tmp_path: Path, sessions: str) -> None:
    database = tmp_path / "opencode.db"
    write(database, sessions=sessions)
    calls, found = read(database)
    assert not found.unread
    assert [call.message for call in calls] == [
        "msg_4 0",
        "msg_5 0",
        "msg_7 0",
        "msg_9 0",
        "msg_s 0",
    ]
    first, second, summing, last, subagent = calls
    assert first == Call(
        agent="opencode",
        client_version="2.0.26",
        repo="app",
        session="ses_1",
        begun=(START + 2_000) / 1_000,
        ended=(START + 2_500) / 1_000,
        starts_turn=True,
        model="claude-sonnet-4-5",
        usage=Usage(fresh_input=3, cache_read=100, cache_write_5m=3_768, output=66, reasoning=6),
        text_chars=len(TEXT),
        thinking_chars=len(TEXT),
        tool_chars=len(json.dumps({"path": TEXT})),
        input_chars=2 * len(TEXT),
        tools=("read",),
        has_image=True,
        stop_reason="stop",
        usd_reported=0.25,
        message="msg_4 0",
    )
    assert (second.starts_turn, second.input_chars) == (False, len(json.dumps([TEXT])))
    assert second.ended == (START + 6_000) / 1_000
    assert (summing.starts_turn, summing.is_compacted, summing.usd_reported) == (False, False, 0.5)
    assert (last.starts_turn, last.is_compacted) == (True, True)
    assert last.ended == (START + 9_500) / 1_000
    assert (subagent.session, subagent.thread, subagent.is_subagent) == ("ses_1", "ses_2", True)


def test_what_was_moved_counts_once_and_both_forms_go_on(tmp_path: Path) -> None:
    """A session that 1.x has begun, 2.0 has moved and continued, and 1.x has continued again."""
    database = tmp_path / "opencode.db"
    write(database)
    older = {"role": "assistant", "parentID": "msg_1", "modelID": "claude-sonnet-4-5"}
    tokens = {"input": 7, "output": 1}
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("CREATE TABLE session (id, parent_id, directory, version, time_created)")
        opened.execute("CREATE TABLE message (id, session_id, time_created, data TEXT)")
        opened.execute("CREATE TABLE part (id, message_id, session_id, data TEXT)")
        opened.execute("INSERT INTO session VALUES ('ses_1', NULL, '/w/app', '1.18.33', 1)")
        opened.execute("INSERT INTO session VALUES ('ses_0', NULL, '/w/app', '1.18.33', 0)")
        for id_, session in (("msg_4", "ses_1"), ("msg_x", "ses_1"), ("msg_0", "ses_0")):
            data = json.dumps({**older, "time": at(2_000, completed=4_000), "tokens": tokens})
            opened.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (id_, session, 1, data))
    calls, found = read(database)
    assert (found.copies, sum(found.unread.values())) == (0, 0)
    assert sorted(call.message for call in calls) == [
        f"msg_{name} 0" for name in ("0", "4", "5", "7", "9", "s", "x")
    ]


@pytest.mark.parametrize("status", ["running", "failed"])
def test_a_compaction_that_came_to_nothing_compacts_nothing(tmp_path: Path, status: str) -> None:
    database = tmp_path / "opencode.db"
    write(database)
    with closing(sqlite3.connect(database)) as opened, opened:
        data = json.dumps({"time": at(7_000), "status": status})
        opened.execute("UPDATE session_message SET data = ? WHERE id = 'msg_7'", (data,))
    calls, found = read(database)
    assert not any(call.is_compacted for call in calls)
    assert found.unread == {"answers without usage, model or time": 1}


@pytest.mark.parametrize("data", ["{", "[]", '{"content": 1}', '{"time": {"created": -1}}', None])
def test_a_row_of_another_form_is_counted(tmp_path: Path, data: str | None) -> None:
    database = tmp_path / "opencode.db"
    write(database)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE session_message SET data = ? WHERE id = 'msg_5'", (data,))
    calls, found = read(database)
    assert (len(calls), sum(found.unread.values())) == (4, 1)
