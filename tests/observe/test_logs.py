"""What a log line holds: what is named, and never a prompt or a credential."""

import json
import logging
from typing import Any

import pytest

from turnout.observe.logs import FIELDS, JsonFormatter

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
