"""Autoscalers, disruption budgets, spread and monitors: what they point at exists."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from k8s.validate import known
from k8s.validate.files import shaped
from k8s.validate.network import Chart, container_ports, labels_of, selected
from k8s.validate.objects import Json, Selector, Thing, WorkloadSpec, of_kind, workloads

ADAPTER = "k8s/engines/prometheus-adapter.values.yaml"
JOB = "turnout"


class Target(Json, frozen=True):
    kind: str
    name: str


class MetricName(Json, frozen=True):
    name: str


class MetricSource(Json, frozen=True):
    metric: MetricName


class Metric(Json, frozen=True):
    type: str
    resource: MetricName | None = None
    pods: MetricSource | None = None
    external: MetricSource | None = None


class AutoscalerSpec(Json, frozen=True):
    scale_target_ref: Target
    metrics: tuple[Metric, ...] = ()


class Named(Json, frozen=True):
    """A Service's selector, which is plain labels."""

    selector: dict[str, str] = {}


class Selecting(Json, frozen=True):
    selector: Selector = Selector()


class Endpoint(Json, frozen=True):
    port: str = ""
    path: str = "/metrics"


class MonitorSpec(Json, frozen=True):
    job_label: str = ""
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


class AdapterPrometheus(Json, frozen=True):
    url: str
    port: int


class AdapterValues(Json, frozen=True):
    prometheus: AdapterPrometheus
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
        if thing.kind == "StatefulSet":
            yield from _wrong_service_name(thing, spec, things)
    budgets = of_kind(things, "PodDisruptionBudget")
    kept: list[str] = []
    for thing in budgets:
        pods = selected(thing.spec(Selecting).selector, things)
        kept += [pod.metadata.name for pod in pods]
        if not pods:
            yield thing.wrong(f"selector selects no pod; expected one of {names}")
    for thing in workloads(things):
        is_ours = not thing.spec(WorkloadSpec).template.spec.containers[0].command
        if is_ours and kept.count(thing.metadata.name) != 1:
            found = kept.count(thing.metadata.name)
            yield thing.wrong(f"{found} PodDisruptionBudgets select its pods; expected 1")


def _wrong_service_name(thing: Thing, spec: WorkloadSpec, things: Sequence[Thing]) -> Iterator[str]:
    """The Service that gives the pods their names selects them."""
    labels = spec.template.metadata.labels
    services = {
        one.metadata.name: one.spec(Named).selector.items() <= labels.items()
        for one in of_kind(things, "Service")
    }
    if spec.service_name not in services:
        yield thing.wrong(
            f"serviceName {spec.service_name} is no Service; expected {set(services)}"
        )
    elif not services[spec.service_name]:
        yield thing.wrong(f"serviceName {spec.service_name} is the Service of other pods")


def check_autoscalers(things: Sequence[Thing], root: Path) -> Iterator[str]:
    """Targets exist, and every metric is one that the adapter makes of a series of ours."""
    made = _made_by(root)
    targets = {(thing.kind, thing.metadata.name): thing for thing in workloads(things)}
    scaled: set[tuple[str, str]] = set()
    for thing in of_kind(things, "HorizontalPodAutoscaler"):
        spec = thing.spec(AutoscalerSpec)
        target = spec.scale_target_ref
        pod = targets.get((target.kind, target.name))
        if pod is None:
            yield thing.wrong(
                f"{target.kind} {target.name} does not exist; expected one of"
                f" {sorted(name for _, name in targets)}"
            )
        elif (target.kind, target.name) in scaled:
            yield thing.wrong(f"{target.name} has another autoscaler; expected one")
        elif "replicas" in _spec_of(pod):
            yield pod.wrong("replicas is set; an autoscaler owns it: leave it out")
        scaled.add((target.kind, target.name))
        for metric in spec.metrics:
            resource = metric.resource.name if metric.resource else "cpu"
            if resource not in ("cpu", "memory"):
                yield thing.wrong(
                    f"resource {resource} is measured nowhere; expected cpu or memory"
                )
            source = metric.pods or metric.external
            if source is not None and source.metric.name not in made.get(metric.type, ()):
                yield thing.wrong(
                    f"metric {source.metric.name} ({metric.type}) is made by no rule of"
                    f" {ADAPTER}; expected one of {sorted(made.get(metric.type, ()))}"
                )
    for name, pod in targets.items():
        if name not in scaled and "replicas" not in _spec_of(pod):
            yield pod.wrong("replicas is not set and no autoscaler owns it: one pod would run")


def _spec_of(thing: Thing) -> dict[str, object]:
    return msgspec.convert(thing.document["spec"], dict[str, object])


def adapter_values(root: Path) -> AdapterValues:
    return shaped(root, ADAPTER, AdapterValues)


def _made_by(root: Path) -> Mapping[str, set[str]]:
    rules = adapter_values(root).rules
    return {
        "Pods": {rule.name.as_ for rule in rules.custom},
        "External": {rule.name.as_ for rule in rules.external},
    }


def check_adapter(root: Path, charts: Sequence[Chart]) -> Iterator[str]:
    """It asks a Prometheus that is installed, for series that the code has."""
    told = adapter_values(root)
    rules = told.rules
    asked = f"{told.prometheus.url}:{told.prometheus.port}"
    installed = [
        f"http://{one.service}.{one.namespace}.svc:{one.port}"
        for one in charts
        if one.release == "prometheus"
    ]
    if asked not in installed:
        yield f"{ADAPTER}: prometheus is {asked}; expected one of {installed}"
    for rule in (*rules.custom, *rules.external):
        for series in re.findall(r"turnout_[a-z_]+", rule.series_query):
            if series not in known.metric_series():
                close = sorted(one for one in known.metric_series() if one[:16] == series[:16])
                yield f"{ADAPTER}: no metric is called {series}; expected {close}"


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
        for pod in pods:
            job = labels_of(pod).get(spec.job_label, "")
            if job != JOB:
                yield thing.wrong(
                    f"jobLabel {spec.job_label} makes job {job!r} of {pod.metadata.name};"
                    f" expected {JOB}, which alerts and dashboards ask for"
                )
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
            told = msgspec.convert(thing.document.get("data", {}), dict[str, str])
            for file in sorted(directory.glob("*.json")):
                if file.name not in told:
                    yield (
                        f"{directory.relative_to(root)}/kustomization.yaml: {file.name} is missing"
                        " in files"
                    )
