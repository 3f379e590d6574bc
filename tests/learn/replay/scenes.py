"""Recorded threads by difference from a plain one, and the models that may serve them."""

from collections.abc import Sequence
from functools import lru_cache

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.models import WriteLifetime
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.replay.caches import Target
from turnout.learn.replay.recorded import Answer, Call, Recorded, Step, Thread
from turnout.learn.replay.scenario import scenario
from turnout.learn.replay.targets import targets_of
from turnout.learn.replay.walk import Walk
from turnout.policy.artifact import Artifact
from turnout.policy.request import TaskKind
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

OPUS, SONNET, HAIKU = "claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5"
GPT, DEARER_GPT = "gpt-5.4", "gpt-5.5"

START = 1_780_000_000.0


@lru_cache
def catalog() -> Catalog:
    return parse_catalog(snapshot_bytes())


@lru_cache
def tables() -> Artifact:
    return load_artifact(None, embedder_digest=EMBEDDER_DIGEST)


@lru_cache
def targets() -> dict[str, Target]:
    return targets_of((OPUS, SONNET, HAIKU, GPT, DEARER_GPT), catalog=catalog(), tables=tables())


def thread(
    gaps: Sequence[float] = (10.0, 10.0, 10.0),
    *,
    number: int = 0,
    model: str = OPUS,
    lifetime: WriteLifetime = "5m",
    first: float = 20_000.0,
    growth: float = 1_000.0,
    head: float = 0.0,
    output: float = 300.0,
    is_subagent: bool = False,
    kept: Sequence[float | None] = (),
    only_reads: bool = False,
    task_kind: TaskKind = "other",
    ends_turn: bool = False,
) -> Thread:
    """Calls after idle gaps, the first of which is before the second call; `kept` are the tokens that a
    call keeps of the prompt before, None for all of them.
    """
    calls: list[Call] = []
    at, prompt = START + number, first
    for place in range(len(gaps) + 1):
        gap = gaps[place - 1] if place else 0.0
        at += gap
        told = kept[place] if place < len(kept) else None
        whole = prompt - growth if place else 0.0
        step = Step(
            thread=number,
            number=place,
            index=place,
            at=at,
            gap_seconds=gap,
            model=model,
            prompt_tokens=prompt,
            kept_tokens=whole if told is None else told,
            head_tokens=0.0 if place else head,
            lifetime=lifetime,
            turn=place,
            starts_turn=place == 0,
            is_planning=False,
        )
        answer = Answer(at=at, output_tokens=output, only_reads=only_reads, ends_turn=ends_turn)
        calls.append(Call(step, answer))
        prompt += growth
    return Thread(
        repo="repo",
        session=f"session{number}",
        name="main",
        harness="claude_code",
        is_subagent=is_subagent,
        calls=tuple(calls),
        task_kind=task_kind,
    )


def walk_of(
    *threads: Thread,
    may_serve: str = "all",
    candidates: Sequence[str] = (),
    verbosity: float = 1.0,
) -> Walk:
    return Walk(
        Recorded(threads, {}), targets(), scenario(may_serve, candidates), verbosity=verbosity
    )
