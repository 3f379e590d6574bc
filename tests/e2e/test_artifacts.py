"""Another artifact takes over, or runs in shadow, while requests are served."""

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.artifacts import SHIPPED, favouring, finding, foreign, renamed
from tests.e2e.product import Product, run
from tests.e2e.test_behaviour import MESSAGES, PATIENCE_SECONDS, ask, message, until
from turnout.bus.control import BUCKET_HISTORY
from turnout.policy.artifact import parse_artifact

CHANGE_SECONDS = 1.0
"""The promise: another artifact decides this soon after the command."""

NEXT = renamed("2030-01-01")
NEXT_DIGEST = parse_artifact(NEXT).digest


@pytest.fixture
def product(product: Product) -> Generator[Product]:
    yield product
    for role in ("active", "shadow"):
        httpx.delete(f"{product.url}/v1/artifacts/{role}").raise_for_status()
    wait_for(product, SHIPPED.digest, seconds=PATIENCE_SECONDS)


def artifact(product: Product, *arguments: str) -> list[str]:
    """The lines of the command."""
    ended = run("artifact", *arguments, settings={**product.settings, "TURNOUT_KEY": ""})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def put(product: Product, role: str, data: bytes) -> None:
    httpx.put(f"{product.url}/v1/artifacts/{role}", content=data).raise_for_status()


def deciding(product: Product) -> str:
    """Digest of what decides now."""
    told = httpx.post(f"{product.url}/v1/route", content=message("turnout/auto"), timeout=30)
    digest: str = told.json()["decision"]["artifact_digest"]
    return digest


def wait_for(product: Product, digest: str, *, seconds: float = CHANGE_SECONDS) -> None:
    for _ in until(seconds):
        if deciding(product) == digest:
            return
    raise AssertionError(f"{digest} does not decide within {seconds} s")


@contextmanager
def asked_all_the_time(product: Product) -> Generator[list[httpx.Response]]:
    """Requests one after another, for as long as the block lasts."""
    answers: list[httpx.Response] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            answers.append(ask(product, MESSAGES, message("turnout/auto", text="Go on.")))

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        yield answers
    finally:
        is_over.set()
        asking.join()


def test_a_pushed_artifact_decides_within_a_second_and_no_request_is_lost(
    product: Product, tmp_path: Path
) -> None:
    file = tmp_path / "artifact.json"
    file.write_bytes(NEXT)
    with asked_all_the_time(product) as answers:
        lines = artifact(product, "push", str(file))
        wait_for(product, NEXT_DIGEST)
        assert lines == [f"active\t{NEXT_DIGEST}\tbus\tof 2030-01-01", "shadow\tnone"]
        lines = artifact(product, "drop")
        wait_for(product, SHIPPED.digest)
        of = SHIPPED.content.created
        assert lines == [f"active\t{SHIPPED.digest}\tshipped\tof {of}", "shadow\tnone"]
        assert artifact(product, "show") == lines
    assert answers
    assert {answer.status_code for answer in answers} == {200}
    assert not [answer for answer in answers if "turnout-degraded" in answer.headers]


def test_the_tracker_expects_hits_by_what_was_pushed(product: Product) -> None:
    said = [{"role": "user", "content": "Fix the crash. " + "Details follow. " * 2_000}]
    body = json.dumps({"model": "claude-opus-5-5", "max_tokens": 100, "messages": said}).encode()
    marked = body.replace(b'"max_tokens"', b'"cache_control": {"type": "ephemeral"}, "max_tokens"')
    ask(product, MESSAGES, marked).raise_for_status()

    def shares() -> set[float]:
        told = httpx.post(f"{product.url}/v1/route", content=marked, timeout=30).json()
        return {warm["hit_share"] for warm in told["inputs"]["state"]["warm"]}

    assert any(shares() and min(shares()) > 0.9 for _ in until(PATIENCE_SECONDS))
    put(product, "active", finding(0.5))
    assert any(shares() == {0.5} for _ in until(CHANGE_SECONDS))


def explained(product: Product, request_id: str) -> str:
    ended = run("explain", request_id, settings=product.settings)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("process", ["split"], indirect=True)
def test_a_decision_is_explained_by_the_artifact_that_made_it(product: Product) -> None:
    put(product, "active", NEXT)
    wait_for(product, NEXT_DIGEST)
    answer = ask(product, MESSAGES, message("turnout/auto", text="Explain this one."))
    request_id = answer.headers["turnout-request-id"]
    for _ in until(PATIENCE_SECONDS):
        if run("explain", request_id, settings=product.settings).returncode == 0:
            break
    same = "Decided again with the same tables, it would be the same.\n"
    told = explained(product, request_id)
    assert told.endswith(same)
    assert "other tables" not in told
    httpx.delete(f"{product.url}/v1/artifacts/active").raise_for_status()
    told = explained(product, request_id)
    assert f"{same}Decided again with other tables, " in told
    for month in range(1, BUCKET_HISTORY + 1):
        put(product, "active", renamed(f"2031-0{month}-01"))
    told = explained(product, request_id)
    assert f"The artifact that decided it ({NEXT_DIGEST}) is not to be had" in told
    assert "Decided again with other tables, it would be the same.\n" in told


@pytest.mark.parametrize("process", ["embedded"], indirect=True)
def test_the_mix_is_projected_by_what_decides_now(product: Product) -> None:
    answer = ask(product, MESSAGES, message("turnout/auto", text="A new thread."))
    request_id = answer.headers["turnout-request-id"]
    for _ in until(PATIENCE_SECONDS):
        if run("explain", request_id, settings=product.settings).returncode == 0:
            break

    def best() -> dict[str, float]:
        ended = run("mix", "--tenant", "default", "--json", settings=product.settings)
        assert ended.returncode == 0, ended.stderr
        shares: dict[str, float] = json.loads(ended.stdout)["points"][-1]["shares"]
        return shares

    assert list(best()) != ["kimi-k2.6"]
    put(product, "active", favouring("kimi-k2.6"))
    assert next(iter(best())) == "kimi-k2.6"
    url = f"{product.url}/v1/settings/default/candidates"
    httpx.put(url, json={"value": ["claude-haiku-5-5"]}).raise_for_status()
    assert "kimi-k2.6" not in best()
    httpx.delete(url).raise_for_status()


def test_what_is_no_artifact_of_ours_is_refused_in_a_line(product: Product, tmp_path: Path) -> None:
    file = tmp_path / "artifact.json"
    file.write_bytes(foreign())
    for path, says in ((file, "embedder another"), (tmp_path / "none.json", "cannot be read")):
        ended = run("artifact", "push", str(path), settings=product.settings)
        assert ended.returncode == 1
        assert says in ended.stderr
    assert deciding(product) == SHIPPED.digest


def test_a_shadow_leaves_rows_beside_what_is_served(product: Product) -> None:
    model = "claude-haiku-5-5"
    candidate = favouring(model)
    digest = parse_artifact(candidate).digest
    put(product, "active", favouring("claude-opus-5-5"))
    put(product, "shadow", candidate)
    wait_for(product, parse_artifact(favouring("claude-opus-5-5")).digest)
    found: Sequence[Sequence[object]] = ()
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            answer = ask(product, MESSAGES, message("turnout/auto", text="Fix the failing test."))
            assert answer.headers["turnout-model"] == "claude-opus-5-5"
            found = warehouse.query(
                "SELECT served_model, shadow_model, agrees, served_cost_to_go_usd > 0,"
                " shadow_cost_to_go_usd > 0, s.served_target = d.targets[1]"
                " FROM shadow_decisions AS s JOIN decisions AS d USING request_id"
                " WHERE shadow_artifact_digest = {digest:String}",
                parameters={"digest": digest},
            ).result_rows
            if found:
                break
    assert {tuple(row) for row in found} == {("claude-opus-5-5", model, False, True, True, True)}
    queried = run("sql", "shadow_against_served", settings=product.settings)
    assert queried.returncode == 0, queried.stderr
    assert model in queried.stdout
