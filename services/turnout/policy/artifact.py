"""The trained artifact: its types, its file, and what the policy asks of it.

Rules of this module: pure, without numpy; every lookup has an answer for what the artifact has
never seen, and the answer says less by a larger standard deviation; the digest is the sha256 of
the content's bytes, so a decision can name the tables it was made with.

The file is `{"digest": "...", "content": {...}}`. `turnout train` writes it.
"""

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import msgspec

from turnout.catalog.names import plainer, split_prefix
from turnout.errors import Internal
from turnout.policy.chance import logistic, unmeasured
from turnout.policy.evidence import EscalationTable
from turnout.policy.first_requests import FirstRequest
from turnout.policy.hits import HitCurve, found_share
from turnout.policy.idle import IdleGaps, IdlePart, idle_part, share_at
from turnout.policy.kind_doubt import weighed
from turnout.policy.request import Harness, StepKind, TaskKind

FORMAT = 2
"""Version of the file; raised when an older reader could misread it."""

MEAN_FLOOR, MEAN_CEILING = 0.01, 0.99
"""No model is certain to fail or to succeed."""

AbilitySource: TypeAlias = Literal["benchmarks", "family", "price", "population"]
"""Where an ability comes from: own scores, a relative and the price, the price alone, or nothing."""

ThreadPart: TypeAlias = Literal["user_input", "tool_continuation", "subagent", "any"]
"""The rows of the trace tables; `any` is what rows with few threads are shrunk to."""


class ArtifactInvalid(Internal):
    """The file is no artifact of this format, or its content is not what its digest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Chance of success: posterior mean and standard deviation, and items it was seen on."""

    mean: float
    sd: float
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One number per model on a common logit scale; `scores` benchmarks stand behind it."""

    mean: float
    sd: float
    source: AbilitySource
    scores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScale:
    """Turns an ability into a chance: logistic(ability + easiness).

    Attributes:
        sd: of the logit, for a model that was not measured on this kind.
        items: benchmark items behind it; 0 for kinds that no benchmark covers.

    """

    easiness: float
    sd: float
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """Ability guessed from the list price: intercept + slope * ln(USD per million output)."""

    intercept: float
    slope: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTables:
    """What embeddings are compared with (turnout.scorer.text_reader).

    Attributes:
        centroids: base64 of int8, one row a cluster; a row divided by its length is a centroid.
        kind_weights: base64 of little-endian float16, one row for each of `kinds`: its columns
            are the dimensions, the cues and the constant; the highest score names the kind.
        kinds: in the order of the rows.
        cues: names of what the text says beside its embedding (turnout.scorer.text_cues).
        kind_margin: below this lead over the next kind the text is `other`.
        members: texts per cluster in training.

    """

    dimensions: int
    centroids: str
    kind_weights: str
    kinds: tuple[TaskKind, ...]
    cues: tuple[str, ...]
    kind_margin: float
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """Means over the calls of one harness and part of a thread; counts say how many."""

    growth_tokens: float
    output_tokens: float
    remaining: tuple[float, ...]
    calls: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    name: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the tables were made of and by. `card` is for people: counts, dates, blind spots."""

    data: tuple[DataFile, ...]
    tools: dict[str, str]
    parameters: dict[str, float]
    measures: dict[str, float]
    catalog_digest: str
    licences: tuple[str, ...]
    card: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactContent:
    """The tables.

    Attributes:
        population: the model that could be any of those with scores.
        created: date of the newest row that was trained on, so that it follows from the data.
        success: by task kind and model, shrunk to what the model's ability predicts.
        kind_doubts: what a kind that the text tables tell is worth (policy/kind_doubt.py).
        cluster_effects: added to a mean, by cluster and model; empty where text predicts nothing.
        step_edges: lower ends of the buckets of `StepFigures.remaining`, in answered steps.
        first_requests: a few that stand for all, for the dial (policy/dial.py).
        gap_edges_seconds: upper ends of the buckets of `HitCurve.shares`; the last is open.
        idle_gaps: by harness, "any" among them.

    """

    format: int
    created: str
    embedder_digest: str
    text: TextTables
    kinds: dict[TaskKind, KindScale]
    abilities: dict[str, Ability]
    population: Ability
    price: PriceLine
    success: dict[TaskKind, dict[str, Estimate]]
    cluster_effects: tuple[dict[str, float], ...]
    kind_doubts: dict[TaskKind, dict[TaskKind, float]]
    step_edges: tuple[int, ...]
    steps: dict[str, dict[ThreadPart, StepFigures]]
    gap_edges_seconds: tuple[float, ...]
    hits: tuple[HitCurve, ...]
    first_requests: tuple[FirstRequest, ...]
    idle_edges_seconds: tuple[float, ...]
    idle_gaps: dict[str, dict[IdlePart, IdleGaps]]
    escalation: EscalationTable
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """Content and its digest; what policy/rank.py calls `Tables`. Equal to itself alone."""

    content: ArtifactContent = field(repr=False)
    digest: str

    @property
    def escalation(self) -> EscalationTable:
        return self.content.escalation

    def quality(
        self,
        *,
        model: str,
        task_kind: TaskKind,
        cluster: int,
        output_price: float | None = None,
    ) -> tuple[float, float]:
        """Mean chance of success and its standard deviation, over the kinds that a thread may be of which is
        told to be of `task_kind`.

        A model that was not measured on this kind is guessed from its ability; one without any
        score from its list price, `output_price` (USD per million tokens); one without is `unmeasured`.
        """
        content = self.content
        key = _key(content.abilities, model)

        def of_kind(kind: TaskKind) -> tuple[float, float]:
            known = content.success.get(kind, {}).get(key)
            if known is not None:
                return known.mean, known.sd
            return self._guess(content.abilities.get(key), kind, output_price)

        mean, sd = weighed(content.kind_doubts, task_kind, of_kind)
        if 0 <= cluster < len(content.cluster_effects):
            mean += content.cluster_effects[cluster].get(key, 0.0)
        return min(max(mean, MEAN_FLOOR), MEAN_CEILING), sd

    def remaining_steps(
        self, *, harness: Harness, step_kind: StepKind, steps: int, is_subagent: bool = False
    ) -> float:
        """Requests expected from here on, this one included, after `steps` answered ones."""
        if step_kind in _ONE_STEP:
            return 1.0
        edges = self.content.step_edges
        bucket = min(max(bisect_right(edges, steps) - 1, 0), len(edges) - 1)
        return self._figures(harness, step_kind, is_subagent=is_subagent).remaining[bucket]

    def growth_tokens(
        self, *, harness: Harness, step_kind: StepKind, is_subagent: bool = False
    ) -> float:
        """Tokens by which the prompt grows with each later step.

        Whatever this step is, most of those that follow it are tool continuations.
        """
        if step_kind in _ONE_STEP:
            return 0.0
        later: StepKind = "subagent_start" if step_kind == "subagent_start" else "tool_continuation"
        return self._figures(harness, later, is_subagent=is_subagent).growth_tokens

    def output_tokens(
        self, *, harness: Harness, step_kind: StepKind, is_subagent: bool = False
    ) -> float:
        """Output tokens of a step."""
        return self._figures(harness, step_kind, is_subagent=is_subagent).output_tokens

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        """Share of the previous prompt expected in the cache after an idle gap."""
        return found_share(
            self.content.hits,
            self.content.gap_edges_seconds,
            provider=provider,
            lifetime_seconds=lifetime_seconds,
            is_automatic=is_automatic,
            gap_seconds=gap_seconds,
        )

    def idle_share(
        self, *, harness: Harness, is_subagent: bool, ends_turn: bool | None, seconds: float
    ) -> float:
        """Share of answers after which nothing has come for longer than so many seconds; of all answers
        where it is not known yet whether this one ends the turn.
        """
        content = self.content
        part = idle_part(is_subagent=is_subagent, ends_turn=ends_turn)
        row = content.idle_gaps.get(harness, {}).get(part) or content.idle_gaps["any"][part]
        return share_at(content.idle_edges_seconds, row.shares, seconds)

    def _guess(
        self, ability: Ability | None, task_kind: TaskKind, output_price: float | None
    ) -> tuple[float, float]:
        content = self.content
        scale = content.kinds.get(task_kind) or content.kinds["other"]
        if ability is not None:
            logit, sd = ability.mean, ability.sd
        elif output_price is not None and output_price > 0:
            line = content.price
            logit, sd = line.intercept + line.slope * math.log(output_price), line.sd
        else:
            best = max((one.mean for one in content.abilities.values()), default=0.0)
            logits = (content.population.mean + scale.easiness, best + scale.easiness)
            return unmeasured(typical=logistic(logits[0]), best=logistic(logits[1]))
        mean = logistic(logit + scale.easiness)
        # Delta method: the slope of the logistic at the mean.
        return mean, mean * (1 - mean) * math.hypot(sd, scale.sd)

    def _figures(self, harness: str, step_kind: StepKind, *, is_subagent: bool) -> StepFigures:
        rows = self.content.steps.get(harness) or self.content.steps["any"]
        part: ThreadPart
        if is_subagent or step_kind == "subagent_start":
            part = "subagent"
        else:
            part = "user_input" if step_kind == "user_input" else "tool_continuation"
        return rows.get(part) or rows["any"]


_ONE_STEP: frozenset[StepKind] = frozenset({"title", "classification", "probe", "token_count"})
"""Requests beside the thread: nothing follows them."""


def parse_artifact(data: bytes) -> Artifact:
    """Read an artifact file. Raises `ArtifactInvalid` saying what is wrong with it."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        if hashlib.sha256(envelope.content).hexdigest() != envelope.digest:
            raise ArtifactInvalid(
                "The artifact's content is not what its digest says: the file was changed after "
                "training. Take the original file or run `turnout train`."
            )
        version = msgspec.json.decode(envelope.content, type=_Version).format
        if version != FORMAT:
            raise ArtifactInvalid(
                f"The artifact has format {version}; this version reads {FORMAT}. "
                "Run `turnout train` of this version."
            )
        content = msgspec.json.decode(envelope.content, type=ArtifactContent)
    except msgspec.MsgspecError as error:
        raise ArtifactInvalid(f"The artifact cannot be read: {error}.") from error
    _check(content)
    return Artifact(content=content, digest=envelope.digest)


def encode_artifact(content: ArtifactContent) -> bytes:
    """Write an artifact; the same content gives the same bytes, one table a line."""
    names = content.__dataclass_fields__
    lines = [
        msgspec.json.encode(name) + b":" + msgspec.json.encode(getattr(content, name))
        for name in names
    ]
    body = b"{\n" + b",\n".join(lines) + b"\n}"
    digest = hashlib.sha256(body).hexdigest().encode()
    return b'{"digest":"' + digest + b'","content":' + body + b"}\n"


class _Envelope(msgspec.Struct):
    digest: str
    content: msgspec.Raw


class _Version(msgspec.Struct):
    format: int


_DATE = re.compile(r"(\d{4}-\d\d-\d\d)?")


def _check(content: ArtifactContent) -> None:
    """What the lookups rely on and the types do not say."""
    for name, is_whole in (
        ("created is a date, or nothing", bool(_DATE.fullmatch(content.created))),
        ('kinds has "other"', "other" in content.kinds),
        ('steps has "any" with the part "any"', "any" in content.steps.get("any", {})),
        (
            "every model in success has an ability",
            all(content.abilities.keys() >= table.keys() for table in content.success.values()),
        ),
        (
            "remaining has one value a step edge",
            all(
                len(figures.remaining) == len(content.step_edges) > 0
                for rows in content.steps.values()
                for figures in rows.values()
            ),
        ),
        (
            "hit shares have one value a gap bucket",
            all(len(curve.shares) == len(content.gap_edges_seconds) + 1 for curve in content.hits),
        ),
        (
            'idle gaps have "any" with all parts and one share an edge',
            content.idle_gaps.get("any", {}).keys() == set(get_args(IdlePart))
            and all(
                len(one.shares) == len(content.idle_edges_seconds) > 0
                for rows in content.idle_gaps.values()
                for one in rows.values()
            ),
        ),
        (
            "every harness has the part any",
            all("any" in rows for rows in content.steps.values()),
        ),
    ):
        if not is_whole:
            raise ArtifactInvalid(f"The artifact is incomplete; expected: {name}.")


def _key(abilities: Mapping[str, Ability], model: str) -> str:
    """The name under which the tables know a model, by its id or a plainer spelling of it."""
    if model in abilities:
        return model
    _, bare = split_prefix(model)
    return next((form for form in plainer(bare) if form in abilities), "")
