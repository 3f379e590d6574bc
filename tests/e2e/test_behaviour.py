"""The whole product: bytes, rows, explanations, modes, leaving clients."""

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.product import POLL_SECONDS, Product, run

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}

ROW_SECONDS = 2.0
"""The promise: a request is a row in ClickHouse this soon after its answer."""

PATIENCE_SECONDS = 10.0
"""For what has no promise, on a loaded machine."""


def ask(product: Product, path: str, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(product.url + path, content=body, headers={**HEADERS, **headers}, timeout=30)


def message(model: str, text: str = "Say something short.", **more: object) -> bytes:
    return json.dumps(
        {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
    ).encode()


def until(seconds: float) -> Iterator[float]:
    """Seconds gone by, again and again until that many are."""
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        yield gone
        time.sleep(POLL_SECONDS)


# -- bytes -------------------------------------------------------------------------------------

ODD_MESSAGES = (
    b'{ "stream":%s,\n"messages" : [{"content":[{"text":"caf\\u00e9 \xe2\x98\x95","type":"text"}],'
    b'"role":"user"}], "max_tokens" : 100,"metadata": {"user_id":"u" },\t"model":"claude-opus-5-5"}'
)
ODD_CHAT = (
    b'{ "stream":%s,\n"messages" : [{"content":"caf\\u00e9 \xe2\x98\x95","role":"user"}],'
    b'"temperature":1.0,"user":"u","stream_options":{"include_usage":true},\t"model":"gpt-5.5"}'
)


@pytest.mark.parametrize("stream", [b"true", b"false"])
@pytest.mark.parametrize(("path", "odd"), [(MESSAGES, ODD_MESSAGES), (CHAT, ODD_CHAT)])
def test_within_a_dialect_both_directions_are_the_same_bytes(
    product: Product, path: str, odd: bytes, stream: bytes
) -> None:
    if path == CHAT and stream == b"false":
        odd = odd.replace(b'"stream_options":{"include_usage":true},', b"")
    body = odd % stream
    observe(product)
    try:
        routed = ask(product, path, body)
    finally:
        observe(product, back=True)
    assert routed.status_code == 200, routed.text
    (entry,) = product.seen()
    assert entry["body_digest"] == hashlib.sha256(body).hexdigest()
    product.reset_simulator()
    own = {**HEADERS, "authorization": "Bearer own", "x-api-key": "own"}
    straight = httpx.post(product.simulator + path, content=body, headers=own)
    assert without_time(routed.content) == without_time(straight.content)
    assert routed.headers["content-type"] == straight.headers["content-type"]


def without_time(body: bytes) -> bytes:
    return re.sub(rb'"created":\d+', b'"created":0', body)


# -- rows --------------------------------------------------------------------------------------


def test_a_request_is_a_row_in_clickhouse_within_two_seconds(product: Product) -> None:
    taken: list[float] = []
    with product.warehouse() as warehouse:
        # The promise is of a machine that is not shared; one of three must keep it.
        for _ in range(3):
            answer = ask(
                product, MESSAGES, message("turnout/auto"), **{"x-turnout-branch": "fix/row"}
            )
            request_id = answer.headers["turnout-request-id"]
            for gone in until(PATIENCE_SECONDS):
                rows = warehouse.query(
                    "SELECT outcome, served_model, branch, step_kind, cost_usd > 0, mode"
                    " FROM requests WHERE request_id = {id:String}",
                    parameters={"id": request_id},
                ).result_rows
                if rows:
                    taken.append(gone)
                    break
            (row,) = rows
            assert tuple(row) == (
                "answered",
                answer.headers["turnout-model"],
                "fix/row",
                "user_input",
                1,
                "full",
            )
            if taken[-1] < ROW_SECONDS:
                return
    raise AssertionError(taken)


def test_a_refused_request_is_a_row_too(product: Product) -> None:
    answer = ask(product, MESSAGES, b"{")
    assert answer.status_code == 400
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            rows = warehouse.query(
                "SELECT outcome, status, error FROM requests WHERE request_id = {id:String}",
                parameters={"id": answer.headers["turnout-request-id"]},
            ).result_rows
            if rows:
                break
    assert [tuple(row) for row in rows] == [("rejected", 400, "invalid_request")]


def test_an_outcome_told_twice_is_one_row(product: Product) -> None:
    told = {"id": f"e2e-{product.url}", "branch": "fix/row", "kind": "tests", "tests_passed": 7}
    answers = [httpx.post(f"{product.url}/v1/outcomes", json=told) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    (outcome_id,) = {answer.json()["outcome_ids"][0] for answer in answers}
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            counted = warehouse.query(
                "SELECT count(), max(tests_passed) FROM outcomes FINAL WHERE event_id = {id:String}",
                parameters={"id": outcome_id},
            ).result_rows[0]
            if counted[0]:
                break
    assert tuple(counted) == (1, 7)


# -- explanations and modes --------------------------------------------------------------------


def test_a_decision_is_explained(product: Product) -> None:
    answer = httpx.post(f"{product.url}/v1/route", content=message("turnout/auto"))
    assert answer.status_code == 200
    told = answer.json()
    assert told["decision"]["targets"]
    assert len(told["decision"]["candidates"]) > 1
    assert told["decision"]["artifact_digest"]
    assert any("turnout/auto" in line for line in told["explanation"])
    assert not product.seen(), "nothing is sent"


def observe(product: Product, *, back: bool = False) -> None:
    mode = "full" if back else "observe"
    httpx.put(f"{product.url}/v1/modes/default", json={"mode": mode}).raise_for_status()


def test_a_mode_is_effective_at_the_next_request(product: Product) -> None:
    body = message("turnout/auto", text="Which mode is this?")
    for mode in ("observe", "full", "observe", "full"):
        observe(product, back=mode == "full")
        answer = ask(product, MESSAGES, body)
        assert answer.headers["turnout-mode"] == mode
        if mode == "observe":
            assert answer.headers["turnout-model"] == "claude-opus-5-5"


def test_the_commands_beside_it(product: Product) -> None:
    changed = run("mode", "observe", settings={**product.settings, "TURNOUT_KEY": ""})
    name, mode, how = changed.stdout.removesuffix("\n").split("\t")
    assert (name, mode) == ("default", "observe")
    assert how.startswith("set by local at 20")
    assert httpx.get(f"{product.url}/v1/modes").json() == {"default": "observe"}
    observe(product, back=True)
    ask(product, MESSAGES, message("claude-opus-5-5")).raise_for_status()
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            if warehouse.query("SELECT 1 FROM requests LIMIT 1").result_rows:
                break
    queried = run("sql", "dearest_sessions", settings=product.settings)
    assert queried.returncode == 0, queried.stderr
    assert "─" in queried.stdout
    nobody = run("sql", "dearest_sessions", "only_tenant=nobody", settings=product.settings)
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (0, "", "no rows\n")


# -- leaving clients ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model"),
    [(MESSAGES, "turnout/claude-sonnet-5-5"), (CHAT, "turnout/claude-sonnet-5-5")],
)
def test_bug_39_a_client_that_leaves_in_the_middle_ends_the_providers_work(
    product: Product, path: str, model: str
) -> None:
    product.script("gap=0.05,tokens=5000")
    with (
        httpx.Client(timeout=30) as client,
        client.stream(
            "POST", product.url + path, content=message(model, stream=True), headers=HEADERS
        ) as answer,
    ):
        request_id = answer.headers["turnout-request-id"]
        for _ in answer.iter_raw():
            break
    for _ in until(PATIENCE_SECONDS):
        (entry,) = product.seen()
        if entry["ended_at"] is not None:
            break
    assert entry["aborted"] is True
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            rows = warehouse.query(
                "SELECT outcome FROM requests WHERE request_id = {id:String}",
                parameters={"id": request_id},
            ).result_rows
            if rows:
                break
    assert [tuple(row) for row in rows] == [("cancelled",)]


def test_bug_39_a_client_that_leaves_before_the_first_byte_ends_the_providers_work(
    product: Product,
) -> None:
    product.script("ttft=30")
    with contextlib.suppress(httpx.ReadTimeout):
        httpx.post(
            product.url + MESSAGES,
            content=message("turnout/claude-sonnet-5-5", stream=True),
            headers=HEADERS,
            timeout=httpx.Timeout(5, read=0.5),
        )
    for _ in until(PATIENCE_SECONDS):
        entries = product.seen()
        if entries and entries[0]["ended_at"] is not None:
            break
    assert [entry["aborted"] for entry in entries] == [True]


# -- the edge ----------------------------------------------------------------------------------


def test_the_edge_over_a_real_socket(product: Product) -> None:
    url = product.url
    assert httpx.head(url).status_code == 200
    assert httpx.head(f"{url}/api/hello").status_code == 200
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert "turnout_requests_total" in httpx.get(f"{url}/metrics").text
    assert httpx.get(f"{url}/v1/responses").status_code == 405
    assert httpx.post(f"{url}/v2/else").status_code == 404
    assert ask(product, MESSAGES, b"{}", host="evil.example").status_code == 403
    assert ask(product, MESSAGES, b"{}", origin="https://evil.example").status_code == 403
    assert "/v1/route" in httpx.get(f"{url}/openapi.json").json()["paths"]


# Only there one port has the metrics of every part.
@pytest.mark.parametrize("process", ["embedded"], indirect=True)
def test_how_targets_stand_is_in_the_metrics(product: Product) -> None:
    assert ask(product, MESSAGES, message("claude-haiku-5-5")).status_code == 200
    told = httpx.get(f"{product.url}/metrics").text
    named = 'target="anthropic/claude-haiku-5-5@simulated"'
    assert f'turnout_first_content_p95_seconds{{size="under_2k",{named}}}' in told
    assert f'turnout_target_state{{state="healthy",{named}}} 1.0' in told
    assert 'turnout_hedges_suppressed_total{reason="no_dollars_left"} 0.0' in told
    assert 'turnout_targets_passed_over_total{reason="at_its_limit"} 0.0' in told


# A model that nobody else asks for: it is left alone for half a minute.
THROTTLED = "claude-opus-4-6"


def test_a_target_that_throttles_is_not_asked_before_it_said_to_come_back(product: Product) -> None:
    product.script("status=429,retry-after=30")
    answers = [ask(product, MESSAGES, message(f"turnout/{THROTTLED}")) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 429
        assert answer.json()["error"]["type"] == "rate_limit_error"
        assert 20 <= int(answer.headers["retry-after"]) <= 30
    assert [entry["status"] for entry in product.seen()] == [429]
    request_id = answers[1].headers["turnout-request-id"]
    for _ in until(PATIENCE_SECONDS):
        told = run("explain", request_id, settings=product.settings)
        if "no tokens told" in told.stdout:
            break
    assert f"anthropic/{THROTTLED}@simulated was passed over: throttled." in told.stdout
    assert "It was refused without an attempt (rate limited, status 429)" in told.stdout
