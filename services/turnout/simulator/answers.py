"""What the simulated model answers.

Rules of this module: pure and deterministic: the same request gets the same answer. The prose is
short and about nothing in particular. Where tools are offered and a person has asked for
something, the model runs an agent loop: a few tool calls, one a step, then prose.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from turnout.simulator.directives import Directives
from turnout.simulator.measure import PLAIN, Measure
from turnout.simulator.schema_example import example, freeform_example

Stop: TypeAlias = Literal["end", "tool", "length", "refusal", "sequence", "blocked"]
"""`blocked` says that there is no answer because of what the prompt holds."""

ToolKind: TypeAlias = Literal["function", "freeform", "search", "hosted"]
"""Arguments in JSON, in free text, a search for deferred tools, or run by the provider itself."""

DEFAULT_STEPS = 3
"""Longest agent loop of its own accord: enough to see a cache grow, over in seconds."""

LEAD_TOKENS = 12
"""What is said before a loop's first tool call: a sentence."""

READING_TOOLS = (
    *("Glob", "Grep", "Read", "LS", "Bash", "list_directory", "read_file", "shell"),
    *("exec_command", "shell_command", "run_shell_command"),
)
"""Tools that are called unasked, in this order: a real agent runs them on a real machine."""

CLASSIFIER_STOP = "</block>"
"""Claude Code's safety classifier asks with this stop sequence and wants `<block>no`."""

OPENINGS = ("I looked at", "I went through", "I checked", "I read", "I compared", "I followed")
THINGS = (
    "the parser",
    "the request path",
    "the settings",
    "the failing test",
    "the module layout",
    "the error handling",
    "the cache key",
    "the retry loop",
)
FINDINGS = (
    "it does what its name says",
    "one branch is never taken",
    "the names agree with the tests",
    "the order of the calls matters here",
    "the limit is applied twice",
    "nothing else depends on it",
    "the message could say what would be right",
)
NEXT = (
    "A small change is enough.",
    "I would add a test first.",
    "Nothing needs to change.",
    "The next step is to run the tests.",
    "Tell me if you want it changed.",
)


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the request offers; `grammar` is what a freeform tool's text has to follow."""

    name: str
    schema: object
    kind: ToolKind = "function"
    namespace: str = ""
    grammar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks for, whatever its dialect.

    Attributes:
        seed: digest of the prompt; everything that looks random comes from it.
        steps_done: tool results since a person last said something.
        forced_tool: name of the tool that has to be called; "" means any of them.
        parallel: several tools may be called in one answer.
        output_schema: JSON schema that the answer has to follow.
        max_tokens: bound of the answer; 0 asks for no answer at all.
        measure: how the model counts.
    """

    seed: bytes
    user_text: str = ""
    tools: tuple[ToolOffer, ...] = ()
    forced_tool: str | None = None
    tools_allowed: bool = True
    parallel: bool = True
    steps_done: int = 0
    thinking: bool = False
    output_schema: object = None
    stop_sequences: tuple[str, ...] = ()
    max_tokens: int | None = None
    measure: Measure = PLAIN


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call with its arguments as a JSON text, or as free text where the tool takes that."""

    id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered, whatever the dialect. `id` is unique to the request.

    `prefill_only` says that the client asked for no tokens at all, to warm the cache.
    """

    id: str
    thinking: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    stop: Stop = "end"
    stop_sequence: str | None = None
    prefill_only: bool = False
    measure: Measure = PLAIN

    @property
    def thinking_tokens(self) -> int:
        return self.measure.count_text(self.thinking)

    @property
    def output_tokens(self) -> int:
        """Every token generated, thinking included; never 0 for an answer that was asked for."""
        if self.prefill_only:
            return 0
        count = self.measure.count_text
        calls = sum(count(call.name) + count(call.arguments) for call in self.calls)
        return max(1, self.thinking_tokens + count(self.text) + calls)


def answer(ask: Ask, directives: Directives) -> Answer:
    """The model's answer to `ask` under `directives`."""
    return replace(_answer(ask, directives), measure=ask.measure)


def _answer(ask: Ask, directives: Directives) -> Answer:
    count = ask.measure.count_text
    name = hashlib.blake2b(ask.seed, digest_size=12).hexdigest()
    if ask.max_tokens == 0:
        return Answer(id=name, stop="length", prefill_only=True)
    if directives.refusal:
        return Answer(id=name, text="I cannot help with that.", stop="refusal")
    if directives.blocked:
        return Answer(id=name, stop="blocked")
    if directives.empty:
        return Answer(id=name)
    thinking = ""
    if directives.thinking or (ask.thinking and ask.steps_done == 0):
        seed = hashlib.blake2b(b"thinking", key=ask.seed[:64]).digest()
        thinking = prose(seed, tokens=40, measure=ask.measure)
    calls = _calls(ask, directives, name=name)
    if any(call.kind != "hosted" for call in calls):
        length = LEAD_TOKENS if directives.tokens is None else directives.tokens
        spoken = ask.steps_done == 0 or directives.tokens is not None
        lead = prose(ask.seed, tokens=length, measure=ask.measure) if spoken else ""
        return Answer(id=name, thinking=thinking, text=lead, calls=calls, stop="tool")
    if CLASSIFIER_STOP in ask.stop_sequences:
        return Answer(id=name, text="<block>no", stop="sequence", stop_sequence=CLASSIFIER_STOP)
    text = _text(ask, directives)
    if ask.max_tokens is not None and count(thinking) + count(text) > ask.max_tokens:
        # The prose is ASCII, so bytes are characters.
        cut = text[: ask.measure.length_of(max(1, ask.max_tokens - count(thinking)))]
        return Answer(id=name, thinking=thinking, text=cut, stop="length")
    return Answer(id=name, thinking=thinking, text=text, calls=calls)


def prose(seed: bytes, *, tokens: int, measure: Measure) -> str:
    """Whole sentences of at least `tokens` tokens; the same seed gives the same sentences."""
    wanted = max(1, measure.length_of(tokens))
    parts: list[str] = []
    length = 0
    while length < wanted:
        sentence = _sentence(seed, len(parts))
        parts.append(sentence)
        length += len(sentence) + 1
    return " ".join(parts)


def pick(seed: bytes, label: str, count: int) -> int:
    """A number below `count` that depends on the seed and on what it is for."""
    digest = hashlib.blake2b(label.encode(), key=seed[:64], digest_size=8).digest()
    return int.from_bytes(digest) % count


def _sentence(seed: bytes, number: int) -> str:
    def one(label: str, choices: tuple[str, ...]) -> str:
        return choices[pick(seed, f"{label}{number}", len(choices))]

    if number % 3 == 2:
        return one("next", NEXT)
    return f"{one('opening', OPENINGS)} {one('thing', THINGS)}: {one('finding', FINDINGS)}."


def _text(ask: Ask, directives: Directives) -> str:
    if directives.say is not None:
        return directives.say
    if ask.output_schema is not None:
        return msgspec.json.encode(example(ask.output_schema)).decode()
    tokens = 30 + pick(ask.seed, "length", 60) if directives.tokens is None else directives.tokens
    return prose(ask.seed, tokens=tokens, measure=ask.measure)


def _calls(ask: Ask, directives: Directives, *, name: str) -> tuple[ToolCall, ...]:
    offers = _chosen_tools(ask, directives)
    calls: list[ToolCall] = []
    for number, offer in enumerate(offers if ask.parallel else offers[:1]):
        told = directives.args[number] if number < len(directives.args) else ""
        calls.append(
            ToolCall(
                id=f"{name}{number}" if number else name,
                name=offer.name,
                arguments=_told_arguments(offer, told) if told else _own_arguments(offer),
                kind=offer.kind,
                namespace=offer.namespace,
            )
        )
    return tuple(calls)


def _told_arguments(offer: ToolOffer, told: str) -> str:
    """The scripted JSON text as it is; of a freeform tool, the text that it holds."""
    value: object = msgspec.json.decode(told)
    return value if offer.kind == "freeform" and isinstance(value, str) else told


def _own_arguments(offer: ToolOffer) -> str:
    if offer.kind == "freeform":
        return freeform_example(offer.grammar)
    arguments = example(offer.schema)
    return msgspec.json.encode(arguments if isinstance(arguments, dict) else {}).decode()


def _chosen_tools(ask: Ask, directives: Directives) -> tuple[ToolOffer, ...]:
    if directives.text or not ask.tools_allowed:
        return ()
    if directives.tools and ask.steps_done < (directives.steps or 1):
        by_name = {tool.name: tool for tool in ask.tools}
        return tuple(by_name.get(name, ToolOffer(name, {})) for name in directives.tools)
    own = _own_choice(ask, directives)
    return () if own is None else (own,)


def _own_choice(ask: Ask, directives: Directives) -> ToolOffer | None:
    """What the model calls of its own accord, or because the request forces it."""
    offered = [tool for tool in ask.tools if tool.kind != "hosted"]
    if not offered:
        return None
    if ask.forced_tool is not None:
        forced = next((tool for tool in offered if tool.name == ask.forced_tool), None)
        return forced or _unasked_tool(ask) or offered[0]
    if directives.tools or ask.steps_done >= _steps(ask, directives):
        return None
    return _unasked_tool(ask) or (offered[0] if directives.steps is not None else None)


def _unasked_tool(ask: Ask) -> ToolOffer | None:
    reading = [tool for name in READING_TOOLS for tool in ask.tools if tool.name == name]
    return reading[ask.steps_done % len(reading)] if reading else None


def _steps(ask: Ask, directives: Directives) -> int:
    if directives.steps is not None:
        return directives.steps
    if not ask.user_text:
        return 0
    text_seed = hashlib.blake2b(ask.user_text.encode()).digest()
    return 1 + pick(text_seed, "steps", DEFAULT_STEPS)
