"""Every feature of an answer over every pair that can say it, streamed and whole."""

import pytest

from tests.matrix import answer_readers as read
from tests.matrix.answers import ANSWERS
from tests.matrix.declared import ALL, PAIRS, SHORT, Feature, Kept, Pair, outcome
from tests.matrix.driving import AGENT, TUNED, as_asked, asked, target_of
from tests.matrix.rig import FOLDED, Rig, received, reply
from turnout.capabilities import Dialect

pytestmark = pytest.mark.anyio


def cells() -> list[object]:
    found: list[object] = []
    for feature in ANSWERS:
        for client, upstream in PAIRS:
            if feature.sides[upstream].wire is None:
                continue
            for stream in (True, False):
                if feature.only == "stream" and not stream:
                    continue
                reason = feature.failing.get((client, upstream))
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
                name = f"{feature.name}-{SHORT[client]}-{SHORT[upstream]}"
                name += "-stream" if stream else "-whole"
                found.append(
                    pytest.param(feature, (client, upstream), stream, id=name, marks=marks)
                )
    return found


@pytest.mark.parametrize(("feature", "pair", "stream"), cells())
async def test_cell(feature: Feature, pair: Pair, stream: bool, there: Rig) -> None:
    client, upstream = pair
    models = AGENT if feature.model == "agent" else TUNED
    model = models[upstream]
    fields = dict(feature.asks.get(client, {}))
    if client == "openai_chat" and stream:
        fields |= {"stream_options": {"include_usage": True}}
    request = asked(client, fields, target_of(upstream, model), stream=stream, served=model)
    wire = feature.sides[upstream].wire
    assert wire is not None
    told = reply(upstream, wire, stream=stream)
    answer = await there.ask(request, upstream, told)
    assert answer.head.status == 200
    if client == upstream:
        assert answer.body == as_asked(told.body)
        return
    heard = received(client, answer, stream=stream)
    reads = feature.sides[client].reads
    if isinstance(outcome(feature, upstream, client, pair), Kept):
        assert reads is not None
        assert reads(heard) == feature.expected(client)
    else:
        # The rest of the answer goes its way.
        assert read.text(client, heard) == read.text(upstream, wire)
        assert reads is None or reads(heard) != feature.expected(client)


SAMPLES = [
    pytest.param(feature, dialect, id=f"{feature.name}-{SHORT[dialect]}")
    for feature in ANSWERS
    for dialect in ALL
    if feature.sides[dialect].wire is not None
    and feature.sides[dialect].reads is not None
    and not feature.sides[dialect].differs
]


@pytest.mark.parametrize(("feature", "dialect"), SAMPLES)
def test_samples_say_what_readers_find(feature: Feature, dialect: Dialect) -> None:
    """Of whole answers, and of the streams that are made of them."""
    side = feature.sides[dialect]
    assert side.wire is not None
    assert side.reads is not None
    streamed = reply(dialect, side.wire, stream=True)
    assert side.reads(FOLDED[dialect](streamed.body)) == feature.expected(dialect)
    if feature.only != "stream":
        assert side.reads(side.wire) == feature.expected(dialect)
