"""Decisions of a running product, read back from ClickHouse: they are those of the library, and have words."""

import json
import re
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.e2e.product import Product, run
from tests.e2e.test_behaviour import MESSAGES, PATIENCE_SECONDS, ask, message, until
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.models import model_of_target
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.parquet import load_table
from turnout.policy.breaker import IN_A_ROW
from turnout.policy.switch import decide
from turnout.ports import RouteAnswer
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.telemetry.recorded_decisions import SELECT, RecordedDecision, read_decision

ALL = f"{SELECT} WHERE request_id IN {{ids:Array(String)}} FORMAT JSONEachRow"

TASKS = (
    "Fix the crash when the configuration file is empty.",
    "Write release notes from the merged pull requests",
    "Rename the option to max_retries everywhere.",
)


def thread(product: Product, model: str, task: str, *, steps: int) -> list[str]:
    """Ids of the requests of a thread that grows by an answer and a reply with each."""
    said: list[dict[str, object]] = [{"role": "user", "content": task + " Details follow. " * 400}]
    ids: list[str] = []
    for _ in range(steps):
        body = {"model": model, "max_tokens": 100, "messages": said, "system": "You help. " * 800}
        answer = ask(product, MESSAGES, json.dumps(body).encode())
        answer.raise_for_status()
        ids.append(answer.headers["turnout-request-id"])
        said += [
            {"role": "assistant", "content": answer.json()["content"]},
            {"role": "user", "content": "Go on. " * 50},
        ]
    return ids


@pytest.fixture(scope="module")
def recordings() -> dict[str, list[RecordedDecision]]:
    """By the product's address."""
    return {}


@pytest.fixture
def recorded(
    product: Product, recordings: dict[str, list[RecordedDecision]]
) -> list[RecordedDecision]:
    """Those of one composition are the same for all tests, which only read them."""
    if product.url not in recordings:
        recordings[product.url] = record(product)
    return recordings[product.url]


def record(product: Product) -> list[RecordedDecision]:
    """Of threads at free choice, below a ceiling, pinned, and in every mode; of a title; of a refusal."""
    ids = [
        *(
            one
            for model in ("turnout/auto", "claude-opus-5-5", "turnout/claude-sonnet-5-5")
            for task in TASKS
            for one in thread(product, model, task, steps=3)
        ),
        ask(product, MESSAGES, message("claude-opus-5-5", text="quota", max_tokens=1)).headers[
            "turnout-request-id"
        ],
    ]
    for mode in ("observe", "cache", "subagents", "full"):
        httpx.put(f"{product.url}/v1/modes/default", json={"mode": mode}).raise_for_status()
        ids += thread(product, "claude-opus-5-5", f"In {mode} mode. {TASKS[0]}", steps=2)
    return recorded_of(product, ids)


def recorded_of(product: Product, ids: list[str]) -> list[RecordedDecision]:
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            told = warehouse.raw_query(ALL, parameters={"ids": ids}).decode()
            found = [read_decision(line) for line in told.splitlines()]
            if len(found) == len(ids):
                return found
    raise AssertionError(f"{len(found)} of {len(ids)} decisions are recorded")


def test_what_was_decided_live_is_what_the_library_decides(
    recorded: list[RecordedDecision],
) -> None:
    """The scorer of a split product is another process, and its facts came over the bus."""
    catalog = parse_catalog(snapshot_bytes())
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    for one in recorded:
        assert "scorer" not in one.decision.degraded
        assert decide(one.inputs, catalog=catalog, tables=tables) == one.decision
    reasons = {one.decision.reason for one in recorded}
    assert {
        *("free_window_new_thread", "warm_incumbent", "pinned_model", "auxiliary_request"),
        *("observe_mode", "cache_mode", "subagents_mode"),
    } <= reasons


def test_a_request_is_explained_by_its_id(
    product: Product, recorded: list[RecordedDecision]
) -> None:
    one = next(one for one in recorded if one.decision.reason == "warm_incumbent")
    told = run("explain", one.request_id, settings=product.settings)
    assert told.returncode == 0, told.stderr
    assert f"{one.decision.targets[0]} serves it (stay, warm_incumbent)" in told.stdout
    assert f"It was answered by {one.decision.targets[0]} in 1 attempt: " in told.stdout
    assert told.stdout.endswith("Decided again with the same tables, it would be the same.\n")
    other = run(
        *("explain", one.request_id),
        settings={**product.settings, "TURNOUT_CATALOG__FILE": "/nowhere.json"},
    )
    assert (other.returncode, other.stdout) == (1, "")
    unknown = run("explain", "req_0", settings=product.settings)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "No decision of 'req_0' is recorded" in unknown.stderr
    assert "What /v1/route decides is not served and not recorded" in unknown.stderr


def test_a_request_that_failed_is_explained(product: Product) -> None:
    product.script(*["status=529"] * 12)
    answer = ask(product, MESSAGES, message("turnout/claude-sonnet-5-5", text="Fail."))
    assert answer.status_code == 529
    request_id = answer.headers["turnout-request-id"]
    for _ in until(PATIENCE_SECONDS):
        told = run("explain", request_id, settings=product.settings)
        if "no tokens told" in told.stdout and "Attempt 1" in told.stdout:
            break
    assert (told.returncode, told.stderr) == (0, "")
    assert (
        "Attempt 1 (first) to anthropic/claude-sonnet-5-5@simulated: failed (overloaded, status 529)"
        in told.stdout
    )
    assert re.search(
        r"It failed in \d attempts? \(overloaded, status 529\): no tokens told", told.stdout
    )


def broken_off(product: Product, text: str) -> list[httpx.Response]:
    """A thread's first answer, which broke off, the one after the tracker has heard of that, and one more."""
    said: list[dict[str, object]] = [{"role": "user", "content": text}]

    def body(**more: object) -> bytes:
        asked = {"model": "turnout/auto", "max_tokens": 100, "messages": said, **more}
        return json.dumps(asked).encode()

    product.script("error-in-stream,tokens=100")
    broken = ask(product, MESSAGES, body(stream=True))
    assert "event: error" in broken.text
    told = f"Its last answer, by {broken.headers['turnout-provider']}/{broken.headers['turnout-model']}@"
    for _ in until(PATIENCE_SECONDS):
        # The tracker hears of it beside the answer.
        route = httpx.post(f"{product.url}/v1/route", content=body(), timeout=30).json()
        if any(line.startswith(told) for line in route["explanation"]):
            break
    again = ask(product, MESSAGES, body())
    said += [
        {"role": "assistant", "content": again.json()["content"]},
        {"role": "user", "content": "Go on."},
    ]
    for _ in until(PATIENCE_SECONDS):
        # And of the one that is whole.
        route = httpx.post(f"{product.url}/v1/route", content=body(), timeout=30).json()
        if not any(line.startswith(told) for line in route["explanation"]):
            break
    return [broken, again, ask(product, MESSAGES, body())]


def test_the_request_after_an_answer_that_broke_off_goes_elsewhere(product: Product) -> None:
    for number in range(5):
        answers = broken_off(product, f"{TASKS[1]}. Details follow, for the {number + 1}. time.")
        if not any("turnout-degraded" in one.headers for one in answers):
            break
        # Decided without the thread, on a machine that had much else to do.
    ids = [one.headers["turnout-request-id"] for one in answers]
    by_id = {one.request_id: one for one in recorded_of(product, ids)}
    first, second, third = (by_id[one] for one in ids)
    assert first.inputs.state.broke_off == third.inputs.state.broke_off == ""
    assert second.inputs.state.broke_off == first.decision.targets[0]
    assert second.decision.reason == "broke_off"
    assert second.decision.targets[0] != first.decision.targets[0]


def test_a_target_that_fails_is_left_and_what_was_seen_is_an_input(product: Product) -> None:
    """The scorer of a split product hears of both from the dispatcher, over the bus."""

    def route() -> RouteAnswer:
        body = message("turnout/auto", text=f"{TASKS[1]}.")
        told = httpx.post(f"{product.url}/v1/route", content=body, timeout=30)
        return msgspec.json.decode(told.content, type=RouteAnswer)

    settings = f"{product.url}/v1/settings/default/second_usd"
    httpx.put(settings, json={"value": 0.01}).raise_for_status()
    try:
        for _ in until(PATIENCE_SECONDS):
            if (before := route()).decision.second_usd:
                break
        first = before.decision.targets[0]
        for number in range(IN_A_ROW):
            product.script("status=500")
            text = f"{TASKS[1]}. It is the {number + 1}. time."
            answer = ask(product, MESSAGES, message("turnout/auto", text=text))
            assert answer.headers["turnout-attempts"] == "2"
        for _ in until(PATIENCE_SECONDS):
            after = route()
            states = {one.target: one.state for one in after.inputs.health}
            if first in states:
                break
    finally:
        httpx.delete(settings).raise_for_status()
    assert states.get(first) == "ejected"
    assert after.decision.targets[0] != first
    assert answer.headers["turnout-model"] in {
        model_of_target(one.target) for one in after.inputs.latencies
    }
    assert all(one.latency_usd > 0.0 for one in after.decision.candidates)


def test_new_threads_are_decided_over_the_dial(
    product: Product, recorded: list[RecordedDecision]
) -> None:
    told = run("mix", "--days", "2", "--json", settings=product.settings)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    new = [one for one in recorded if not one.inputs.state.steps]
    assert found["threads"] + found["left_out"] >= len(new)
    costs = [point["usd"] for point in found["points"]]
    assert costs == sorted(costs)
    table = run("mix", "--tenant", "default", settings=product.settings)
    assert "new threads of the last 7 days" in table.stdout
    nobody = run("mix", "--tenant", "nobody", settings=product.settings)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "`--traces DIR` takes recorded sessions instead" in nobody.stderr


@pytest.mark.parametrize("process", ["embedded"], indirect=True)
def test_own_requests_are_tables_to_replay(
    product: Product, recorded: list[RecordedDecision], tmp_path: Path
) -> None:
    told = run("export", "--out", str(tmp_path), settings=product.settings)
    assert told.returncode == 0, told.stderr
    assert "left out" not in told.stdout
    calls = load_table(tmp_path, "trace_calls")
    steps = sum(one.inputs.identity.request_class == "main" for one in recorded)
    assert calls.rows >= steps
    assert not set(calls.texts("session")) & {one.inputs.identity.session for one in recorded}
    replayed = run(
        *("replay", "--traces", str(tmp_path), "--policies", "turnout", "--json"),
        settings=product.settings,
    )
    assert replayed.returncode == 0, replayed.stderr
    assert '"turnout"' in replayed.stdout
