"""Every PromQL query parses, and names metrics, labels and values that a running product shows."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final, get_args

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from k8s.validate.scaling import AdapterRule, adapter_values
from tests.deploy_observability.dashboards import asked
from tests.deploy_observability.prometheus_server import prometheus
from tests.deploy_observability.promql import names_in
from tests.deploy_observability.promtool import promtool
from tests.deploy_observability.test_alerts import ROOT, rules_of
from tests.faults.product import Product
from turnout.bus.metrics import DropReason
from turnout.engines.free_ports import free_ports
from turnout.facts import AttemptOutcome, OutcomeKind, RequestOutcome
from turnout.observe.calls import CallOutcome
from turnout.observe.metrics import TokenKind

pytestmark = pytest.mark.anyio

ADAPTER: Final = "prometheus-adapter.values.yaml"

TARGET_LABELS: Final = frozenset({"instance", "job"})
"""What Prometheus itself puts on every series."""

SERVICES: Final = ("scorer", "session_cache_tracker", "upstream_dispatcher", "telemetry")

CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "outcome": (*get_args(RequestOutcome), *get_args(AttemptOutcome), *get_args(CallOutcome)),
    "type": get_args(TokenKind),
    "reason": get_args(DropReason),
    "kind": get_args(OutcomeKind),
}
"""Values that traffic need not have shown, because the code can show them."""

SETTLED_SECONDS: Final = 60.0


@dataclass(slots=True)
class Shown:
    """Label values by label, of every sample name that was scraped."""

    labels: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.texts.append(text)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                known = self.labels.setdefault(sample.name, {})
                for label, value in sample.labels.items():
                    known.setdefault(label, set()).add(value)


def queries() -> Iterator[tuple[str, str]]:
    """Each query with the place it stands at, as Grafana sends it."""
    for one in asked():
        if one.target.expr:
            text = one.target.expr.replace("$__rate_interval", "1m").replace("$__range", "6h")
            yield one.place, text
    for file in ("alerts.yaml", "recording.yaml"):
        for rule in rules_of(file):
            yield f"{file}: {rule.alert or rule.record}", rule.expr
    adapter = adapter_values(ROOT).rules
    for asking in (*adapter.custom, *adapter.external):
        yield f"{ADAPTER}: {asking.name.as_}", as_the_adapter_asks(asking)


def as_the_adapter_asks(rule: AdapterRule) -> str:
    """Its query with what it fills in; namespaces and pods are the cluster's own labels."""
    series = rule.series_query.partition("{")[0]
    text = rule.metrics_query.replace("<<.Series>>", series)
    return text.replace("<<.LabelMatchers>>", 'job="turnout"').replace("<<.GroupBy>>", "instance")


QUERIES: Final = dict(queries())


def test_promtool_takes_every_query(tmp_path: Path) -> None:
    rules = "\n".join(
        f"  - record: q{number}\n    expr: >-\n      " + text.replace("\n", "\n      ")
        for number, text in enumerate(QUERIES.values())
    )
    (tmp_path / "all.yaml").write_text(f"groups:\n- name: all\n  rules:\n{rules}\n")

    said = promtool("check", "rules", "all.yaml", cwd=tmp_path)

    assert f"{len(QUERIES)} rules found" in said


def test_nothing_of_grafanas_is_left_in_a_query() -> None:
    for place, text in QUERIES.items():
        assert "$" not in text, place


async def _ask(
    client: aiohttp.ClientSession, product: Product, model: str, steps: int, **headers: str
) -> None:
    """One step of one session; each step's prompt begins with the one before."""
    prompt = "You fix tests. " * 2000
    messages: list[dict[str, str]] = [{"role": "user", "content": "Why does the login test fail?"}]
    for step in range(steps):
        messages += [
            {"role": "assistant", "content": f"I look at file {step}."},
            {"role": "user", "content": f"And file {step + 1}?"},
        ]
    body: dict[str, object] = {
        "model": model,
        "max_tokens": 64,
        "stream": True,
        # Which GPT does not take: a change for its target.
        "stop_sequences": ["Human:"],
        "system": [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}],
        "messages": messages,
        # Without tools an agent's request counts as auxiliary and moves no thread.
        "tools": [{"name": "Read", "input_schema": {"type": "object"}}],
    }
    session = {"x-claude-code-session-id": "5d0d2b9e-7a51-4c35-a1a5-1f1f3f9a0c11", **headers}
    async with client.post(f"{product.url}/v1/messages", json=body, headers=session) as answer:
        await answer.read()


async def traffic(client: aiohttp.ClientSession, product: Product) -> None:
    """Answers, cache reads, a switch of a thread, a change for a target, a failure, a rejection, an
    outcome, and an artifact in shadow for what comes after.
    """
    for steps, model in enumerate(
        ("turnout/claude-opus-5-5", "turnout/claude-opus-5-5", "turnout/gpt-5.5", "turnout/auto")
    ):
        await _ask(client, product, model, steps)
    await _ask(client, product, "turnout/auto", 4, **{"x-simulate": "status=500"})
    await _ask(client, product, "no-such-model", 0)
    outcome = {"branch": "fix", "kind": "tests", "tests_passed": 1, "source": "ci"}
    async with client.post(f"{product.url}/v1/outcomes", json=outcome) as answer:
        assert answer.status == 202, await answer.text()
    artifact = resources.files("turnout.scorer").joinpath("artifact.json").read_bytes()
    async with client.put(f"{product.url}/v1/artifacts/shadow", data=artifact) as answer:
        assert answer.status == 200, await answer.text()


@dataclass(slots=True)
class Serving:
    """Five processes that have had traffic, where they show their metrics, and what they showed."""

    product: Product
    addresses: list[str]
    shown: Shown


@pytest.fixture(scope="module")
async def serving(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    """Comes back once nothing is missing from the metrics that should come."""
    ports = free_ports(len(SERVICES))
    product = Product(
        home=tmp_path_factory.mktemp("product"),
        split=True,
        settings={
            f"TURNOUT_{name.upper()}__METRICS_PORT": str(port)
            for name, port in zip(SERVICES, ports, strict=True)
        },
    )
    addresses = [f"127.0.0.1:{port}" for port in (product.port("ingress"), *ports)]
    wanted = {
        selector.name
        for text in QUERIES.values()
        for selector in names_in(text).selectors
        if selector.name.startswith("turnout_")
    }
    everything = Shown()
    try:
        await product.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
            await traffic(client, product)
            async with asyncio.timeout(SETTLED_SECONDS):
                while not wanted <= set(everything.labels):
                    await asyncio.sleep(0.5)
                    await _ask(client, product, "turnout/auto", 5)
                    everything = await _scraped(client, addresses)
        yield Serving(product, addresses, everything)
    except TimeoutError:
        missing = sorted(wanted - set(everything.labels))
        raise AssertionError(f"never shown: {missing}\n{product.tail()}") from None
    finally:
        await product.kill()


@pytest.fixture(scope="module")
async def shown(serving: Serving) -> Shown:
    return serving.shown


async def _scraped(client: aiohttp.ClientSession, addresses: list[str]) -> Shown:
    found = Shown()
    for address in addresses:
        async with client.get(f"http://{address}/metrics") as answer:
            found.add(await answer.text())
    return found


async def test_every_metric_and_label_of_a_query_is_shown(shown: Shown) -> None:
    recorded = {rule.record for rule in rules_of("recording.yaml")}
    for place, text in QUERIES.items():
        names = names_in(text)
        assert names.selectors, place
        grouped = set(TARGET_LABELS)
        for selector in names.selectors:
            if selector.name in recorded:
                continue
            if selector.name == "up":
                assert set(selector.values) <= TARGET_LABELS, place
                continue
            labels = shown.labels.get(selector.name)
            assert labels is not None, f"{place}: no {selector.name}"
            grouped |= set(labels)
            for label, values in selector.values.items():
                if label in TARGET_LABELS:
                    continue
                assert label in labels, f"{place}: {selector.name} has no {label}"
                seen = labels[label] | set(CLOSED.get(label, ()))
                assert set(values) <= seen | {""}, f"{place}: {label}"
        assert names.groups <= grouped, place


async def test_every_label_of_a_legend_is_grouped_by(shown: Shown) -> None:
    del shown
    for one in asked():
        used = set(re.findall(r"\{\{(\w+)\}\}", one.target.legend_format))
        if not used or not one.target.expr:
            continue
        names = names_in(one.target.expr)
        assert used <= names.groups | TARGET_LABELS, one.place


async def test_alerts_name_only_labels_that_their_result_has(shown: Shown) -> None:
    for rule in rules_of("alerts.yaml"):
        names = names_in(rule.expr)
        of_metrics = {label for one in names.selectors for label in shown.labels.get(one.name, {})}
        used = set(re.findall(r"\$labels\.(\w+)", rule.annotations["summary"]))
        is_grouped = "by (" in rule.expr
        has = names.groups if is_grouped else of_metrics | TARGET_LABELS
        assert used <= has, rule.alert


async def test_the_metrics_follow_the_conventions_of_prometheus(shown: Shown) -> None:
    for text in shown.texts:
        assert promtool("check", "metrics", cwd=Path.cwd(), told=text) == ""


async def test_prometheus_answers_every_query_and_evaluates_every_rule(
    serving: Serving, tmp_path: Path
) -> None:
    shows_something = [
        place for place in QUERIES if ".json: " in place or place.startswith(ADAPTER)
    ]
    async with (
        prometheus(serving.addresses, home=tmp_path) as running,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client,
    ):
        await running.until_scraped(len(serving.addresses))
        await traffic(client, serving.product)
        empty = shows_something
        try:
            async with asyncio.timeout(SETTLED_SECONDS):
                # A rate needs two scrapes with the series in them.
                while empty:
                    await asyncio.sleep(1)
                    empty = [one for one in empty if not await running.answers(QUERIES[one])]
        except TimeoutError:
            raise AssertionError(f"these show nothing: {empty}") from None
        states = await running.until_evaluated()
    assert set(states.values()) == {"ok"}, states
    assert len(states) == len(rules_of("alerts.yaml")) + len(rules_of("recording.yaml"))
