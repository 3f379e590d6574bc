"""What a log line holds: what is named, and never a prompt or a credential."""

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnout.observe.logs import FIELDS, JsonFormatter

SERVICES = Path(__file__).parents[2] / "services" / "turnout"
TOKEN = "sk-ant-oat01-" + "t" * 40
BEARER = {"authorization": f"Bearer {TOKEN}"}


def line_of(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = caplog.records
    return JsonFormatter(service="ingress").format(record)


def test_a_line_has_the_fields_that_are_named_and_no_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    extra: dict[str, object] = {name: f"told {name}" for name in FIELDS}
    extra |= {"headers": BEARER, "body": TOKEN, "credential": TOKEN, "query": f"key={TOKEN}"}
    logging.getLogger("turnout.x").warning("refused", extra=extra)
    line: dict[str, Any] = json.loads(line_of(caplog))
    assert {name: line[name] for name in FIELDS} == {name: f"told {name}" for name in FIELDS}
    assert line["message"] == "refused"
    assert TOKEN not in json.dumps(line)


def test_the_text_of_an_exception_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """Those of libraries quote what they were given."""
    try:
        raise ValueError(f"illegal header value {BEARER}")
    except ValueError:
        logging.getLogger("turnout.x").exception("request failed")
    line: dict[str, Any] = json.loads(line_of(caplog))
    assert line["exception"] == "ValueError"
    assert line["where"].rpartition(":")[0] == __file__
    assert TOKEN not in json.dumps(line)


def told(source: str) -> Iterator[str]:
    """The names that log calls give."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "extra"
            and isinstance(node.value, ast.Dict)
        ):
            for key in node.value.keys:
                assert isinstance(key, ast.Constant)
                yield str(key.value)


def test_no_log_call_names_a_field_that_is_not_written() -> None:
    named = {
        (name, str(path.relative_to(SERVICES)))
        for path in SERVICES.rglob("*.py")
        for name in told(path.read_text(encoding="utf-8"))
    }
    assert ("request_id", "ingress/proxy.py") in named
    assert {(name, path) for name, path in named if name not in FIELDS} == set()
