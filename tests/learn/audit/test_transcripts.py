"""What is read of each agent's transcripts, whole, cut, hostile and copied."""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.learn.audit.homes import EXPORTS, HOME, copy_home, gather_home, write_database
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.audit import files
from turnout.learn.audit.call import Unread, repository_of, unix_seconds
from turnout.learn.audit.command import run
from turnout.learn.audit.report import lines
from turnout.learn.audit.transcripts import AGENTS, NOBODYS, Gathered, gather, known_places
from turnout.learn.replay.command import Asked

EXPECTED = Path(__file__).parent / "expected"

CLAUDE = ".claude/projects/-nowhere-code-app"
SESSION = "11111111-0000-4000-8000-000000000001"


def read(path: Path) -> Gathered:
    return gather([(path, AGENTS)])


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini-cli", "opencode"])
def test_every_call_is_read_as_it_was(agent: str) -> None:
    """`expected/AGENT.json` was checked against the transcripts by hand."""
    found = [one for one in gather_home().calls if one.agent == agent]
    assert json.loads(msgspec.json.encode(found)) == json.loads(
        (EXPECTED / f"{agent}.json").read_text()
    )


@pytest.mark.parametrize("export", EXPORTS, ids=lambda one: one.suffix)
def test_a_spend_log_is_the_same_in_every_form(export: Path) -> None:
    found = read(export).calls
    assert json.loads(msgspec.json.encode(found)) == json.loads(
        (EXPECTED / "litellm.json").read_text()
    )


def test_a_database_of_opencode_holds_what_its_files_did(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    own = home / ".local/share/opencode"
    before = [one for one in gather_home(home).calls if one.agent == "opencode"]
    write_database(own / "storage", own / "opencode.db")
    both = gather_home(home)
    assert [one for one in both.calls if one.agent == "opencode"] == before
    assert both.found["opencode"].copies == len(before)


def test_what_was_not_read_is_counted_by_agent() -> None:
    found = gather_home().found
    assert {agent: dict(one.unread) for agent, one in found.items()} == {
        "claude-code": {"lines that are cut or no JSON": 1},
        "codex": {"sessions without usage": 1},
        "gemini-cli": {"answers without usage, model or time": 1},
        "opencode": {"answers without usage, model or time": 1},
    }


def claude_line(**differences: object) -> dict[str, object]:
    message = {
        "id": "msg_a",
        "model": "claude-opus-4-8",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    plain: dict[str, object] = {
        "type": "assistant",
        "sessionId": "s",
        "cwd": "/nowhere/app",
        "requestId": "req_a",
        "timestamp": "2026-05-04T10:00:00Z",
    }
    own = differences.pop("message", {})
    assert isinstance(own, dict)
    return plain | differences | {"message": message | own}


def write_lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ids(gathered: Gathered) -> list[tuple[str, str]]:
    return [(one.thread, one.message) for one in gathered.calls]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ({}, {"sessionId": "resumed"}, ["main"]),
        ({}, {"requestId": "req_b"}, ["main", "main"]),
        ({}, {"requestId": "req_b", "isSidechain": True, "agentId": "side"}, ["main"]),
        ({"isSidechain": True, "agentId": "side"}, {"sessionId": "other"}, ["main"]),
        ({}, {"message": {"id": "msg_b"}}, ["main", "main"]),
    ],
    ids=["resumed", "asked again", "side question", "main thread first", "another answer"],
)
def test_a_copied_answer_counts_once(
    tmp_path: Path, first: dict[str, object], second: dict[str, object], left: list[str]
) -> None:
    write_lines(tmp_path / "agent-a.jsonl", claude_line(**first))
    write_lines(tmp_path / "agent-b.jsonl", claude_line(**second))
    assert [thread for thread, _message in ids(read(tmp_path))] == left


def test_a_main_thread_keeps_its_order_whoever_has_copies_of_it(tmp_path: Path) -> None:
    second = claude_line(message={"id": "msg_b"})
    earlier = {"isSidechain": True, "agentId": "side", "timestamp": "2026-05-04T09:00:00Z"}
    write_lines(tmp_path / "agent-a.jsonl", second | earlier)
    write_lines(tmp_path / "agent-b.jsonl", claude_line(), second)
    assert ids(read(tmp_path)) == [("main", "msg_a"), ("main", "msg_b")]


def test_a_file_that_two_paths_reach_is_read_once(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a" / "agent-s.jsonl", claude_line())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "agent-s.jsonl").symlink_to(path)
    found = gather([(tmp_path / "a", AGENTS), (tmp_path / "b", AGENTS), (path, AGENTS)])
    assert (found.found["claude-code"].transcripts, len(found.calls)) == (1, 1)


def test_links_in_a_circle_are_not_followed(tmp_path: Path) -> None:
    write_lines(tmp_path / "a" / "agent-s.jsonl", claude_line())
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "agent-self.jsonl").symlink_to(tmp_path / "a" / "agent-self.jsonl")
    assert len(read(tmp_path).calls) == 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write_lines(tmp_path / "agent-s.jsonl", claude_line())
    os.mkfifo(tmp_path / "agent-t.jsonl")
    os.mkfifo(tmp_path / "session-x.json")
    assert len(read(tmp_path).calls) == 1


def test_a_file_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """Nobody can read memory that is not mapped, whatever the file's permissions say."""
    (tmp_path / "agent-s.jsonl").symlink_to("/proc/self/mem")
    assert read(tmp_path).found["claude-code"].unread == {"files that cannot be read": 1}


def test_a_file_that_is_gone_is_counted(tmp_path: Path) -> None:
    (tmp_path / "agent-s.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "session-s.json").symlink_to(tmp_path / "elsewhere")
    found = read(tmp_path).found
    assert found["claude-code"].unread == {"files that cannot be read": 1}
    assert found["gemini-cli"].unread == {"files that cannot be read": 1}


def test_files_that_are_nobodys_are_counted(tmp_path: Path) -> None:
    write_lines(tmp_path / "a" / "my notes.jsonl", claude_line())
    write_lines(tmp_path / "a" / "agent-s.jsonl", claude_line())
    found = read(tmp_path)
    assert (len(found.calls), found.unread) == (1, {NOBODYS: 1})
    assert read(tmp_path / "a" / "my notes.jsonl").unread == {NOBODYS: 1}


@pytest.mark.parametrize("cut", ["\ud83d", "a \ud83d cut emoji", "\\ude00"])
def test_half_a_surrogate_pair_takes_no_figure_away(tmp_path: Path, cut: str) -> None:
    said = claude_line(message={"content": [{"type": "text", "text": cut}]}, cwd=f"/{cut}/app")
    write_lines(tmp_path / "agent-s.jsonl", said)
    found = read(tmp_path)
    assert [call.usage.output for call in found.calls] == [2]
    assert not found.found["claude-code"].unread


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"first\n" + b"x" * 5_000 + b"\n\n" + b"last\n" + b"y" * 2_000)
    unread: Unread = Counter()
    assert list(files.lines(path, unread, longest=1_000)) == [b"first", b"last"]
    assert unread == {"lines that are too long": 2}


@pytest.mark.parametrize(
    "hostile",
    [
        claude_line(timestamp="yesterday"),
        claude_line(timestamp="9999-12-31T23:59:59-23:59"),
        claude_line(timestamp=12),
        claude_line(message={"usage": {"input_tokens": -1}}),
        claude_line(message={"usage": {"input_tokens": 10**30}}),
        claude_line(message={"usage": [1]}),
        claude_line(message={"model": None}),
        claude_line(message={"content": [{"type": "text", "text": {"deep": 1}}]}),
        claude_line(message={"content": ["text"]}),
        {"type": "assistant"},
        {"type": "assistant", "message": "text"},
        [],
        None,
        "text",
        json.loads("[" * 900 + "]" * 900),
    ],
)
def test_a_hostile_line_stops_nothing(tmp_path: Path, hostile: object) -> None:
    path = write_lines(tmp_path / "agent-s.jsonl", hostile, claude_line(message={"id": "msg_c"}))
    found = read(path)
    assert ids(found) == [("main", "msg_c")]
    assert found.found["claude-code"].unread.total() == 1


def transcripts_of_home() -> list[Path]:
    return sorted(
        path for path in HOME.rglob("*") if path.is_file() and path.suffix in (".json", ".jsonl")
    )


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from([*transcripts_of_home(), *EXPORTS]), data=st.data())
def test_no_cut_and_no_changed_byte_raises(
    tmp_path_factory: pytest.TempPathFactory, path: Path, data: st.DataObject
) -> None:
    text = path.read_bytes()
    cut = data.draw(st.integers(0, len(text)))
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.binary(max_size=3)) + text[place + 1 :]
    home = copy_home(tmp_path_factory.mktemp("cut"))
    for hostile in (text[:cut], changed):
        target = home / path.relative_to(HOME)
        target.write_bytes(hostile)
        gather([*known_places(home, {}, AGENTS), (target, AGENTS)])


OTHER_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 10**30),
    st.floats(allow_nan=False),
    st.sampled_from(["", "\0", "x", "2099-12-31T23:59:59Z", "claude-opus-4-8", "<synthetic>"]),
    st.sampled_from([[], {}, [None], [[]], {"type": "text"}]),
)


@settings(max_examples=100, deadline=None)
@given(path=st.sampled_from(transcripts_of_home()), data=st.data())
def test_no_value_of_another_type_raises(
    tmp_path_factory: pytest.TempPathFactory, path: Path, data: st.DataObject
) -> None:
    """From the lines to the report, which adds up still."""
    rows = [line for line in path.read_text().splitlines() if line.endswith(("}", "]"))]
    documents = [path.read_text()] if path.suffix == ".json" else rows
    at = data.draw(st.integers(0, len(documents) - 1))
    document = json.loads(documents[at])
    holder, key = data.draw(st.sampled_from(list(places_in(document))))
    holder[key] = data.draw(OTHER_VALUES)
    home = copy_home(tmp_path_factory.mktemp("other"))
    written = "\n".join([*documents[:at], json.dumps(document), *documents[at + 1 :]])
    (home / path.relative_to(HOME)).write_text(written)
    found = gather([*known_places(home, {}, AGENTS), (home / "spend.json", AGENTS)])
    asked = Asked(("best-fixed",), (), "none", 1, 1.0, keeps_warm=False, held_out=False)
    done = run(found, asked, catalog=parse_catalog(snapshot_bytes()))
    assert list(lines(done.audit))
    assert sum(one.sum.calls for one in done.audit.weeks) == len(found.calls) == done.table.rows


def places_in(document: object) -> Iterator[tuple[dict[object, object], object]]:
    """Every value of every object."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield document, key
            yield from places_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from places_in(value)


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(max_size=400))
def test_a_binary_file_is_no_transcript(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    directory = tmp_path_factory.mktemp("binary")
    names = ("agent-s.jsonl", "rollout-s.jsonl", "session-s.json", "session-s.jsonl", "opencode.db")
    for name in (*names, "s.csv", "s.json"):
        (directory / name).write_bytes(garbage)
    found = gather([(directory, AGENTS), *((one, AGENTS) for one in directory.iterdir())])
    assert not found.calls


def test_more_lines_never_lose_a_call(tmp_path: Path) -> None:
    """A transcript that is read while its agent writes it is told as far as it goes."""
    whole = (HOME / CLAUDE / f"{SESSION}.jsonl").read_bytes()
    counts: list[int] = []
    for end in range(0, len(whole), 97):
        path = tmp_path / "agent-s.jsonl"
        path.write_bytes(whole[:end])
        counts.append(len(read(path).calls))
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda at: (at / "repo/.git").mkdir(parents=True), "repo"),
        (lambda at: (at / "repo").mkdir(), "deep"),
        (
            lambda at: write_lines(at / "repo/.git").write_text("gitdir: /x/main/.git/worktrees/w"),
            "main",
        ),
        (
            lambda at: write_lines(at / "repo/.git").write_text("gitdir: ../.git/modules/repo"),
            "repo",
        ),
        (lambda at: write_lines(at / "repo/.git").write_bytes(b"\xff\x00"), "repo"),
    ],
    ids=["repository", "none", "worktree", "submodule", "broken"],
)
def test_the_repository_of_a_directory(
    tmp_path: Path, make: Callable[[Path], object], name: str
) -> None:
    make(tmp_path)
    assert repository_of(str(tmp_path / "repo/deep")) == name


@pytest.mark.parametrize("directory", ["", "/", "\0", "x" * 10_000, "C:\\work\\app"])
def test_a_directory_of_elsewhere_names_nothing_that_raises(directory: str) -> None:
    assert isinstance(repository_of(directory), str)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-05-04T10:00:00.500Z", 1777888800.5),
        ("2026-05-04 10:00:00", 1777888800.0),
        ("2026-05-04T12:00:00+02:00", 1777888800.0),
        ("1969-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_times(written: str, seconds: float | None) -> None:
    assert unix_seconds(written) == seconds


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"CLAUDE_CONFIG_DIR": "{}/x, {}/y"}, "y/projects"),
        ({"XDG_CONFIG_HOME": "{}/x"}, "x/claude/projects"),
        ({"CODEX_HOME": "{}/x"}, "x/archived_sessions"),
        ({"GEMINI_CLI_HOME": "{}/x"}, "x/.gemini/tmp"),
        ({"XDG_DATA_HOME": "{}/x"}, "x/opencode/storage"),
    ],
)
def test_agents_may_have_been_told_another_place(
    tmp_path: Path, environment: dict[str, str], place: str
) -> None:
    (tmp_path / place).mkdir(parents=True)
    told = {name: value.replace("{}", str(tmp_path)) for name, value in environment.items()}
    assert [path for path, _agents in known_places(tmp_path, told, AGENTS)] == [tmp_path / place]


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        (f"{SESSION}.jsonl", "claude-code"),
        ("agent-a1.jsonl", "claude-code"),
        ("history.jsonl", None),
        (f"2026-05-04T10_{SESSION}.jsonl", None),
        (f"rollout-2026-05-04T10-00-00-{SESSION}.jsonl", "codex"),
        ("session-2026-05-04T10-00-aaaa.json", "gemini-cli"),
        ("session-2026-05-04T10-00-aaaa.jsonl", "gemini-cli"),
        ("logs.json", "litellm"),
        ("spend.csv", "litellm"),
        ("opencode.db", "opencode"),
        ("opencode-preview.db", "opencode"),
        ("state.db", None),
    ],
)
def test_whose_a_file_is_by_its_name(name: str, agent: str | None) -> None:
    assert next((one.name for one in AGENTS if one.takes(Path(name))), None) == agent


def test_a_database_that_keeps_answers_elsewhere_is_counted(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    database = tmp_path / "opencode.db"
    write_database(home / ".local/share/opencode/storage", database)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("ALTER TABLE message RENAME TO message_v9")
    found = read(database).found["opencode"]
    assert (found.calls, found.unread) == (0, {"databases without answers in the known tables": 1})
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("CREATE TABLE message (id)")
    found = read(database).found["opencode"]
    assert (found.calls, found.unread) == (0, {"databases that cannot be read to their end": 1})


def test_a_place_that_no_disk_can_hold_is_not_there(tmp_path: Path) -> None:
    assert known_places(tmp_path, {"CODEX_HOME": "x" * 5_000, "XDG_DATA_HOME": "\0"}, AGENTS) == []


def test_a_home_without_agents_has_no_places(tmp_path: Path) -> None:
    assert known_places(tmp_path, {}, AGENTS) == []
