"""Every feature of a request over every pair that can say it."""

import json

import pytest

from tests.matrix.declared import (
    ALL,
    PAIRS,
    SHORT,
    Feature,
    Inexpressible,
    Kept,
    Pair,
    Refused,
    outcome,
)
from tests.matrix.driving import AGENT, ASKED, TUNED, Sent, asked, base_of, sent
from tests.matrix.requests import REQUESTS
from tests.matrix.transcripts import transcript_of
from turnout.capabilities import Dialect
from turnout.errors import Unsupported


def cells() -> list[object]:
    found: list[object] = []
    for feature in REQUESTS:
        for client, upstream in PAIRS:
            if feature.sides[client].wire is None:
                continue
            reason = feature.failing.get((client, upstream))
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
            name = f"{feature.name}-{SHORT[client]}-{SHORT[upstream]}"
            found.append(pytest.param(feature, (client, upstream), id=name, marks=marks))
    return found


def gone(feature: Feature, pair: Pair) -> Sent:
    client, upstream = pair
    model = (AGENT if feature.model == "agent" else TUNED)[upstream]
    fields = feature.sides[client].wire
    assert fields is not None
    return sent(asked(client, fields, served=model), upstream, model)


@pytest.mark.parametrize(("feature", "pair"), cells())
def test_cell(feature: Feature, pair: Pair) -> None:
    client, upstream = pair
    match outcome(feature, client, upstream, pair):
        case Kept() if client == upstream:
            out = gone(feature, pair)
            model = (AGENT if feature.model == "agent" else TUNED)[upstream]
            if client == "gemini_generate":
                assert out.raw == out.written
                assert out.url.endswith(f"/models/{model}:generateContent")
            else:
                assert out.raw == out.written.replace(f'"{ASKED}"'.encode(), f'"{model}"'.encode())
        case Kept():
            out = gone(feature, pair)
            reads = feature.sides[upstream].reads
            assert reads is not None
            assert reads(out.body) == feature.expected(upstream)
        case Refused(names):
            with pytest.raises(Unsupported, match=names):
                gone(feature, pair)
        case Inexpressible():
            # The rest of the request goes its way.
            assert gone(feature, pair).body


SAMPLES = [
    pytest.param(feature, dialect, id=f"{feature.name}-{SHORT[dialect]}")
    for feature in REQUESTS
    for dialect in ALL
    if feature.sides[dialect].reads is not None
]


@pytest.mark.parametrize(("feature", "dialect"), SAMPLES)
def test_samples_say_what_readers_find(feature: Feature, dialect: Dialect) -> None:
    """A sample and the reader of its dialect agree, and the reader finds nothing in a request that
    does not say it: so a cell can fail.
    """
    side = feature.sides[dialect]
    assert side.reads is not None
    try:
        unsaid = side.reads(base_of(dialect))
    except (KeyError, ValueError, IndexError, TypeError):
        unsaid = None
    assert unsaid != feature.expected(dialect)
    if side.wire is not None and not side.differs:
        assert side.reads(base_of(dialect) | side.wire) == feature.expected(dialect)


@pytest.mark.parametrize("dialect", ALL, ids=SHORT.get)
def test_the_smallest_request_says_go(dialect: Dialect) -> None:
    assert transcript_of(dialect)(base_of(dialect)) == [("user", "go")]
    assert json.loads(json.dumps(base_of(dialect))) == base_of(dialect)
