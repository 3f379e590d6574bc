"""The settings that say how requests are routed: `TURNOUT_ROUTING__<FIELD>`."""

from pydantic import Field

from turnout.policy.decision import NamedModel
from turnout.policy.request import Mode, RequestClass, TaskKind
from turnout.variable import Section


class Routing(Section):
    mode: Mode | None = Field(
        default=None,
        description="How far to go: observe (serve what was asked), cache (choose cache lifetimes too),"
        " subagents (choose their models too) or full. Unset means observe, or full with the simulated"
        " provider.",
    )
    candidates: tuple[str, ...] = Field(
        default=(
            "claude-fable-5",
            "claude-opus-5-5",
            "claude-sonnet-5-5",
            "claude-haiku-5-5",
            "gpt-5.5",
            "gpt-5.4-mini",
            "deepseek-v4-pro",
            "glm-5.1",
            "kimi-k2.6",
        ),
        description="Models that may be chosen, as a JSON list.",
    )
    baseline_model: str = Field(
        default="claude-opus-5-5",
        description="What turnout/auto is compared with, and served by in observe mode.",
    )
    value_usd: float = Field(
        default=20.0,
        gt=0,
        description="Worth in USD of a thread that succeeds instead of failing; the default is about"
        " twenty minutes of a developer.",
    )
    switch_margin: float = Field(
        default=0.2, ge=0, description="Share of a move's price that its gain must exceed."
    )
    quality_bias: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The dial between cost and quality, in place of the value: 0 is the cheapest, 1 the best"
        " whatever it costs, and between them it is the share of the quality to be had that is bought"
        " (`turnout mix`).",
    )
    named_model: NamedModel = Field(
        default="ceiling",
        description="What the name of a model in a request means: honour (it serves), ceiling (nothing"
        " dearer serves) or baseline (savings are counted against it). turnout/<model> always serves.",
    )
    locks: dict[RequestClass | TaskKind, str] = Field(
        default={},
        description="Models that always serve a class of requests, as JSON: request classes (main,"
        " subagent, compaction, auxiliary) or task kinds (bug_fix, feature, tests, explore, review, docs,"
        " research, other) and the model of each.",
    )
    exploration: float = Field(
        default=0.02,
        ge=0,
        le=0.5,
        description="Share of free windows in which a model is tried that may be the best.",
    )
    unpriced_compete: bool = Field(
        default=False,
        description="Candidates whose price is not known may be chosen too, by their quality alone and above"
        " any ceiling; what they cost stays unknown.",
    )
    keep_warm: bool = Field(
        default=False,
        description="Whether requests that only keep a main thread's prompt cached are sent while it pauses,"
        " as long as they are expected to pay; not in observe mode, in the control arm or on a"
        " subscription.",
    )
    keep_warm_budget_usd: float = Field(
        default=5.0,
        ge=0,
        description="What requests that only keep prompts cached may cost a tenant on one day (UTC) at most, USD.",
    )
    second_usd: float = Field(
        default=0.0,
        ge=0,
        description="Worth in USD of a second less until an answer's first content, at every request of a thread:"
        " 0.0167 is what `value_usd` takes a developer's time to be worth; at 0 waiting is no argument.",
    )
    control_share: float = Field(
        default=0.1,
        ge=0,
        le=0.9,
        description="Share of sessions, 0.9 at most, that are served as asked whatever the mode, to measure"
        " savings against; 0 measures nothing.",
    )
    arm_salt: str = Field(
        default="",
        max_length=200,
        description="A word by which sessions are divided into treatment and control; another one divides them anew.",
    )
    guardrail_margin: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How much worse the mean outcome of treated sessions (0 to 1) must be shown to be than"
        " that of the control arm before a tenant goes one mode back; at 1 none ever does.",
    )
    guardrail_confidence: float = Field(
        default=0.95,
        ge=0.5,
        lt=1,
        description="Confidence, over all looks together, with which a tenant's treated sessions must be shown to be"
        " worse.",
    )
    guardrail_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Seconds from the guardrail's one look at the outcomes to the next.",
    )
