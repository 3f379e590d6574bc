"""Structured logs: one JSON object a line on standard error, without prompt text or credentials.

Fields are given by `extra={...}` at the call; only names in `FIELDS` are written, so that a
careless `extra` cannot leak. Request ids join logs to facts; a line that is written inside of a span
has its `trace_id` and `span_id`.
"""

import json
import logging
import sys
import time

from typing_extensions import override

from turnout.observe.spans import current_traceparent

FIELDS = (
    "request_id",
    "traceparent",
    "target",
    "status",
    "error",
    "engine",
    "port",
    "count",
    "seconds",
    "bytes",
    "subject",
    "table",
    "mode",
    "tenant",
    "pid",
    "path",
    "reason",
    "endpoint",
    "artifact",
    "artifact_role",
    "connection",
    "key",
    "keys",
    "kind",
    "spool",
    "dropped",
    "migration",
    "days",
    "from_mode",
    "to_mode",
    "difference",
    "low",
    "high",
    "treatment_sessions",
    "control_sessions",
)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, *, service: str) -> None:
        super().__init__()
        self._service = service

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        traceparent = current_traceparent()
        if traceparent:
            _, line["trace_id"], line["span_id"], *_ = traceparent.split("-")
        for name in FIELDS:
            value: object = getattr(record, name, None)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            # Exception texts of libraries may quote a body; the type and place are enough.
            line["exception"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                line["where"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        return json.dumps(line, default=str)


def configure(*, service: str, level: str) -> None:
    """Send everything to standard error as JSON lines."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonFormatter(service=service))
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(level.upper())
    # These log requests or connections one by one at INFO.
    # uvicorn advises to install a WebSocket library when a client tries one; 426 is our answer.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    for noisy in ("httpx", "uvicorn.access", "nats", "aiohttp", "clickhouse_connect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
