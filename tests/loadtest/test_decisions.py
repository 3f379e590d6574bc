"""What the benchmark of decisions compares."""

from loadtest.decisions import CANDIDATES, ROUND, measured, request
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.policy.switch import decide
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

CATALOG = parse_catalog(snapshot_bytes())
TABLES = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)


def test_all_that_are_compared_may_serve_and_are_compared() -> None:
    for count in (1, *CANDIDATES):
        decision = decide(request(CATALOG, candidates=count), catalog=CATALOG, tables=TABLES)
        assert [one.lacks for one in decision.candidates] == [()] * count
        assert (decision.action == "pin") is (count == 1)


def test_every_number_of_candidates_is_measured_beside_a_pinned_model() -> None:
    rows = measured(CATALOG, TABLES, decisions=ROUND)
    assert [one.candidates for one in rows] == [1, *CANDIDATES]
    assert all(0 < one.median_us <= one.p99_us for one in rows)
