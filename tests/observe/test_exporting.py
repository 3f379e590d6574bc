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
        (
            LOCAL,
            {"OTEL_TRACES_SAMPLER": "some"},
            "OTEL_TRACES_SAMPLER: 'some' is none of always_off",
        ),
        (
            LOCAL,
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
            "OTEL_TRACES_SAMPLER_ARG: write a share from 0 to 1.",
        ),
        (LOCAL, {"OTEL_BSP_SCHEDULE_DELAY": "2s"}, "OTEL_BSP_SCHEDULE_DELAY: write a whole number"),
        (LOCAL, {"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, "OTEL_BSP_MAX_QUEUE_SIZE: write at least 512"),
        (
            LOCAL,
            {"OTEL_EXPORTER_OTLP_TIMEOUT": "nan"},
            "OTEL_EXPORTER_OTLP_TIMEOUT: write a number",
        ),
        (LOCAL, {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, "'zip' is none of deflate, gzip, none"),
        (LOCAL, {"OTEL_EXPORTER_OTLP_HEADERS": "hunter2"}, "HEADERS: write name=value, several"),
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
    assert "hunter2" not in str(raised.value)


def test_right_values_of_the_standard_variables_pass() -> None:
    environment = {
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
        "OTEL_BSP_MAX_QUEUE_SIZE": "2048",
        "OTEL_BSP_SCHEDULE_DELAY": "5000",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1024",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-honeycomb-team=key,x-other=a%20b",
    }
    assert exporting(LOCAL, None, environment) == Exporting(f"{LOCAL}/v1/traces", None)
