"""Autoscalers, disruption budgets, spread and monitors: what they point at exists."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import yaml

from k8s.validate import known
from k8s.validate.network import container_ports, labels_of, selected
from k8s.validate.objects import Json, Selector, Thing, WorkloadSpec, of_kind, workloads


class Target(Json, frozen=True):
    kind: str
    name: str


class MetricName(Json, frozen=True):
    name: str


class MetricSource(Json, frozen=True):
    metric: MetricName


class Metric(Json, frozen=True):
    type: str
    pods: MetricSource | None = None
    external: MetricSource | None = None


class AutoscalerSpec(Json, frozen=True):
    scale_target_ref: Target
    metrics: tuple[Metric, ...] = ()


class Selecting(Json, frozen=True):
    selector: Selector = Selector()


class Endpoint(Json, frozen=True):
    port: str = ""
    path: str = "/metrics"


class MonitorSpec(Json, frozen=True):
    selector: Selector = Selector()
    pod_metrics_endpoints: tuple[Endpoint, ...] = ()


class RuleName(Json, frozen=True):
    as_: str = msgspec.field(default="", name="as")


class AdapterRule(Json, frozen=True):
    series_query: str
    metrics_query: str
    name: RuleName = RuleName()


class AdapterRules(Json, frozen=True):
    custom: tuple[AdapterRule, ...] = ()
    external: tuple[AdapterRule, ...] = ()


class AdapterValues(Json, frozen=True):
    rules: AdapterRules


def check_selectors(things: Sequence[Thing]) -> Iterator[str]:
    """Workloads select their own pods; budgets and spreads select pods that are there."""
    names = sorted({str(labels_of(thing)) for thing in workloads(things)})
    for thing in workloads(things):
        spec = thing.spec(WorkloadSpec)
        labels = spec.template.metadata.labels
        if not spec.selector.matches(labels) or not spec.selector.match_labels:
            yield thing.wrong(f"selector does not match its own pods, which are {labels}")
        for spread in spec.template.spec.topology_spread_constraints:
            if not spread.label_selector.matches(labels):
                yield thing.wrong(
                    f"topologySpreadConstraints select other pods than its own, which are {labels}"
                )
        services = {one.metadata.name for one in of_kind(things, "Service")}
        if thing.kind == "StatefulSet" and spec.service_name not in services:
            yield thing.wrong(f"serviceName {spec.service_name} is no Service; expected {services}")
    for thing in of_kind(things, "PodDisruptionBudget"):
        if not selected(thing.spec(Selecting).selector, things):
            yield thing.wrong(f"selector selects no pod; expected one of {names}")


def check_autoscalers(things: Sequence[Thing], adapter: Path, root: Path) -> Iterator[str]:
    """Targets exist, and every metric is one that the adapter makes of a series of ours."""
    made = _made_by(adapter)
    targets = {(thing.kind, thing.metadata.name): thing for thing in workloads(things)}
    for thing in of_kind(things, "HorizontalPodAutoscaler"):
        spec = thing.spec(AutoscalerSpec)
        target = spec.scale_target_ref
        pod = targets.get((target.kind, target.name))
        if pod is None:
            yield thing.wrong(
                f"{target.kind} {target.name} does not exist; expected one of"
                f" {sorted(name for _, name in targets)}"
            )
        elif "replicas" in _spec_of(pod):
            yield pod.wrong("replicas is set; an autoscaler owns it: leave it out")
        for metric in spec.metrics:
            source = metric.pods or metric.external
            if source is not None and source.metric.name not in made[metric.type]:
                yield thing.wrong(
                    f"metric {source.metric.name} ({metric.type}) is made by no rule of"
                    f" {adapter.relative_to(root)}; expected one of {sorted(made[metric.type])}"
                )


def _spec_of(thing: Thing) -> dict[str, object]:
    return msgspec.convert(thing.document["spec"], dict[str, object])


def _rules(adapter: Path) -> AdapterRules:
    told = yaml.safe_load(adapter.read_text(encoding="utf-8"))
    return msgspec.convert(told, AdapterValues).rules


def _made_by(adapter: Path) -> Mapping[str, set[str]]:
    rules = _rules(adapter)
    return {
        "Pods": {rule.name.as_ for rule in rules.custom},
        "External": {rule.name.as_ for rule in rules.external},
    }


def check_adapter(adapter: Path, root: Path) -> Iterator[str]:
    """Series that the adapter asks for are series that the code has."""
    rules = _rules(adapter)
    for rule in (*rules.custom, *rules.external):
        for series in re.findall(r"turnout_[a-z_]+", rule.series_query):
            if series not in known.metric_series():
                close = sorted(one for one in known.metric_series() if one[:16] == series[:16])
                yield f"{adapter.relative_to(root)}: no metric is called {series}; expected {close}"


def check_monitors(things: Sequence[Thing]) -> Iterator[str]:
    """Every monitor selects pods, and each of them serves /metrics at that port."""
    seen: set[str] = set()
    monitors = of_kind(things, "PodMonitor")
    for thing in monitors:
        spec = thing.spec(MonitorSpec)
        pods = selected(spec.selector, things)
        if not pods:
            yield thing.wrong("selector selects no pod")
        seen |= {pod.metadata.name for pod in pods}
        for endpoint in spec.pod_metrics_endpoints:
            if endpoint.path != known.METRICS_PATH:
                yield thing.wrong(f"path is {endpoint.path}; expected {known.METRICS_PATH}")
            for pod in pods:
                ports = container_ports(pod)
                if endpoint.port not in ports or endpoint.port == "grpc":
                    yield thing.wrong(
                        f"port {endpoint.port} of {pod.metadata.name} has no metrics; expected one"
                        f" of {sorted(ports.keys() - {'grpc'})}"
                    )
    for pod in workloads(things) if monitors else ():
        if (
            pod.metadata.name not in seen
            and not pod.spec(WorkloadSpec).template.spec.containers[0].command
        ):
            yield pod.wrong("no PodMonitor selects its pods")


def check_dashboards(things: Sequence[Thing], directory: Path, root: Path) -> Iterator[str]:
    """Every dashboard is in the ConfigMap of dashboards, where there is one."""
    for thing in of_kind(things, "ConfigMap"):
        if thing.metadata.name.startswith("turnout-dashboards"):
            told = msgspec.convert(thing.document["data"], dict[str, str])
            for file in sorted(directory.glob("*.json")):
                if file.name not in told:
                    yield (
                        f"{directory.relative_to(root)}/kustomization.yaml: {file.name} is missing"
                        " in files"
                    )
