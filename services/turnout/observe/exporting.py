"""Whether spans are exported and where to, from our settings and OpenTelemetry's own variables.

Pure: the environment comes in. Our settings win over the `OTEL_*` ones; `OTEL_SDK_DISABLED` and
`OTEL_TRACES_EXPORTER=none` win over everything, so that an operator's switch works here as well.
Headers, certificates, compression and timeouts are read by the exporter itself, and the sampler and the
queue by the SDK; what they would pass over with a warning or a traceback is refused here by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

TRACES_PATH = "v1/traces"
"""What is appended to a base address (OTLP specification, "Endpoint URLs for OTLP/HTTP")."""

PROTOCOL = "http/protobuf"

BATCH_SPANS = 512
"""What the SDK exports at once unless told otherwise; a queue must hold a batch."""

_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "OTEL_EXPORTER_OTLP_COMPRESSION": frozenset({"gzip", "deflate", "none"}),
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": frozenset({"gzip", "deflate", "none"}),
        "OTEL_TRACES_SAMPLER": frozenset(
            {
                "always_on",
                "always_off",
                "parentbased_always_on",
                "parentbased_always_off",
                "traceidratio",
                "parentbased_traceidratio",
            }
        ),
    }
)

_COUNTS = ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
_SECONDS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


class BadTracing(ValueError):
    """A setting is wrong; the message is one line that names it and what would be right."""


@dataclass(frozen=True, slots=True)
class Exporting:
    """Attributes:
    endpoint: the whole URL that spans are posted to.
    sample_ratio: None leaves it to `OTEL_TRACES_SAMPLER`, which by default keeps everything.
    """

    endpoint: str
    sample_ratio: float | None


def exporting(
    endpoint: str, sample_ratio: float | None, environment: Mapping[str, str]
) -> Exporting | None:
    """None when nothing is exported. Raises `BadTracing`."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter == "none":
        return None
    name, url = _address(endpoint, environment)
    if not url:
        return None
    if exporter not in {"", "otlp"}:
        raise BadTracing(
            f"OTEL_TRACES_EXPORTER: {exporter!r} is not served; write otlp or none, or unset it."
        )
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(variable, "").strip().lower()
        if protocol:
            if protocol != PROTOCOL:
                raise BadTracing(
                    f"{variable}: {protocol!r} is not served; write {PROTOCOL} (port 4318 of most"
                    " collectors), or unset it."
                )
            break
    _check(name, url)
    _check_rest(environment)
    return Exporting(endpoint=url, sample_ratio=sample_ratio)


def _address(endpoint: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the collector, and the whole URL."""
    if endpoint:
        return "TURNOUT_TRACING__ENDPOINT", _with_path(endpoint)
    whole = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if whole:
        return "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", whole
    stem = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return "OTEL_EXPORTER_OTLP_ENDPOINT", _with_path(stem) if stem else ""


def _with_path(stem: str) -> str:
    return f"{stem.rstrip('/')}/{TRACES_PATH}"


def _check(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        # Read for its ValueError: a port that is no number.
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise BadTracing(f"{name}: write an address such as http://127.0.0.1:4318.")


def _check_rest(environment: Mapping[str, str]) -> None:
    for name, words in _WORDS.items():
        word = environment.get(name, "").strip().lower()
        if word and word not in words:
            raise BadTracing(f"{name}: {word!r} is none of {', '.join(sorted(words))}.")
    for name in _HEADERS:
        # The value is a secret, so it is not repeated.
        pairs = environment.get(name, "").strip()
        if pairs and not all("=" in pair for pair in pairs.split(",")):
            raise BadTracing(f"{name}: write name=value, several separated by commas.")
    for name in _SECONDS:
        if _number(name, environment, 1.0) <= 0:
            raise BadTracing(f"{name}: write a number of seconds above 0.")
    for name in _COUNTS:
        number = _number(name, environment, 1.0)
        if number < 1 or not number.is_integer():
            raise BadTracing(f"{name}: write a whole number above 0.")
    batch = _number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", environment, BATCH_SPANS)
    if _number("OTEL_BSP_MAX_QUEUE_SIZE", environment, batch) < batch:
        raise BadTracing(f"OTEL_BSP_MAX_QUEUE_SIZE: write at least {batch:g}, the size of a batch.")
    if environment.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("traceidratio") and not (
        0 <= _number("OTEL_TRACES_SAMPLER_ARG", environment, 1.0) <= 1
    ):
        raise BadTracing("OTEL_TRACES_SAMPLER_ARG: write a share from 0 to 1.")


def _number(name: str, environment: Mapping[str, str], default: float) -> float:
    """-1 for what is no number, which is right nowhere."""
    told = environment.get(name, "").strip()
    try:
        number = float(told) if told else default
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0
