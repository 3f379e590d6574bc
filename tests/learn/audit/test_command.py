"""`turnout audit` as it is run: the bill, the weeks, the policies, and what is kept of a text."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.learn.audit.homes import EXPORTS, HOME, TEXT, copy_home
from tests.learn.audit.test_transcripts import claude_line, write_lines
from turnout.__main__ import main
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.audit.chart import chart_of
from turnout.learn.audit.command import run
from turnout.learn.audit.transcripts import AGENTS, gather
from turnout.learn.replay.command import Asked
from turnout.learn.replay.named import WITHOUT_KINDS

FEW = ("--policies", "best-fixed,cheapest", "--candidates", "claude-haiku-4-5")

USAGE = {
    "input_tokens": 1_000,
    "cache_read_input_tokens": 20_000,
    "cache_creation_input_tokens": 4_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 3_000, "ephemeral_1h_input_tokens": 1_000},
    "output_tokens": 500,
}
USD = (1_000 * 5 + 20_000 * 0.5 + 3_000 * 6.25 + 1_000 * 10 + 500 * 25) / 1e6
"""What it costs of Opus 4.8, by what Anthropic publishes for a million tokens."""


def answer(number: int, **differences: object) -> dict[str, object]:
    own = differences.pop("message", {})
    assert isinstance(own, dict)
    return claude_line(message={"id": f"msg_{number}", "usage": USAGE} | own, **differences)


def told(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert main(["audit", str(path), *FEW, "--json", *options]) == 0
    found: dict[str, object] = msgspec.json.decode(capsys.readouterr().out, type=dict[str, object])
    return found


def bill(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    return msgspec.convert(told(path, capsys, *options)["bill"], dict[str, object])


def sums(found: dict[str, object], table: str) -> list[tuple[object, ...]]:
    """Names of a table's rows with their calls and dollars."""
    rows = msgspec.convert(found[table], list[dict[str, object]])
    inner = [msgspec.convert(row.pop("sum"), dict[str, object]) for row in rows]
    return [(*row.values(), own["calls"], own["usd"]) for row, own in zip(rows, inner, strict=True)]


def test_the_bill_is_the_list_price_of_every_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1), answer(2), answer(3))
    found = bill(path, capsys)
    assert found["usd"] == pytest.approx(3 * USD)
    assert (found["calls"], found["estimated_usd"], found["unpriced_calls"]) == (3, 0.0, 0)


def test_an_unknown_price_is_said_and_never_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = {"model": "unheard-of-\x1b[31m1"}
    path = write_lines(
        tmp_path / "agent-s.jsonl", answer(1), answer(2, message=unknown, sessionId="t")
    )
    found = told(path, capsys)
    own = msgspec.convert(found["bill"], dict[str, object])
    assert own["usd"] == pytest.approx(USD)
    assert (own["unpriced_calls"], own["unpriced_tokens"]) == (1, 25_500)
    assert [usd for *_rest, usd in sums(found, "models")] == [pytest.approx(USD), None]
    assert found["left_out"] == {"of a thread with a model that has no price": 1}
    assert main(["audit", str(path), *FEW]) == 0
    printed = capsys.readouterr().out
    assert "1 calls with 25,500 tokens whose price is not known (unheard-of-?[31m1)" in printed
    assert "\x1b" not in printed


def test_where_nothing_has_a_price_nothing_is_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1, message={"model": "unheard-of-1"}))
    found = told(path, capsys)
    assert (found["replayed"], found["assumed"]) == (None, [])
    assert main(["audit", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "1 calls from" not in printed
    assert "come to unknown dollars" in printed
    assert "No thread can be replayed; left out: 1 of a thread with a model" in printed


def test_a_placeholder_is_estimated_and_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream's first usage says 1 token; 3,600 characters are about a thousand."""
    placeholder = {
        "stop_reason": None,
        "usage": USAGE | {"output_tokens": 1},
        "content": [{"type": "text", "text": "x" * 3_600}],
    }
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1), answer(2, message=placeholder))
    found = bill(path, capsys)
    assert found["estimated_calls"] == 1
    assert found["estimated_usd"] == pytest.approx(1_000 * 25 / 1e6)
    assert found["usd"] == pytest.approx(2 * USD + 500 * 25 / 1e6)
    assert main(["audit", str(path), *FEW]) == 0
    assert "0.03 of it is estimated" in capsys.readouterr().out


def test_another_tier_and_the_agents_own_reckoning_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = {"usage": USAGE | {"speed": "fast"}}
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1, message=fast), answer(2, costUSD=0.5))
    found = bill(path, capsys)
    assert (found["other_tier_calls"], found["reported_calls"], found["reported_usd"]) == (
        1,
        1,
        0.5,
    )
    assert main(["audit", str(path), *FEW]) == 0
    printed = capsys.readouterr().out
    assert "1 calls were of another service tier" in printed
    assert "own reckoning of 1 of the calls is 0.50" in printed


def test_the_bill_by_repository_and_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Sunday's last second and the Monday after it; a session stays where it began."""
    sunday, monday = "2026-05-03T23:59:59Z", "2026-05-04T00:00:00Z"
    path = write_lines(
        tmp_path / "agent-s.jsonl",
        answer(1, timestamp=sunday),
        answer(2, timestamp=monday, cwd="/nowhere/app/src"),
        answer(3, timestamp=monday, cwd="/nowhere/web", sessionId="t"),
    )
    assert sums(told(path, capsys), "weeks") == [
        ("app", "2026-04-27", 1, pytest.approx(USD)),
        ("app", "2026-05-04", 1, pytest.approx(USD)),
        ("web", "2026-05-04", 1, pytest.approx(USD)),
    ]


def test_every_table_adds_up_to_the_bill(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(HOME, capsys)
    own = msgspec.convert(found["bill"], dict[str, object])
    for table in ("weeks", "models"):
        rows = sums(found, table)
        assert sum(row[-2] for row in rows if isinstance(row[-2], int)) == own["calls"]
        usd = sum(row[-1] for row in rows if isinstance(row[-1], float))
        assert usd == pytest.approx(own["usd"])


def test_only_what_began_since(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(
        tmp_path / "agent-s.jsonl",
        answer(1, timestamp="2026-05-03T23:59:59Z"),
        answer(2, timestamp="2026-05-04T00:00:00Z"),
    )
    assert bill(path, capsys, "--since", "2026-05-04")["calls"] == 1


def test_only_one_agent(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(HOME, capsys, "--harness", "codex")
    assert {row[0] for row in sums(found, "models")} == {"codex"}


def test_the_home_is_where_it_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(HOME))
    assert main(["audit", *FEW]) == 0
    printed = capsys.readouterr().out
    for agent in ("claude-code", "codex", "gemini-cli", "opencode"):
        assert f"{agent}: " in printed


@pytest.mark.parametrize("asked", [("--scenario", "kind"), ("--policies", "locked-kind")])
def test_what_a_task_is_about_is_not_known(
    asked: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["audit", str(HOME), *asked])
    assert "read from its text, which an audit passes over" in capsys.readouterr().err


def test_a_home_without_transcripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["audit"]) == 1
    assert "No agent has kept a transcript" in capsys.readouterr().err


def test_all_policies_and_which_of_them_assume(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = ("--candidates", "claude-haiku-4-5", "--scenario", "all")
    assert main(["audit", str(HOME), *candidates]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert set(WITHOUT_KINDS) <= {line.split()[0] for line in printed if line.strip()}
    (assumed,) = [line for line in printed if line.startswith("Of these, ")]
    assert "cheapest" in assumed
    assert "best-fixed" not in assumed
    assert "by the scenario all" in assumed


def test_a_replay_of_the_written_table_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = told(HOME, capsys, "--traces-out", str(tmp_path / "traces"))
    assert main(["replay", "--traces", str(tmp_path / "traces"), *FEW, "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out) == own["replayed"]


def test_nothing_that_was_said_is_in_what_comes_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every text of the transcripts is one word."""
    home = copy_home(tmp_path)
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert sum(one.count(TEXT.encode()) for one in files) > 100
    traces = tmp_path / "traces"
    paths = [str(home), *(str(home / one.name) for one in EXPORTS)]
    for form in ((), ("--json",)):
        assert main(["audit", *paths, *FEW, *form, "--traces-out", str(traces)]) == 0
    written = capsys.readouterr()
    assert TEXT not in written.out + written.err
    table = json.dumps(_columns(traces), default=str)
    assert "claude-opus-4-8" in table
    assert TEXT not in table


def _columns(traces: Path) -> dict[str, list[object]]:
    import importlib

    read = importlib.import_module("pyarrow.parquet").read_table
    found: dict[str, list[object]] = read(str(traces / "trace_calls.parquet")).to_pydict()
    return found


def test_a_chart_of_what_the_policies_come_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(
        tmp_path / "agent-s.jsonl",
        answer(1, timestamp="2026-05-04T10:00:00Z"),
        answer(2, timestamp="2026-05-04T11:30:00Z"),
        answer(3, timestamp="2026-05-04T11:40:00Z"),
    )
    found = told(path, capsys, "--plot", str(tmp_path / "new" / "bill.png"))
    assert (tmp_path / "new/bill.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "new/bill.svg").read_text()
    assert all(word in drawn for word in ("best-fixed", "cheapest", "requested", "hours since"))
    replayed = msgspec.convert(found["replayed"], dict[str, object])
    rows = msgspec.convert(replayed["policies"], list[dict[str, object]])
    asked = Asked(
        ("best-fixed", "cheapest"),
        ("claude-haiku-4-5",),
        "subagents",
        1,
        1.0,
        keeps_warm=False,
        held_out=False,
    )
    done = run(gather([(path, AGENTS)]), asked, catalog=parse_catalog(snapshot_bytes()))
    series = chart_of(done.rows, done.recorded).series
    requested, *_others = (row["usd"] for row in rows)
    assert isinstance(requested, float)
    for row, line in zip(rows, series, strict=True):
        assert isinstance(row["usd"], float)
        assert line.label == f"{row['policy']}: {row['usd']:,.2f}"
        assert (line.x, line.y[0]) == ([0.0, 1.0, 2.0], 0.0)
        assert line.y[-1] == pytest.approx(row["usd"] - requested)
    fewer = chart_of({name: done.rows[name] for name in ("requested", "cheapest")}, done.recorded)
    assert fewer.series[1].place == series[2].place


def test_what_is_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1), answer(2))
    assert main(["audit", str(path), "--plot", str(tmp_path / "bill.txt")]) == 0
    said = capsys.readouterr().err
    assert f"{tmp_path}/bill.png and {tmp_path}/bill.svg written.\n" in said
    assert {one.name for one in tmp_path.glob("bill.*")} == {"bill.png", "bill.svg"}


def test_where_nothing_is_replayed_nothing_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(tmp_path / "agent-s.jsonl", answer(1, message={"model": "unheard-of-1"}))
    assert main(["audit", str(path), "--plot", str(tmp_path / "bill")]) == 1
    assert "There is nothing to plot" in capsys.readouterr().err


def test_clocks_that_go_back_keep_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(
        tmp_path / "agent-s.jsonl",
        answer(1, timestamp="2026-05-04T10:00:00Z"),
        answer(2, timestamp="2026-05-04T09:00:00Z", message={"stop_reason": "max_tokens"}),
    )
    traces = tmp_path / "traces"
    told(path, capsys, "--traces-out", str(traces))
    columns = _columns(traces)
    assert columns["stop_reason"] == ["end_turn", "max_tokens"]
    assert (columns["idx"], columns["gap_s"]) == ([0, 1], [None, 0.0])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("/nowhere/at/all",), "/nowhere/at/all does not exist"),
        (("x" * 5_000,), "does not exist"),
        ((str(HOME / ".gemini/tmp/app/.project_root"),), "No call was found in 0 transcripts"),
        ((str(HOME / ".gemini/tmp/app/logs.json"),), "No call was found in 1 transcripts"),
        ((str(HOME), "--policies", "best"), "There is no policy best"),
        ((str(HOME), *FEW, "--traces-out", "/dev/null/x"), "/dev/null/x cannot be written"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], reason: str
) -> None:
    assert main(["audit", *options]) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


def test_a_table_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trace_calls.parquet").mkdir()
    assert main(["audit", str(HOME), *FEW, "--traces-out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"turnout: {tmp_path} cannot be written: ")
    assert said.count("\n") == 1


def test_a_date_is_a_date(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--since", "May"])
    assert "May is no date such as 2026-05-31" in capsys.readouterr().err
