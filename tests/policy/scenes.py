"""A small catalog, tables and requests, by difference from a plain step of a Claude Code thread.

Prices are those of Anthropic's published list of the traces that the policy was measured on (Opus $5
in and $25 out, Sonnet $3 and $15, Haiku $1 and $5; reads a tenth, writes a quarter more).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict, Unpack

from msgspec import structs

from turnout.capabilities import Capabilities, Dialect, Needs
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.models import (
    CacheTerms,
    Endpoint,
    Model,
    Prices,
    Provider,
    model_of_target,
)
from turnout.catalog.snapshot import encode_snapshot
from turnout.catalog.token_families import family_of
from turnout.policy.checks import Verdict
from turnout.policy.decision import (
    Access,
    Decision,
    DecisionInputs,
    Degradation,
    Lock,
    NamedModel,
    RoutingSettings,
)
from turnout.policy.evidence import EscalationTable
from turnout.policy.request import (
    Arm,
    Features,
    Harness,
    Identity,
    Mode,
    RequestClass,
    StepKind,
    Tags,
    TaskKind,
    TextSignal,
)
from turnout.policy.standing import TargetHealth, TargetLatency
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState, WarmPrefix

NOW = 1_773_144_000.0

OPUS, SONNET, HAIKU = "claude-opus-9", "claude-sonnet-9", "claude-haiku-9"
GPT, MINI, BLIND, LOCAL, SECRET = "gpt-9", "gpt-9-mini", "deepseek-v9", "gpt-9-codex", "gpt-9-lab"

ANTHROPIC_CACHE = CacheTerms(
    kind="explicit",
    own_breakpoint=True,
    lifetimes_seconds=(300, 3_600),
    minimum_prefix_tokens=1_024,
    max_breakpoints=4,
)
OPENAI_CACHE = CacheTerms(
    kind="automatic", lifetimes_seconds=(300,), minimum_prefix_tokens=1_024, block_tokens=128
)

OPUS_PRICES = Prices(
    fresh_input=5.0, cache_read=0.5, cache_write_5m=6.25, cache_write_1h=10.0, output=25.0
)
SONNET_PRICES = Prices(
    fresh_input=3.0, cache_read=0.3, cache_write_5m=3.75, cache_write_1h=6.0, output=15.0
)
HAIKU_PRICES = Prices(
    fresh_input=1.0, cache_read=0.1, cache_write_5m=1.25, cache_write_1h=2.0, output=5.0
)
GPT_PRICES = Prices(fresh_input=5.0, cache_read=0.5, output=30.0, writes_cost_fresh=True)
MINI_PRICES = Prices(fresh_input=0.75, cache_read=0.075, output=4.5, writes_cost_fresh=True)
DEEPSEEK_PRICES = Prices(fresh_input=0.4, cache_read=0.04, output=0.9, writes_cost_fresh=True)

EVERYTHING = Capabilities(
    context_tokens=1_000_000,
    images=True,
    documents=True,
    structured_output=True,
    thinking=True,
    prompt_caching=True,
)


def provider(name: str, cache: CacheTerms, *dialects: Dialect) -> Provider:
    return Provider(
        name=name,
        endpoints=tuple(
            Endpoint(dialect=one, base_url=f"https://{name}.example", is_original=True)
            for one in dialects
        ),
        api_key_env=f"{name.upper()}_API_KEY",
        cache=cache,
    )


def model(
    name: str,
    provider: str,
    dialect: Dialect,
    prices: Prices,
    capabilities: Capabilities = EVERYTHING,
) -> Model:
    return Model(
        id=name,
        provider=provider,
        upstream_name=name,
        dialects=(dialect,),
        prices=prices,
        capabilities=capabilities,
    )


CATALOG: Catalog = parse_catalog(
    encode_snapshot(
        source="tests",
        providers=(
            provider("anthropic", ANTHROPIC_CACHE, "anthropic_messages"),
            provider("openai", OPENAI_CACHE, "openai_responses", "openai_chat"),
            provider("deepseek", OPENAI_CACHE, "openai_chat"),
        ),
        models=(
            model(OPUS, "anthropic", "anthropic_messages", OPUS_PRICES),
            model(SONNET, "anthropic", "anthropic_messages", SONNET_PRICES),
            model(
                HAIKU,
                "anthropic",
                "anthropic_messages",
                HAIKU_PRICES,
                replace(EVERYTHING, context_tokens=200_000),
            ),
            model(GPT, "openai", "openai_chat", GPT_PRICES),
            model(MINI, "openai", "openai_chat", MINI_PRICES),
            model(LOCAL, "openai", "openai_responses", MINI_PRICES),
            model(SECRET, "openai", "openai_chat", Prices()),
            model(
                BLIND,
                "deepseek",
                "openai_chat",
                DEEPSEEK_PRICES,
                Capabilities(context_tokens=1_000_000, tools=False, prompt_caching=True),
            ),
        ),
    )
)

ANTHROPIC_ENV = Access("anthropic", "env")
ANTHROPIC_CLIENT = Access("anthropic", "client")
OPENAI_ENV = Access("openai", "env")
DEEPSEEK_ENV = Access("deepseek", "env")


NO_ESCALATION = EscalationTable(
    failing_checks=0, error_streak=0, green_gain=0.0, staying_red=(), checks=()
)


@dataclass(frozen=True, eq=False)
class PlainTables:
    """Tables that say the same whatever is asked, and qualities by model."""

    digest: str = "t" * 64
    qualities: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    steps: float = 40.0
    growth: float = 1_000.0
    output: float = 300.0
    share: float = 0.99
    pauses: float = 0.9 * 0.024 / 0.1036
    escalation: EscalationTable = NO_ESCALATION

    def quality(
        self, *, model: str, task_kind: TaskKind, cluster: int, output_price: float | None
    ) -> tuple[float, float]:
        return self.qualities.get(model, (0.5, 0.0))

    def remaining_steps(
        self, *, harness: Harness, step_kind: StepKind, steps: int, is_subagent: bool
    ) -> float:
        return self.steps

    def growth_tokens(self, *, harness: Harness, step_kind: StepKind, is_subagent: bool) -> float:
        return self.growth

    def output_tokens(self, *, harness: Harness, step_kind: StepKind, is_subagent: bool) -> float:
        return self.output

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        return self.share if gap_seconds <= lifetime_seconds else 0.0

    def idle_share(
        self, *, harness: Harness, is_subagent: bool, ends_turn: bool | None, seconds: float
    ) -> float:
        """A tenth of the answers is the last; of a thousand others four come after more than an hour, and
        `pauses` for each of all these between five minutes and an hour.
        """
        if seconds <= 0.0:
            return 1.0
        longer = 0.1 + 0.9 * 0.004
        if seconds < 3_600.0:
            return longer * (1.0 + self.pauses)
        return longer if seconds < 86_400.0 else 0.1


TABLES = PlainTables(
    qualities={OPUS: (0.8, 0.0), SONNET: (0.75, 0.0), HAIKU: (0.6, 0.0), GPT: (0.8, 0.0)}
)


class Difference(TypedDict, total=False):
    model: str
    prompt: int
    kind: StepKind
    request_class: RequestClass
    is_subagent: bool
    mode: Mode
    access: tuple[Access, ...]
    candidates: tuple[str, ...]
    value_usd: float
    margin: float
    baseline: str
    state: ThreadState
    needs: Needs
    dialect: Dialect
    degraded: tuple[Degradation, ...]
    text: TextSignal
    asks_one_hour: bool
    lacks_breakpoints: bool
    attached: int
    head_tokens: int
    draw: float
    arm: Arm
    named: NamedModel
    locks: Mapping[RequestClass | TaskKind, str]
    exploration: float
    unpriced_compete: bool
    keep_warm: bool
    keep_warm_budget_usd: float
    second_usd: float
    health: tuple[TargetHealth, ...]
    latencies: tuple[TargetLatency, ...]
    check: Verdict
    errors: int


def scene(**given: Unpack[Difference]) -> DecisionInputs:
    """A request of a Claude Code thread for Opus, in full mode, with keys of ours for everybody."""
    prompt = given.get("prompt", 30_000)
    return DecisionInputs(
        identity=Identity(
            tenant="acme",
            principal="p",
            harness="claude_code",
            session="s",
            thread="main",
            thread_key="k",
            is_subagent=given.get("is_subagent", False),
            is_explicit=True,
            request_class=given.get("request_class", "main"),
            arm=given.get("arm", ""),
        ),
        tags=Tags(team="core"),
        features=Features(
            dialect=given.get("dialect", "anthropic_messages"),
            requested_model=given.get("model", OPUS),
            step_kind=given.get("kind", "user_input"),
            stream=True,
            body_bytes=prompt * 4,
            needs=structs.replace(given.get("needs", Needs()), prompt_tokens_estimate=prompt),
            message_count=1,
            tool_count=12,
            tool_result_count=0,
            step_tool_results=0,
            step_tool_errors=given.get("errors", 0),
            head_digest="h",
            head_tokens=given.get("head_tokens", 0),
            last_message_digest="l",
            text_digest="",
            asks_one_hour=given.get("asks_one_hour", False),
            lacks_breakpoints=given.get("lacks_breakpoints", False),
            attachment_tokens=given.get("attached", 0),
            check=given.get("check", ""),
        ),
        state=given.get("state", ThreadState()),
        text=given.get("text", TextSignal(cluster=1, similarity=0.5, task_kind="bug_fix")),
        mode=given.get("mode", "full"),
        access=given.get("access", (ANTHROPIC_ENV, OPENAI_ENV, DEEPSEEK_ENV)),
        settings=RoutingSettings(
            value_usd=given.get("value_usd", 10.0),
            switch_margin=given.get("margin", 0.2),
            candidates=given.get("candidates", (OPUS, SONNET, HAIKU, GPT, MINI, BLIND)),
            baseline_model=given.get("baseline", OPUS),
            named_model=given.get("named", "ceiling"),
            locks=tuple(Lock(what, name) for what, name in given.get("locks", {}).items()),
            exploration=given.get("exploration", 0.0),
            unpriced_compete=given.get("unpriced_compete", False),
            keep_warm=given.get("keep_warm", False),
            keep_warm_budget_usd=given.get("keep_warm_budget_usd", 0.0),
            second_usd=given.get("second_usd", 0.0),
        ),
        degraded=given.get("degraded", ()),
        catalog_digest=CATALOG.digest,
        artifact_digest=TABLES.digest,
        now=NOW,
        draw=given.get("draw", 0.5),
        health=given.get("health", ()),
        latencies=given.get("latencies", ()),
    )


def decided(tables: PlainTables = TABLES, **given: Unpack[Difference]) -> Decision:
    return decide(scene(**given), catalog=CATALOG, tables=tables)


def warm_at(target: str, tokens: int, *, share: float = 1.0, left: float = 280.0) -> WarmPrefix:
    return WarmPrefix(
        target=target,
        tokens=tokens,
        last_used_at=NOW - 20,
        expires_at=NOW + left,
        lifetime_seconds=300.0,
        hit_share=share,
    )


def running(
    target: str, *, warm: int = 0, steps: int = 20, kept: float = 1.0, left: float = 280.0
) -> ThreadState:
    """A thread that `target` has served, with so many tokens still cached there."""
    return ThreadState(
        steps=steps,
        target=target,
        started_at=NOW - 900,
        last_at=NOW - 20,
        prompt_tokens=warm,
        kept_share=kept,
        warm=(warm_at(target, warm, left=left),) if warm else (),
        counted_by=family_of(model_of_target(target)),
    )
