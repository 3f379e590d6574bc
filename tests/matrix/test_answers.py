"""Every feature of an answer over every pair that can say it, streamed and whole."""

import pytest

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
    if isinstance(outcome(feature, upstream, client, pair), Kept):
        reads = feature.sides[client].reads
        assert reads is not None
        assert reads(heard) == feature.expected(client)


@pytest.mark.parametrize("dialect", ALL, ids=SHORT.get)
@pytest.mark.parametrize("feature", ANSWERS, ids=[feature.name for feature in ANSWERS])
def test_samples_say_what_readers_find(feature: Feature, dialect: Dialect) -> None:
    """Of whole answers, and of the streams that are made of them."""
    side = feature.sides[dialect]
    if side.wire is None or side.reads is None or side.differs:
        return
    streamed = reply(dialect, side.wire, stream=True)
    assert side.reads(FOLDED[dialect](streamed.body)) == feature.expected(dialect)
    if feature.only != "stream":
        assert side.reads(side.wire) == feature.expected(dialect)
