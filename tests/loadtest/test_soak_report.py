"""What a soak counts, from runs made by hand."""

import pytest

from loadtest.soak_load import Ended, Seen
from loadtest.soak_report import Memory, Rows, Soaked, slopes_mb


def seen(
    number: int,
    verdict: Ended = "answered",
    *,
    begun: float = 0.0,
    request_id: str | None = None,
    degraded: str = "",
) -> Seen:
    return Seen(
        number=number,
        is_bad=False,
        begun=begun,
        ended=begun + 2.0,
        verdict=verdict,
        why=f"openai_chat whole text: {verdict}",
        request_id=f"r{number}" if request_id is None else request_id,
        attempts=1 if verdict == "answered" else 0,
        degraded=degraded,
    )


def rows(*numbers: int) -> Rows:
    ids = [f"r{number}" for number in numbers]
    return Rows(
        requests=dict.fromkeys(ids, 1),
        attempts=dict.fromkeys(ids, (1, 1)),
        decisions=dict.fromkeys(ids, 1),
    )


def figure(soaked: Soaked, name: str) -> str:
    [line] = [line for line in soaked.lines() if line.startswith(name)]
    return line.removeprefix(name).strip()


def test_a_run_in_which_all_is_there_once_has_not_failed() -> None:
    soaked = Soaked(
        begun=1.0,
        seen=[seen(1), seen(2, "failed"), seen(3, degraded="scorer,text")],
        edge_kills=(),
        rows=rows(1, 2, 3),
    )
    assert soaked.failures() == []
    assert figure(soaked, "requests") == "3"
    assert figure(soaked, "answered") == "2"
    assert figure(soaked, "degraded") == "1 (scorer 1, text 1)"
    assert figure(soaked, "failed with a proper error") == "1"
    for name in ("improper answers", "lost facts", "duplicate rows"):
        assert figure(soaked, name) == "0"


@pytest.mark.parametrize("verdict", ["answered", "failed"])
def test_a_request_without_a_row_is_lost(verdict: Ended) -> None:
    soaked = Soaked(begun=1.0, seen=[seen(1), seen(2, verdict)], edge_kills=(), rows=rows(1))
    assert any(line.startswith("  request r2") for line in soaked.failures())


def test_of_an_answer_every_fact_is_wanted() -> None:
    found = rows(1, 2)
    partly = Rows(requests=found.requests, attempts={"r1": (1, 1)}, decisions={"r2": 1})
    soaked = Soaked(begun=1.0, seen=[seen(1), seen(2)], edge_kills=(), rows=partly)
    assert [line.split(":")[0] for line in soaked.lost()] == ["decision r1", "attempts r2, 0 of 1"]
    undecodable = Rows(
        requests=found.requests,
        attempts=found.attempts,
        decisions=found.decisions,
        undecodable=3,
    )
    soaked = Soaked(begun=1.0, seen=[seen(1)], edge_kills=(), rows=undecodable)
    assert soaked.failures() == ["1 lost facts", "  3 facts were undecodable"]


def test_rows_that_are_there_twice_are_counted() -> None:
    twice = Rows(requests={"r1": 2}, attempts={"r1": (3, 2)}, decisions={"r1": 1})
    soaked = Soaked(begun=1.0, seen=[seen(1)], edge_kills=(), rows=twice)
    assert soaked.duplicates() == ["request r1: 2 rows", "attempts of r1: 3 rows of 2"]
    assert soaked.failures()[0] == "2 duplicate rows"


def test_a_connection_that_breaks_is_improper_unless_its_process_was_killed() -> None:
    before, during = seen(1, "broken", begun=5.0), seen(2, "broken", begun=9.0)
    nobody = seen(3, "broken", begun=9.0, request_id="")
    soaked = Soaked(
        begun=1.0, seen=[before, during, nobody], edge_kills=((10.0, 10.1),), rows=rows(1, 2)
    )
    assert soaked.cut() == [during, nobody]
    assert soaked.improper() == [before]
    assert soaked.failures() == [
        "1 improper answers",
        "  4.0 s, for 2.0 s: r1 openai_chat whole text: broken",
    ]


def test_memory_is_told_by_process_and_a_new_process_is_no_shrinking_one() -> None:
    memory = [
        Memory(
            "scorer", pid, age_seconds=20.0 + at, requests=first + at, resident_mb=level + at / 100
        )
        for pid, first, level in ((1, 0, 300.0), (2, 1_000, 100.0))
        for at in range(0, 200, 10)
    ]
    young = [Memory("scorer", 3, age, 2_000 + int(age), 50.0 + 9 * age) for age in (0.0, 9.0, 19.0)]
    slopes = slopes_mb([*memory, *young])
    assert slopes["scorer"] == pytest.approx(100.0)


def test_too_little_memory_to_tell_is_not_told() -> None:
    memory = [Memory("nats", 1, age_seconds=30.0, requests=5, resident_mb=20.0)] * 40
    assert slopes_mb(memory) == {"nats": None}
    assert slopes_mb(memory[:3]) == {"nats": None}
