"""Whether spans are exported and where to, from our settings and OpenTelemetry's own variables.

Pure: the environment comes in. Our settings win over the `OTEL_*` ones; `OTEL_SDK_DISABLED` and
`OTEL_TRACES_EXPORTER=none` win over everything, so that an operator's switch works here as well.
Headers, certificates, compression and timeouts are left to the `OTEL_EXPORTER_OTLP_*` variables that
the exporter reads itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TRACES_PATH = "v1/traces"
"""What is appended to a base address (OTLP specification, "Endpoint URLs for OTLP/HTTP")."""

PROTOCOL = "http/protobuf"


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
