"""What an API server refuses and the schemas let pass: quantities, and counts of pods."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from k8s.validate.objects import Json, Quantity, Resources, Thing, WorkloadSpec, of_kind, workloads

SUFFIXES: Mapping[str, Decimal] = {
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    "": Decimal(1),
    "m": Decimal(1000) ** -1,
    "u": Decimal(1000) ** -2,
    "n": Decimal(1000) ** -3,
}

QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([A-Za-z]{0,2}))")
"""Kubernetes' grammar: a number, and a suffix or an exponent of ten."""

EXPECTED = "expected a quantity such as 500m, 2 or 512Mi"


class Target(Json, frozen=True):
    value: Quantity = 0
    average_value: Quantity = 0


class Source(Json, frozen=True):
    target: Target = Target()


class Metric(Json, frozen=True):
    resource: Source = Source()
    pods: Source = Source()
    external: Source = Source()


class AutoscalerCounts(Json, frozen=True):
    max_replicas: int
    min_replicas: int = 1
    metrics: tuple[Metric, ...] = ()


def quantity(told: Quantity) -> Decimal | None:
    """Its value; None for what is no quantity."""
    matched = QUANTITY.fullmatch(str(told))
    if matched is None:
        return None
    number, exponent, suffix = matched.groups()
    if exponent is not None:
        return Decimal(number).scaleb(int(exponent))
    return Decimal(number) * SUFFIXES[suffix] if suffix in SUFFIXES else None


def check_admission(things: Sequence[Thing]) -> Iterator[str]:
    """Objects that fit the schemas."""
    for thing in workloads(things):
        spec = thing.spec(WorkloadSpec)
        if spec.replicas < 0:
            yield thing.wrong(f"replicas is {spec.replicas}; expected 0 or more")
        if not spec.template.spec.containers:
            yield thing.wrong("containers: expected at least one")
        for container in spec.template.spec.containers:
            for reason in _wrong_resources(container.resources):
                yield thing.wrong(f"container {container.name}: resources.{reason}")
        for volume in spec.template.spec.volumes:
            if volume.empty_dir is not None:
                for reason in _wrong_amount("sizeLimit", volume.empty_dir.size_limit):
                    yield thing.wrong(f"volume {volume.name}: emptyDir.{reason}")
        for claim in spec.volume_claim_templates:
            for reason in _wrong_resources(claim.spec.resources):
                yield thing.wrong(f"claim {claim.metadata.name}: resources.{reason}")
    for thing in of_kind(things, "HorizontalPodAutoscaler"):
        counts = thing.spec(AutoscalerCounts)
        if counts.min_replicas < 1:
            yield thing.wrong(f"minReplicas is {counts.min_replicas}; expected 1 or more")
        if counts.max_replicas < counts.min_replicas:
            yield thing.wrong(
                f"maxReplicas is {counts.max_replicas}; expected minReplicas, which is"
                f" {counts.min_replicas}, or more"
            )
        for metric in counts.metrics:
            for source in (metric.resource, metric.pods, metric.external):
                for reason in (
                    *_wrong_amount("value", source.target.value),
                    *_wrong_amount("averageValue", source.target.average_value),
                ):
                    yield thing.wrong(f"metrics: target.{reason}")


def _wrong_resources(resources: Resources) -> Iterator[str]:
    for kind, told in (("requests", resources.requests), ("limits", resources.limits)):
        for name, amount in told.items():
            yield from _wrong_amount(f"{kind}.{name}", amount)
    for name, amount in resources.requests.items():
        limit = resources.limits.get(name, amount)
        least, most = quantity(amount), quantity(limit)
        if least is not None and most is not None and least > most >= 0:
            yield f"requests.{name} is {amount}; expected at most its limit, {limit}"


def _wrong_amount(name: str, amount: Quantity) -> Iterator[str]:
    value = quantity(amount)
    if value is None:
        yield f"{name} is {amount}; {EXPECTED}"
    elif value < 0:
        yield f"{name} is {amount}; expected 0 or more"
