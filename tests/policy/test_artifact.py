"""The artifact: what its lookups promise, and what its file refuses."""

import math
import statistics
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.artifacts import SHIPPED
from turnout.policy.artifact import (
    FORMAT,
    Ability,
    Artifact,
    ArtifactContent,
    ArtifactInvalid,
    Estimate,
    KindScale,
    PriceLine,
    Provenance,
    StepFigures,
    TextTables,
    encode_artifact,
    parse_artifact,
)
from turnout.policy.chance import is_unmeasured
from turnout.policy.evidence import EscalationTable
from turnout.policy.hits import HitCurve
from turnout.policy.idle import IdleGaps, IdlePart
from turnout.policy.request import Harness, StepKind, TaskKind


def figures(remaining: tuple[float, ...], growth: float = 1000.0) -> StepFigures:
    return StepFigures(
        growth_tokens=growth, output_tokens=300.0, remaining=remaining, calls=100, threads=10
    )


PARTS: tuple[IdlePart, ...] = get_args(IdlePart)


def idle(*shares: float) -> IdleGaps:
    return IdleGaps(shares=shares, calls=100)


CONTENT = ArtifactContent(
    format=FORMAT,
    created="2026-07-13",
    embedder_digest="e" * 64,
    text=TextTables(
        dimensions=2,
        centroids="fwAAfw==",
        kind_weights="",
        kinds=("bug_fix", "other"),
        cues=(),
        kind_margin=0.1,
        members=(3, 1),
    ),
    kinds={
        "bug_fix": KindScale(easiness=1.0, sd=0.2, items=300),
        "other": KindScale(easiness=0.0, sd=0.9, items=0),
    },
    abilities={
        "claude-opus-4-8": Ability(mean=0.8, sd=0.2, source="benchmarks", scores=5),
        "glm-5.1": Ability(mean=0.3, sd=0.2, source="benchmarks", scores=5),
        "claude-haiku-4-5": Ability(mean=-0.2, sd=0.5, source="family", scores=0),
    },
    population=Ability(mean=0.1, sd=0.6, source="population", scores=0),
    price=PriceLine(intercept=-0.2, slope=0.2, sd=0.4),
    success={"bug_fix": {"claude-opus-4-8": Estimate(mean=0.84, sd=0.02, items=299)}},
    cluster_effects=({}, {"claude-opus-4-8": -0.05}),
    step_edges=(0, 1, 4),
    steps={
        "any": {"any": figures((50.0, 40.0, 60.0)), "subagent": figures((10.0, 9.0, 7.0), 4000.0)},
        "codex": {
            "any": figures((70.0, 70.0, 70.0)),
            "user_input": figures((90.0, 80.0, 85.0), 500.0),
            "tool_continuation": figures((70.0, 71.0, 72.0), 1500.0),
        },
    },
    gap_edges_seconds=(60.0, 300.0, 3600.0),
    escalation=EscalationTable(
        failing_checks=3, error_streak=0, green_gain=0.1, staying_red=(0.2, 0.3), checks=(9, 4)
    ),
    hits=(
        HitCurve(
            provider="anthropic",
            lifetime_seconds=300.0,
            is_automatic=False,
            shares=(0.99, 0.95, 0.1, 0.02),
            calls=(9, 9, 9, 9),
        ),
        HitCurve(
            provider="anthropic",
            lifetime_seconds=3600.0,
            is_automatic=False,
            shares=(0.99, 0.97, 0.93, 0.1),
            calls=(9, 9, 9, 9),
        ),
        HitCurve(
            provider="openai",
            lifetime_seconds=300.0,
            is_automatic=True,
            shares=(0.97, 0.85, 0.4, 0.1),
            calls=(9, 9, 9, 9),
        ),
    ),
    kind_doubts={},
    first_requests=(),
    idle_edges_seconds=(100.0, 10_000.0),
    idle_gaps={
        "any": {part: idle(0.3, 0.1) for part in PARTS},
        "codex": {"main": idle(0.5, 0.2), "main_ended": idle(0.8, 0.4)},
    },
    provenance=Provenance(
        data=(),
        tools={},
        parameters={},
        measures={},
        catalog_digest="",
        licences=(),
        card=("Made by hand.",),
    ),
)

ARTIFACT = parse_artifact(encode_artifact(CONTENT))


def test_a_file_is_what_was_written() -> None:
    assert ARTIFACT.content == CONTENT
    assert encode_artifact(ARTIFACT.content) == encode_artifact(CONTENT)


def test_another_content_has_another_digest() -> None:
    other = parse_artifact(encode_artifact(replace(CONTENT, created="2026-07-14")))
    assert other.digest != ARTIFACT.digest
    assert len(other.digest) == 64


def test_a_changed_file_is_refused() -> None:
    changed = encode_artifact(CONTENT).replace(b"0.84", b"0.94")
    with pytest.raises(ArtifactInvalid, match="was changed after training"):
        parse_artifact(changed)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"digest":"","content":[]}'])
def test_what_is_no_artifact_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactInvalid):
        parse_artifact(data)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (replace(CONTENT, format=FORMAT + 1), f"format {FORMAT + 1}"),
        (replace(CONTENT, kinds={"bug_fix": CONTENT.kinds["bug_fix"]}), 'kinds has "other"'),
        (replace(CONTENT, abilities={}), "every model in success has an ability"),
        (replace(CONTENT, step_edges=(0, 1)), "one value a step edge"),
        (replace(CONTENT, gap_edges_seconds=(60.0,)), "one value a gap bucket"),
        (replace(CONTENT, steps={}), '"any" with the part "any"'),
        (replace(CONTENT, idle_gaps={}), "idle gaps have"),
        (replace(CONTENT, idle_edges_seconds=(1.0,)), "one share an edge"),
        (replace(CONTENT, created="13 July"), "created is a date"),
        (replace(CONTENT, created="20260713"), "created is a date"),
    ],
)
def test_an_incomplete_artifact_says_what_is_missing(content: ArtifactContent, what: str) -> None:
    with pytest.raises(ArtifactInvalid, match=what):
        parse_artifact(encode_artifact(content))


SCORED = [name for name, one in SHIPPED.content.abilities.items() if one.source == "benchmarks"]


def quality(model: str, kind: TaskKind = "bug_fix", cluster: int = -1) -> tuple[float, float]:
    return ARTIFACT.quality(model=model, task_kind=kind, cluster=cluster)


def test_a_measured_model_has_its_estimate() -> None:
    assert quality("claude-opus-4-8") == (0.84, 0.02)


@pytest.mark.parametrize(
    "spelling", ["anthropic/claude-opus-4.8", "claude-opus-4-8-20260528", "Claude-Opus-4-8[1m]"]
)
def test_other_spellings_are_the_same_model(spelling: str) -> None:
    assert quality(spelling) == (0.84, 0.02)


def test_a_told_kind_counts_for_every_kind_that_it_may_be() -> None:
    sure, other = quality("claude-opus-4-8"), quality("claude-opus-4-8", "other")
    content = replace(CONTENT, kind_doubts={"bug_fix": {"bug_fix": 0.75, "other": 0.25}})
    doubting = parse_artifact(encode_artifact(content))
    mean, sd = doubting.quality(model="claude-opus-4-8", task_kind="bug_fix", cluster=-1)
    assert mean == pytest.approx(0.75 * sure[0] + 0.25 * other[0])
    assert sd == pytest.approx(0.75 * sure[1] + 0.25 * other[1])
    # What is not told by the text tables is taken as it is.
    assert doubting.quality(model="claude-opus-4-8", task_kind="other", cluster=-1) == other


def test_a_cluster_moves_only_the_models_it_knows() -> None:
    assert quality("claude-opus-4-8", cluster=1)[0] == pytest.approx(0.79)
    assert quality("glm-5.1", cluster=1) == quality("glm-5.1")
    assert quality("claude-opus-4-8", cluster=99) == quality("claude-opus-4-8")


def test_a_model_not_measured_on_the_kind_is_guessed_from_its_ability() -> None:
    mean, sd = quality("glm-5.1")
    assert mean == pytest.approx(1 / (1 + math.exp(-1.3)))
    assert sd > quality("claude-opus-4-8")[1]


def test_less_known_models_are_less_certain() -> None:
    assert quality("claude-haiku-4-5")[1] > quality("glm-5.1")[1]


def test_an_unknown_model_is_guessed_from_its_price() -> None:
    cheap, dear = (
        ARTIFACT.quality(model="new", task_kind="bug_fix", cluster=-1, output_price=price)
        for price in (1.0, 20.0)
    )
    assert cheap[0] < dear[0]


@pytest.mark.parametrize("kind", get_args(TaskKind))
def test_a_model_that_nobody_has_measured_is_no_better_than_those_that_are_known(
    kind: TaskKind,
) -> None:
    known = [SHIPPED.quality(model=one, task_kind=kind, cluster=-1) for one in SCORED]
    mean, sd = SHIPPED.quality(model="house-model", task_kind=kind, cluster=-1, output_price=0.0)
    assert mean <= statistics.fmean(one for one, _ in known)
    # Three in four of the known ones are told apart from nothing more surely than it.
    assert sd / mean > statistics.quantiles([spread / one for one, spread in known])[2]
    assert is_unmeasured(mean, sd)
    assert not any(is_unmeasured(*one) for one in known)


def test_a_kind_that_was_not_trained_is_other() -> None:
    assert quality("glm-5.1", "review") == quality("glm-5.1", "other")


@given(
    model=st.sampled_from(["claude-opus-4-8", "glm-5.1", "claude-haiku-4-5", "x"]),
    kind=st.sampled_from(["bug_fix", "tests", "other"]),
    cluster=st.integers(-2, 5),
    price=st.none() | st.floats(0, 1e6),
)
def test_a_quality_is_a_chance_with_an_uncertainty(
    model: str, kind: TaskKind, cluster: int, price: float | None
) -> None:
    mean, sd = ARTIFACT.quality(model=model, task_kind=kind, cluster=cluster, output_price=price)
    assert 0 < mean < 1
    assert 0 < sd < 0.5


@pytest.mark.parametrize(
    ("steps", "expected"), [(0, 90.0), (1, 80.0), (3, 80.0), (4, 85.0), (9999, 85.0)]
)
def test_remaining_steps_follow_the_steps_so_far(steps: int, expected: float) -> None:
    found = ARTIFACT.remaining_steps(harness="codex", step_kind="user_input", steps=steps)
    assert found == expected


def test_an_unknown_harness_has_the_figures_of_all() -> None:
    assert ARTIFACT.remaining_steps(harness="aider", step_kind="user_input", steps=0) == 50.0


@pytest.mark.parametrize("kind", ["title", "classification", "probe", "token_count"])
def test_nothing_follows_an_auxiliary_request(kind: StepKind) -> None:
    assert ARTIFACT.remaining_steps(harness="codex", step_kind=kind, steps=5) == 1.0
    assert ARTIFACT.growth_tokens(harness="codex", step_kind=kind) == 0.0
    assert ARTIFACT.output_tokens(harness="codex", step_kind=kind) > 0


def test_subagents_have_their_own_figures() -> None:
    start = ARTIFACT.remaining_steps(harness="aider", step_kind="subagent_start", steps=0)
    later = ARTIFACT.remaining_steps(
        harness="aider", step_kind="tool_continuation", steps=4, is_subagent=True
    )
    assert (start, later) == (10.0, 7.0)


def test_growth_is_that_of_the_steps_that_follow() -> None:
    assert ARTIFACT.growth_tokens(harness="codex", step_kind="user_input") == 1500.0
    assert ARTIFACT.growth_tokens(harness="aider", step_kind="subagent_start") == 4000.0


def hit(
    provider: str,
    lifetime: float,
    gap: float,
    *,
    is_automatic: bool = False,
    artifact: Artifact = ARTIFACT,
) -> float:
    return artifact.hit_share(
        provider=provider,
        lifetime_seconds=lifetime,
        is_automatic=is_automatic,
        gap_seconds=gap,
    )


def test_hits_depend_on_lifetime_and_gap() -> None:
    assert hit("anthropic", 300, 10) == 0.99
    assert hit("anthropic", 300, 300) == 0.95
    assert hit("anthropic", 300, 400) == 0.1
    assert hit("anthropic", 3600, 400) == 0.93
    assert hit("openai", 300, 400) == 0.4


def test_a_provider_without_traces_has_the_curve_stretched_to_its_lifetime() -> None:
    assert hit("deepseek", 3000, 299) == hit("anthropic", 3600, 299 * 1.2)
    assert hit("deepseek", 600, 599) == hit("anthropic", 300, 299)
    assert hit("zhipu", 300, 400, is_automatic=True) == hit("openai", 300, 400)
    assert hit("aws.bedrock", 300, 400) == hit("anthropic", 300, 400)


def test_nothing_is_found_without_a_cache() -> None:
    assert hit("mistral_ai", 0, 1) == 0.0


@given(
    provider=st.sampled_from(["anthropic", "openai", "other"]),
    lifetime=st.floats(1, 1e6),
    gaps=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_a_longer_gap_never_finds_more(
    provider: str, lifetime: float, gaps: tuple[float, float]
) -> None:
    short, long = (hit(provider, lifetime, gap) for gap in sorted(gaps))
    assert 0 <= long <= short <= 1


def test_an_artifact_without_curves_believes_the_lifetime() -> None:
    bare = Artifact(content=replace(CONTENT, hits=()), digest="")
    assert hit("openai", 300, 300, artifact=bare) == 1.0
    assert hit("openai", 300, 301, artifact=bare) == 0.0


def idle_share(harness: Harness, seconds: float, *, ends_turn: bool | None = None) -> float:
    return ARTIFACT.idle_share(
        harness=harness, is_subagent=False, ends_turn=ends_turn, seconds=seconds
    )


@pytest.mark.parametrize(
    ("harness", "seconds", "ends_turn", "share"),
    [
        ("codex", 100.0, None, 0.5),
        ("codex", 100.0, True, 0.8),
        # Without a row of its own for it, a harness pauses as all do.
        ("codex", 100.0, False, 0.3),
        ("aider", 100.0, None, 0.3),
        ("codex", 0.0, None, 1.0),
        ("codex", 50.0, None, 0.75),
        ("codex", 1_000.0, None, 0.35),
        ("codex", 1e9, None, 0.2),
    ],
)
def test_how_long_threads_pause(
    harness: Harness, seconds: float, ends_turn: bool | None, share: float
) -> None:
    assert idle_share(harness, seconds, ends_turn=ends_turn) == pytest.approx(share)
