"""NetworkPolicies as a set of arrows: what they allow is what the code calls, no more and no less.

A call inside the namespace counts when both sides allow it: the caller's egress and the callee's
ingress. Engines, the gateway and Prometheus are outside; there one side is ours.
"""

from collections.abc import Iterator, Mapping, Sequence

from k8s.validate.network import (
    DNS_PORTS,
    HTTPS,
    NAMESPACE,
    Arrow,
    Chart,
    Peer,
    PolicyPort,
    PolicySpec,
    arrows_of_code,
    container_ports,
    labels_of,
    name_of,
    selected,
)
from k8s.validate.objects import Selector, Thing, of_kind, workloads
from k8s.validate.pods import Service

GATEWAY_RELEASE = "eg"

CLUSTER_DNS = Peer(
    namespace_selector=Selector(match_labels={NAMESPACE: "kube-system"}),
    pod_selector=Selector(match_labels={"k8s-app": "kube-dns"}),
)
"""Kubernetes' own labels of what answers for names, whichever program does."""

PRIVATE: Mapping[str, frozenset[str]] = {
    "0.0.0.0/0": frozenset(
        {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
    ),
    "::/0": frozenset({"fc00::/7", "fe80::/10"}),
}
"""Addresses of the cluster, of its neighbours and of the cloud's metadata server (RFC 1918, 6598,
3927, 4193, 4291): no provider is there."""


def check_policies(
    services: Sequence[Service], things: Sequence[Thing], charts: Sequence[Chart]
) -> Iterator[str]:
    policies = of_kind(things, "NetworkPolicy")
    if not policies:
        return
    egress: dict[Arrow, Thing] = {}
    ingress: dict[Arrow, Thing] = {}
    named: set[str] = set()
    for policy in policies:
        spec = policy.spec(PolicySpec)
        pods = selected(spec.pod_selector, things)
        if not pods:
            yield policy.wrong(f"podSelector selects no pod; expected one of {_names(things)}")
        for pod in pods:
            yield from _read(policy, spec, pod, things, charts, egress, ingress, named)
    yield from _isolation(policies, things)
    inside = set(_names(things))
    for name in sorted(inside - named):
        yield f"{policies[0].file}: NetworkPolicy: {name} may not ask for names; allow kube-dns"
    wanted = arrows_of_code(services, things)
    for arrow in sorted(wanted):
        for side, name, found in (
            ("egress", arrow.caller, egress),
            ("ingress", arrow.callee, ingress),
        ):
            if name in inside and arrow not in found:
                yield f"{policies[0].file}: NetworkPolicy: no {side} rule allows {arrow}, which the code calls"
    for found in (egress, ingress):
        for arrow, policy in found.items():
            if arrow not in wanted:
                yield policy.wrong(f"allows {arrow}, which nothing calls")


def _read(
    policy: Thing,
    spec: PolicySpec,
    pod: Thing,
    things: Sequence[Thing],
    charts: Sequence[Chart],
    egress: dict[Arrow, Thing],
    ingress: dict[Arrow, Thing],
    named: set[str],
) -> Iterator[str]:
    own = name_of(pod)
    for rule in (*spec.ingress, *spec.egress):
        if not rule.ports or not (rule.from_ or rule.to):
            yield policy.wrong("a rule without peers or ports allows them all; name both")
    for rule in spec.ingress:
        for port in rule.ports:
            number = _number(port, container_ports(pod))
            if number is None:
                yield policy.wrong(
                    f"port {port.port} is no port of {pod.metadata.name}; expected one of"
                    f" {container_ports(pod)}"
                )
                continue
            for peer in rule.from_:
                names, reason = _who(peer, things, charts)
                if reason:
                    yield policy.wrong(reason)
                ingress.update(dict.fromkeys((Arrow(one, own, number) for one in names), policy))
    for rule in spec.egress:
        if {(port.protocol, port.port) for port in rule.ports} == DNS_PORTS:
            if rule.to != (CLUSTER_DNS,):
                yield policy.wrong("names: expected k8s-app: kube-dns of kube-system alone")
            named.add(own)
            continue
        for port in rule.ports:
            for peer in rule.to:
                names, reason = _who(peer, things, charts)
                if reason:
                    yield policy.wrong(reason)
                for name in names:
                    number = _number(port, _ports_of(name, things, charts))
                    if number is None:
                        yield policy.wrong(
                            f"port {port.port} is no port of {name}; expected one of"
                            f" {_ports_of(name, things, charts)}"
                        )
                    else:
                        egress[Arrow(own, name, number)] = policy


def _who(peer: Peer, things: Sequence[Thing], charts: Sequence[Chart]) -> tuple[list[str], str]:
    """The names at the other end, or why there are none."""
    if peer.ip_block is not None:
        missing = sorted(PRIVATE.get(peer.ip_block.cidr, set()) - {*peer.ip_block.except_})
        reason = f"{peer.ip_block.cidr}: expected {missing} in except: they are not public"
        return ["providers"], reason if missing else ""
    if peer.namespace_selector is None:
        assert peer.pod_selector is not None
        names = [name_of(pod) for pod in selected(peer.pod_selector, things)]
        told = peer.pod_selector.match_labels
        return names, "" if names else f"{told} selects no pod; expected one of {_names(things)}"
    namespace = peer.namespace_selector.match_labels.get(NAMESPACE, "")
    asked = peer.pod_selector.match_labels if peer.pod_selector else {}
    for chart in charts:
        if chart.namespace == namespace and asked.items() <= chart.labels.items():
            if chart.release == GATEWAY_RELEASE:
                return ["gateway"], ""
            if asked:
                return [chart.release], ""
    return [], (
        f"namespace {namespace!r} with pods {asked} is in no chart of k8s/engines/charts.yaml;"
        f" expected one of {sorted({chart.namespace for chart in charts})}"
    )


def _number(port: PolicyPort, ports: dict[str, int]) -> int | None:
    if isinstance(port.port, str):
        return ports.get(port.port)
    return port.port if port.port in ports.values() else None


def _ports_of(name: str, things: Sequence[Thing], charts: Sequence[Chart]) -> dict[str, int]:
    if name == "providers":
        return {"https": HTTPS}
    for pod in workloads(things):
        if name_of(pod) == name:
            return container_ports(pod)
    return {chart.release: chart.port for chart in charts if chart.release == name}


def _isolation(policies: Sequence[Thing], things: Sequence[Thing]) -> Iterator[str]:
    """Every pod is isolated in both directions: what no policy selects may call anything."""
    for pod in workloads(things):
        kinds = {
            kind
            for policy in policies
            if (spec := policy.spec(PolicySpec)).pod_selector.matches(labels_of(pod))
            for kind in spec.policy_types
        }
        if kinds != {"Ingress", "Egress"}:
            yield pod.wrong(f"NetworkPolicies cover {sorted(kinds)}; expected Egress and Ingress")


def _names(things: Sequence[Thing]) -> list[str]:
    return sorted(name_of(thing) for thing in workloads(things))
