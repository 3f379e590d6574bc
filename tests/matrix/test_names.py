"""A tool is called by the client's own name, whatever the upstream knows it by."""

import json

import pytest

from tests.matrix import answer_readers as read
from tests.matrix.answer_rows import calling
from tests.matrix.declared import IDS, PAIRS, Pair
from tests.matrix.driving import AGENT, as_asked, asked, sent, target_of
from tests.matrix.request_custom import STRANGE
from tests.matrix.request_tools import SCHEMA, offered, wires_of
from tests.matrix.rig import Rig, received, reply

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
async def test_names_come_back(pair: Pair, stream: bool, there: Rig) -> None:
    client, upstream = pair
    model = AGENT[upstream]
    tools = wires_of([(STRANGE[client], "Looks.", SCHEMA)])[client]
    if client == "openai_chat" and stream:
        tools = tools | {"stream_options": {"include_usage": True}}
    request = asked(client, tools, target_of(upstream, model), stream=stream, served=model)
    ((name, _, _),) = offered(upstream, sent(request, upstream, model).body)
    wire = json.loads(json.dumps(calling()[upstream]).replace('"look"', json.dumps(name)))
    told = reply(upstream, wire, stream=stream)
    answer = await there.ask(request, upstream, told)
    if client == upstream:
        assert name == STRANGE[client]
        assert answer.body == as_asked(told.body)
        return
    calls = read.calls(client, received(client, answer, stream=stream))
    assert isinstance(calls, list)
    assert [called for _, called, _ in calls] == [STRANGE[client], "list_all"]
