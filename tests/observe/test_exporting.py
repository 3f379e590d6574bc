"""Which settings switch tracing on, and what wrong ones are told."""

import pytest

from turnout.observe.exporting import BadTracing, Exporting, exporting

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
LOCAL = "http://127.0.0.1:4318"


def test_nothing_told_means_off() -> None:
    assert exporting("", 0.5, {}) is None


@pytest.mark.parametrize(
    ("endpoint", "environment", "url"),
    [
        (LOCAL, {}, f"{LOCAL}/v1/traces"),
        (f"{LOCAL}/", {}, f"{LOCAL}/v1/traces"),
        ("", {ENDPOINT: "https://api.honeycomb.io"}, "https://api.honeycomb.io/v1/traces"),
        ("", {ENDPOINT: "https://g.net/otlp"}, "https://g.net/otlp/v1/traces"),
        ("", {TRACES_ENDPOINT: "http://a:1/whole"}, "http://a:1/whole"),
        ("", {TRACES_ENDPOINT: "http://a:1/whole", ENDPOINT: LOCAL}, "http://a:1/whole"),
        (LOCAL, {TRACES_ENDPOINT: "http://a:1/whole"}, f"{LOCAL}/v1/traces"),
        (LOCAL, {"OTEL_TRACES_EXPORTER": "otlp"}, f"{LOCAL}/v1/traces"),
        (LOCAL, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, f"{LOCAL}/v1/traces"),
        (
            LOCAL,
            {
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            },
            f"{LOCAL}/v1/traces",
        ),
    ],
)
def test_where_spans_go(endpoint: str, environment: dict[str, str], url: str) -> None:
    assert exporting(endpoint, 0.1, environment) == Exporting(url, 0.1)


@pytest.mark.parametrize(
    "environment", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}]
)
def test_the_operators_switch_wins(environment: dict[str, str]) -> None:
    assert exporting(LOCAL, None, environment) is None


@pytest.mark.parametrize(
    ("endpoint", "environment", "message"),
    [
        ("localhost:4318", {}, "TURNOUT_TRACING__ENDPOINT: write an address such as"),
        ("http://a:port", {}, "TURNOUT_TRACING__ENDPOINT: write an address such as"),
        ("", {ENDPOINT: "grpc://a:4317"}, f"{ENDPOINT}: write an address such as"),
        (LOCAL, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'grpc' is not served; write http/"),
        (LOCAL, {"OTEL_TRACES_EXPORTER": "zipkin"}, "'zipkin' is not served; write otlp or none"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_right(
    endpoint: str, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(BadTracing) as raised:
        exporting(endpoint, None, environment)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
